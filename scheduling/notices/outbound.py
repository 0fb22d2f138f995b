"""The one way to an address that a setting names: public ones only, and no further than that address.

A name is resolved once, what it resolves to is checked, and that very address is connected to, so that a name which
means another host a moment later leads nowhere. Redirects are not followed, and no proxy of the environment is asked.
"""

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx

from scheduling.conf import options
from scheduling.exceptions import NotDelivered
from scheduling.redact import DOTS

CONNECT = 5.0  # seconds
READ = 10.0  # seconds without a byte
WHOLE = 20.0  # seconds from the first connection to the last byte of the answer
MOST = 65_536  # bytes of an answer that are read
TOLD = 200  # characters of an answer that are shown
SHORTEST = 4  # characters; a shorter part of an address is no secret
CARRIERS = {  # networks of IPv6 that lead to the IPv4 address in their last 32 bits
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, deprecated by RFC 4291
}
PRIVATE = "set NOTICE_PRIVATE=true if it may be reached"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[Address]]


def is_public(address: Address) -> bool:
    """Whether `address` is one of the public internet, whatever form it hides in."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and any(address in network for network in CARRIERS):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of `host`. Raises NotDelivered where there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDelivered(f"The host {host} is not known: {error}") from None
    return list(dict.fromkeys(ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found))


def allowed(host: str, port: int, resolve: Resolve = resolve) -> list[Address]:
    """The addresses of `host` that may be connected to. Raises NotDelivered if one of them is not public."""
    found = resolve(host, port)
    hidden = next((address for address in found if not is_public(address)), None)
    if hidden is not None and not options().notice_private:
        what = f"{host} is not" if str(hidden) == host else f"{host} is {hidden}, which is not"
        raise NotDelivered(f"{what} public; {PRIVATE}.", final=True)
    return found


class Deadline:
    """Ends an exchange when its time is over, at whatever pace bytes come and go: it closes the connection."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Httpcore's `trace`: which connection it is now, first plain, then under TLS."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                self._cut()

    def _pass(self) -> None:
        with self._lock:
            self.passed = True
            self._cut()

    def _cut(self) -> None:
        if self.passed and self._socket is not None:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # below TLS, which would wait to say good-bye

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


class Guarded(httpx.BaseTransport):
    """Connects to an address that has been checked; the name stays in the Host header and in the certificate."""

    def __init__(self, resolve: Resolve, deadline: Deadline) -> None:
        self.resolve = resolve
        self.deadline = deadline
        self.inner = httpx.HTTPTransport(verify=ssl.create_default_context(), trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        failure: httpx.ConnectError | httpx.ConnectTimeout | None = None
        for address in allowed(name, port, self.resolve):
            if self.deadline.passed:
                break
            request.url = request.url.copy_with(host=str(address))
            request.extensions = {**request.extensions, "sni_hostname": name, "trace": self.deadline.watch}
            try:
                return self.inner.handle_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or httpx.ConnectError(f"{name} has no address")

    def close(self) -> None:
        self.inner.close()


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    resolve: Resolve = resolve,
    whole: float = WHOLE,
) -> None:
    """Deliver `body`. Raises NotDelivered unless the other side says that it has it (2xx)."""
    try:
        answer, said = _exchange(url, body, headers or {}, resolve, whole)
    except httpx.InvalidURL as error:
        raise NotDelivered(f"Its address is none: {without_address(str(error), url)}", final=True) from None
    except httpx.HTTPError as error:
        raise NotDelivered(f"{type(error).__name__}: {without_address(str(error), url)}") from None
    if answer.is_redirect:
        raise NotDelivered("It was sent elsewhere (a redirect), which is not followed: name the final address.")
    if not answer.is_success:
        wait = answer.headers.get("Retry-After", "")
        told = without_address(f"{answer.reason_phrase}. {said}", url).strip()[:TOLD]
        raise NotDelivered(
            f"It answered {answer.status_code} {told}",
            retry_in=min(int(wait), 3600) if wait.isascii() and wait.isdecimal() and len(wait) < 10 else None,
        )


def _exchange(
    url: str, body: bytes, headers: Mapping[str, str], resolve: Resolve, whole: float
) -> tuple[httpx.Response, str]:
    """What was answered, and the beginning of its body."""
    limits = httpx.Timeout(READ, connect=CONNECT)
    own = {"User-Agent": f"Rota/{options().version}", "Accept-Encoding": "identity", **headers}
    with (
        Deadline(whole) as deadline,
        httpx.Client(
            transport=Guarded(resolve, deadline), timeout=limits, trust_env=False, follow_redirects=False
        ) as client,
    ):
        try:
            with client.stream("POST", url, content=body, headers=own) as answer:
                return answer, _read(answer)
        except httpx.HTTPError:
            if deadline.passed:
                raise NotDelivered(f"It did not answer within {whole:g} seconds.") from None
            raise


def _read(answer: httpx.Response) -> str:
    """The beginning of the answer; where it breaks off or is endless, that is enough: its status has been heard."""
    read = b""
    with suppress(httpx.HTTPError):
        for part in answer.iter_raw():
            read += part[: MOST - len(read)]
            if len(read) >= MOST:
                break
    return read.decode("utf-8", "replace")


def without_address(text: str, url: str) -> str:
    """`text` with dots for what in `url` may be a secret: some answers repeat what they were asked."""
    try:
        parts = urlsplit(url)
        secrets = {parts.path, parts.query, parts.username or "", parts.password or ""}
    except ValueError:
        return text.replace(url, DOTS)
    secrets |= set(re.split(r"[/?&=;]", f"{parts.path}?{parts.query}"))
    spelled = {way for secret in secrets for way in (secret, unquote(secret), quote(unquote(secret)))}
    for each in sorted(spelled, key=len, reverse=True):  # the longest first, so that none is left in part
        if len(each) >= SHORTEST:
            text = text.replace(each, DOTS)
    return text
