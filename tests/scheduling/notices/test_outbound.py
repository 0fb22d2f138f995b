"""Web hooks and pings reach public addresses only, whatever a name, a redirect or an answer tries."""

import ipaddress
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from scheduling.exceptions import NotDelivered
from scheduling.notices.outbound import Address, is_public, post
from tests.scheduling.notices.conftest import Ear

Setting = Callable[..., None]


def resolving(*addresses: str) -> Callable[[str, int], list[Address]]:
    return lambda host, port: [ipaddress.ip_address(each) for each in addresses]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),  # where clouds keep credentials
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104  # this host, on Linux
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),  # NAT64 of 127.0.0.1
        ("64:ff9b::a9fe:a9fe", False),  # NAT64 of 169.254.169.254
        ("2002:7f00:1::", False),  # 6to4 of 127.0.0.1
        ("2001:0:808:808:0:0:80ff:fffe", False),  # Teredo of 127.0.0.1
    ],
)
def test_an_address_is_public_or_not_in_every_form(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_no_spelling_of_this_host_gets_through(host: str, ear: Ear) -> None:
    with pytest.raises(NotDelivered, match=r"^(?!127\.0\.0\.1 is 127).*(not public|not known|is none)"):
        post(f"http://{host}:{ear.port}/hook", b"{}")
    assert not ear.heard


def test_one_private_address_among_public_ones_is_enough_to_refuse(ear: Ear) -> None:
    with pytest.raises(NotDelivered, match=r"127\.0\.0\.1, which is not public; set NOTICE_PRIVATE") as refused:
        post(f"http://rebound.example:{ear.port}/", b"", resolve=resolving("8.8.8.8", "127.0.0.1"))
    assert refused.value.final
    assert not ear.heard


def test_a_name_is_asked_once_so_that_it_cannot_change_its_mind(ear: Ear, scheduling: Setting) -> None:
    """DNS rebinding: the first answer passes the check, the second one would be connected to."""
    scheduling(NOTICE_PRIVATE=True)
    answers = [[ipaddress.ip_address("127.0.0.1")], [ipaddress.ip_address("192.0.2.1")]]
    post(f"http://rebound.example:{ear.port}/hook", b"{}", resolve=lambda host, port: answers.pop(0))
    assert len(answers) == 1
    assert ear.heard[0][1]["Host"] == f"rebound.example:{ear.port}"


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the system's resolver says something else a moment later."""
    connected: list[str] = []

    def handle(self: object, request: object) -> None:
        connected.append(request.url.host)  # type: ignore[attr-defined]
        raise httpx.ConnectError("as far as it goes")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    with pytest.raises(NotDelivered, match="as far as it goes"):
        post("https://hooks.example/", b"", resolve=resolving("8.8.8.8", "2606:4700:4700::1111"))
    assert connected == ["8.8.8.8", "2606:4700:4700::1111"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, ear: Ear, scheduling: Setting) -> None:
    scheduling(NOTICE_PRIVATE=True)
    ear.answers = [(status, {"Location": f"{ear.url}/elsewhere"})]
    with pytest.raises(NotDelivered, match="redirect"):
        post(f"{ear.url}/hook", b"{}")
    assert ear.paths == ["/hook"]


def test_a_proxy_of_the_environment_is_not_asked(
    ear: Ear, scheduling: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduling(NOTICE_PRIVATE=True)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    post(f"{ear.url}/hook", b"{}")
    assert ear.paths == ["/hook"]


def test_what_the_other_side_asks_for_is_known(ear: Ear, scheduling: Setting) -> None:
    scheduling(NOTICE_PRIVATE=True)
    ear.answers = [(429, {"Retry-After": "7"}), (500, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})]
    for wait in (7, None):
        with pytest.raises(NotDelivered, match=r"429 Too Many|500 Internal") as refused:
            post(f"{ear.url}/hook", b"{}")
        assert (refused.value.retry_in, refused.value.final) == (wait, False)


@pytest.mark.parametrize(
    "says",
    [
        "no such hook: /services/T00/geheim/{job}?key=abcd&x=1",
        "https:\\/\\/hook\\/services\\/T00\\/geheim",
        "token geheim of abcd is unknown to robert",
        "%7Bjob%7D" * 5,
    ],
)
def test_an_answer_that_repeats_the_address_does_not_betray_it(says: str, ear: Ear, scheduling: Setting) -> None:
    scheduling(NOTICE_PRIVATE=True)
    ear.answers, ear.says = [(404, {})], f"{says} {'.' * 180} {says}"
    with pytest.raises(NotDelivered, match=r"404 Not Found\..*••••••") as refused:
        post(f"http://robert:hunter@127.0.0.1:{ear.port}/services/T00/geheim/%7Bjob%7D?key=abcd&x=1", b"{}")
    for secret in ("geheim", "abcd", "robert", "hunter", "job", "services"):
        assert secret not in str(refused.value)


class Drip:
    """A server that says one byte each moment, without end, once it has been asked."""

    def __init__(self, beginning: bytes) -> None:
        self.beginning = beginning
        self.over = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/hook"
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        with self.listening, suppress(OSError):  # whoever asks has gone
            asking, _ = self.listening.accept()
            with asking:
                asking.recv(1000)
                asking.sendall(self.beginning)
                while not self.over.wait(0.01):
                    asking.sendall(b"x")

    def close(self) -> None:
        self.over.set()
        self.thread.join()


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nX-Endless: "])
def test_an_answer_that_drips_is_not_waited_for(beginning: bytes, scheduling: Setting) -> None:
    scheduling(NOTICE_PRIVATE=True)
    drip = Drip(beginning)
    with pytest.raises(NotDelivered, match=r"did not answer within 0\.2 seconds"):
        post(drip.url, b"{}", whole=0.2)
    drip.close()


@pytest.mark.parametrize(
    "head", [b"Content-Length: 99999999\r\n", b"", b"Transfer-Encoding: chunked\r\n"], ids=["long", "open", "chunked"]
)
def test_a_body_that_drips_is_cut_off_and_the_status_counts(head: bytes, scheduling: Setting) -> None:
    scheduling(NOTICE_PRIVATE=True)
    fine, ill = (Drip(b"HTTP/1.1 %s\r\n%s\r\n" % (status, head)) for status in (b"200 OK", b"500 No"))
    post(fine.url, b"{}", whole=0.2)
    with pytest.raises(NotDelivered, match="It answered 500 No"):
        post(ill.url, b"{}", whole=0.2)
    fine.close()
    ill.close()


def test_no_further_address_is_tried_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def handle(self: object, request: httpx.Request) -> None:
        tried.append(request.url.host)
        threading.Event().wait(0.1)
        raise httpx.ConnectTimeout("nobody there")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    with pytest.raises(NotDelivered, match="did not answer within 0"):
        post("https://hooks.example/", b"", resolve=resolving(*[f"8.8.8.{last}" for last in range(50)]), whole=0.05)
    assert len(tried) < 50


@pytest.mark.parametrize("url", ["http://", "https://[::1", "http://a b/", "http://no.such.host.invalid/"])
def test_an_address_that_is_none_is_told_as_such(url: str) -> None:
    with pytest.raises(NotDelivered):
        post(url, b"")
