"""The one way to an address that a setting names: public ones only, and no further than that address.

A name is resolved once, what it resolves to is checked, and that very address is connected to, so that a name which
means another host a moment later leads nowhere. Redirects are not followed, and no proxy of the environment is asked.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping

import httpx

from scheduling.conf import options
from scheduling.exceptions import NotDelivered

CONNECT = 5.0  # seconds
READ = 10.0  # seconds without a byte
WHOLE = 20.0  # seconds for the whole answer
MOST = 65_536  # bytes of an answer that are read
TOLD = 200  # characters of an answer that are shown
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
        raise NotDelivered(f"{host} is {hidden}, which is not public; {PRIVATE}.", final=True)
    return found


class Guarded(httpx.BaseTransport):
    """Connects to an address that has been checked; the name stays in the Host header and in the certificate."""

    def __init__(self, resolve: Resolve = resolve) -> None:
        self.resolve = resolve
        self.inner = httpx.HTTPTransport(verify=ssl.create_default_context(), trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        failure: httpx.ConnectError | httpx.ConnectTimeout | None = None
        for address in allowed(name, port, self.resolve):
            request.url = request.url.copy_with(host=str(address))
            request.extensions = {**request.extensions, "sni_hostname": name}
            try:
                return self.inner.handle_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or httpx.ConnectError(f"{name} has no address")

    def close(self) -> None:
        self.inner.close()


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None, resolve: Resolve = resolve) -> None:
    """Deliver `body`. Raises NotDelivered unless the other side says that it has it (2xx)."""
    limits = httpx.Timeout(READ, connect=CONNECT)
    own = {"User-Agent": f"Rota/{options().version}", "Accept-Encoding": "identity", **(headers or {})}
    try:
        with (
            httpx.Client(transport=Guarded(resolve), timeout=limits, trust_env=False, follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers=own) as answer,
        ):
            said = _read(answer)
    except httpx.InvalidURL as error:
        raise NotDelivered(f"Its address is none: {error}", final=True) from None
    except httpx.HTTPError as error:
        raise NotDelivered(f"{type(error).__name__}: {error}") from None
    if answer.is_redirect:
        raise NotDelivered("It was sent elsewhere (a redirect), which is not followed: name the final address.")
    if not answer.is_success:
        wait = answer.headers.get("Retry-After", "")
        raise NotDelivered(
            f"It answered {answer.status_code} {answer.reason_phrase}. {said}".strip(),
            retry_in=min(int(wait), 3600) if wait.isascii() and wait.isdecimal() and len(wait) < 10 else None,
        )


def _read(answer: httpx.Response) -> str:
    """The beginning of the answer; an endless or a dripping one is cut off."""
    end, read = time.monotonic() + WHOLE, b""
    for part in answer.iter_raw():
        read += part[: MOST - len(read)]
        if len(read) >= MOST or time.monotonic() > end:
            break
    return read[: 4 * TOLD].decode("utf-8", "replace")[:TOLD]
