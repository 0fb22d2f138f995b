"""Mail: one for each match, by the book of SMTP; a repeated one is known by its Message-ID."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.classifieds import outbox
from tasks.classifieds.conf import options
from tasks.classifieds.mail import _refused, message, message_id
from tasks.classifieds.models import ClosedChannel, Delivery
from tasks.classifieds.notify import ROOM, TIME, Delivered
from tasks.recording import Entry
from tests.tasks.classifieds.rules.conftest import NOON, deliver, make_listing, make_match, make_rule
from tests.tasks.classifieds.rules.smtp import PASSWORD, MailServer
from tests.tasks.classifieds.rules.test_discord import news

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

EVIL = "<b>bold</b>\r\nBcc: all@example.org\u2028X: y"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def by_mail(configure: Callable[..., None]) -> Callable[..., None]:
    """Configure mail by that server; a test may say otherwise."""

    def by_mail(server: MailServer, **values: Any) -> None:
        usual = {
            "GMAIL_ADDRESS": "watch@gmail.example",
            "GMAIL_APP_PASSWORD": "abcd efgh ijkl mnop",
            "NOTIFY_EMAIL": "ada@home.example",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": server.port,
            "SMTP_SECURITY": "none",
        }
        configure(**(usual | values))

    return by_mail


def test_each_match_is_a_mail(entry: Entry, server: MailServer, by_mail: Callable[..., None]) -> None:
    by_mail(server)
    rule = make_rule(name="My <rule>")
    listing = make_listing("ACME <HP-900> ü", condition="Like new & boxed")
    match = make_match(listing, rule, channels=("mail",))
    make_match(channels=("mail",))
    assert deliver(entry, NOON) == Delivered(2, 0, 0)
    assert server.logins == ["watch@gmail.example"]
    mail = server.mails[0]
    assert mail["Subject"] == "New: ACME <HP-900> ü, 800 USD"
    assert (mail["From"], mail["To"]) == ("watch@gmail.example", "ada@home.example")
    assert mail["Message-ID"] == f"<rule-{rule.pk}.listing-{match.listing_id}.first@gmail.example>"
    text, html = (part.get_content() for part in mail.iter_parts())
    assert "Condition: Like new & boxed" in text
    assert f"https://classifieds.example{listing.path}" in text
    assert "ACME &lt;HP-900&gt; ü" in html
    assert "My &lt;rule&gt;" in html
    assert "<HP-900>" not in html


def test_no_text_becomes_a_header(configure: Callable[..., None]) -> None:
    configure(GMAIL_ADDRESS="watch@gmail.example", NOTIFY_EMAIL="ada@home.example")
    made = message(news(title=EVIL, rule=EVIL, facts=(("Seller", EVIL),)), options(), NOON)
    assert made["Subject"] == "New: <b>bold</b> Bcc: all@example.org X: y, 800 USD"
    assert made["Bcc"] is None
    assert set(made.keys()) == {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type")
    }
    assert "<b>bold" not in made.get_body(("html",)).get_content()  # type: ignore[union-attr]  # there is one
    assert message_id(news(key="cheaper:17"), "w@gmail.example") == "<rule-1.listing-2.cheaper-17@gmail.example>"


@pytest.mark.parametrize("address", ["", "x", "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example"])
def test_an_address_that_is_none_closes_the_channel(
    entry: Entry, server: MailServer, by_mail: Callable[..., None], address: str
) -> None:
    by_mail(server, NOTIFY_EMAIL=address)
    make_match(channels=("mail",))
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    expected = "NOTIFY_EMAIL is no mail address." if address else "The channel mail is not configured."
    assert (Delivery.objects.get().error, Delivery.objects.get().attempts) == (expected, 0)
    assert not server.logins


@pytest.mark.parametrize(
    ("setting", "value", "advice"),
    [
        ("GMAIL_APP_PASSWORD", "abcd efgh ijkl mnöp", "app password of 16 letters"),
        ("GMAIL_APP_PASSWORD", "abcd\x00efgh", "app password of 16 letters"),
        ("GMAIL_ADDRESS", "watch@bücher.example", "xn--"),
        ("SMTP_HOST", "smtp..example", "no name of a host"),
        ("SMTP_HOST", "x" * 64 + ".example", "no name of a host"),
    ],
)
def test_a_setting_that_cannot_be_sent_is_told_and_tries_nothing(
    entry: Entry, server: MailServer, by_mail: Callable[..., None], setting: str, value: str, advice: str
) -> None:
    by_mail(server, **{setting: value})
    make_match(channels=("mail",))
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    waiting = Delivery.objects.get()
    assert waiting.error.startswith(setting)
    assert advice in waiting.error
    assert (waiting.attempts, value in waiting.error) == (0, False)
    assert not server.logins


def test_an_app_password_may_have_the_spaces_that_google_shows(
    entry: Entry, server: MailServer, by_mail: Callable[..., None]
) -> None:
    by_mail(server, GMAIL_APP_PASSWORD="abcd\xa0efgh ijkl\u2009mnop")
    make_match(channels=("mail",))
    assert deliver(entry, NOON) == Delivered(1, 0, 0)


def test_a_refused_login_is_not_tried_again_and_says_what_to_do(
    entry: Entry, server: MailServer, by_mail: Callable[..., None]
) -> None:
    by_mail(server, GMAIL_APP_PASSWORD="wrong-password")
    for _ in range(3):
        make_match(channels=("mail",))
    server.on_login.extend(["535 5.7.8 Username and Password not accepted."] * 9)
    assert deliver(entry, NOON) == Delivered(0, 0, 3)
    tried = len(server.on_login)
    assert deliver(entry, NOON) == Delivered(0, 0, 3)
    assert len(server.on_login) == tried
    why = ClosedChannel.objects.get().why
    assert "app password" in why
    assert "wrong-password" not in why
    server.on_login.clear()
    by_mail(server)
    assert deliver(entry, NOON) == Delivered(3, 0, 0)


def test_a_login_that_fails_for_now_is_tried_again(
    entry: Entry, server: MailServer, by_mail: Callable[..., None]
) -> None:
    by_mail(server)
    make_match(channels=("mail",))
    server.on_login.extend(["454 4.7.0 Temporary authentication failure"] * 3)
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    assert "454" in Delivery.objects.get().error
    server.on_login.clear()
    assert deliver(entry, Delivery.objects.get().retry_at) == Delivered(1, 0, 0)


@pytest.mark.parametrize("where", ["on_connect", "on_recipient", "on_data"])
@pytest.mark.parametrize("said", ["421 4.7.0 Try again later", "450 4.2.1 Mailbox busy"])
def test_4xx_is_for_now(entry: Entry, server: MailServer, by_mail: Callable[..., None], where: str, said: str) -> None:
    by_mail(server)
    make_match(channels=("mail",))
    getattr(server, where).append(said)
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    waiting = Delivery.objects.get()
    assert said[:3] in waiting.error
    assert (waiting.retry_at - NOON).total_seconds() == 60
    assert deliver(entry, waiting.retry_at) == Delivered(1, 0, 0)
    assert len(server.mails) == 1


def test_5xx_is_for_good_and_stops_no_other_mail(
    entry: Entry, server: MailServer, by_mail: Callable[..., None]
) -> None:
    by_mail(server)
    for _ in range(3):
        make_match(channels=("mail",))
    server.on_data.extend(["250 OK", "554 5.7.1 Looks like spam"])
    assert deliver(entry, NOON) == Delivered(2, 1, 0)
    assert Delivery.objects.get(state="failed").error == "The mail server said 554: 5.7.1 Looks like spam"


def test_the_daily_limit_is_waited_for(entry: Entry, server: MailServer, by_mail: Callable[..., None]) -> None:
    by_mail(server)
    for _ in range(2):
        make_match(channels=("mail",))
    server.on_data.append("550 5.4.5 Daily user sending limit exceeded")
    assert deliver(entry, NOON) == Delivered(0, 0, 2)
    first = Delivery.objects.order_by("id")[0]
    assert ((first.retry_at - NOON).total_seconds(), first.attempts) == (3600, 0)


def test_a_mail_whose_answer_was_lost_comes_again_as_the_same(
    entry: Entry, server: MailServer, by_mail: Callable[..., None]
) -> None:
    by_mail(server)
    make_match(channels=("mail",))
    server.on_data.append("250 and gone")
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    assert deliver(entry, Delivery.objects.get().retry_at) == Delivered(1, 0, 0)
    assert len(server.mails) == 2
    assert len({mail["Message-ID"] for mail in server.mails}) == 1


def test_a_round_that_was_killed_is_taken_over_once_by_the_same_mail(
    entry: Entry, server: MailServer, by_mail: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_mail(server)
    for _ in range(2):
        make_match(channels=("mail",))

    class Killed(BaseException):
        """Nothing is written after it."""

    def killed(*_: object) -> int:
        raise Killed

    with monkeypatch.context() as dying:
        for name in ("sent", "try_later", "put_off"):
            dying.setattr(outbox, name, killed)
        with pytest.raises(Killed):
            deliver(entry, NOON)
    assert len(server.mails) == 1
    still_claimed = NOON + outbox.LEASE - timedelta(seconds=1)
    assert deliver(entry, still_claimed) == Delivered(0, 0, 2)
    free = NOON + outbox.LEASE
    assert deliver(entry, free) == Delivered(2, 0, 0)
    assert deliver(entry, free + outbox.LEASE) == Delivered(0, 0, 0)
    first, again, second = (mail["Message-ID"] for mail in server.mails)
    assert first == again != second
    assert set(Delivery.objects.values_list("state", "attempts", "claim")) == {("sent", 2, None)}


def test_a_server_that_is_away_is_waited_for(entry: Entry, by_mail: Callable[..., None]) -> None:
    with MailServer() as gone:
        by_mail(gone)
    make_match(channels=("mail",))
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    assert Delivery.objects.get().error.startswith("The mail server cannot be reached: ")


def test_a_server_that_says_nothing_is_waited_for(
    entry: Entry, server: MailServer, by_mail: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.classifieds.mail.TIMEOUT", 0.1)
    make_match(channels=("mail",))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        by_mail(server, SMTP_PORT=silent.getsockname()[1])
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
    assert Delivery.objects.get().error == "The mail server cannot be reached: SMTPServerDisconnected."


def test_when_time_is_up_the_mails_left_wait(
    entry: Entry, server: MailServer, by_mail: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_mail(server)
    for _ in range(4):
        make_match(channels=("mail",))
    monkeypatch.setattr("tasks.http.time", SimpleNamespace(monotonic=lambda: len(server.mails) * (TIME - ROOM) / 2))
    assert deliver(entry, NOON) == Delivered(2, 0, 2)
    assert set(Delivery.objects.filter(state="pending").values_list("attempts", "claim")) == {(0, None)}


def test_no_answer_is_waited_for_longer_than_there_is_time(
    entry: Entry, server: MailServer, by_mail: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_mail(server)
    make_match(channels=("mail",))
    monkeypatch.setattr("tasks.http.time", SimpleNamespace(monotonic=lambda: len(server.logins) * TIME))
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    assert server.logins
    assert not server.mails
    assert Delivery.objects.get().attempts == 1


def test_a_server_without_a_login_is_told(entry: Entry, by_mail: Callable[..., None]) -> None:
    make_match(channels=("mail",))
    with MailServer(auth=False) as server:
        by_mail(server)
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
    assert "SMTP_SECURITY" in Delivery.objects.get().error


def test_starttls_is_used_and_the_certificate_checked(
    entry: Entry, by_mail: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = certificate_for_localhost(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    make_match(channels=("mail",))
    with MailServer(context) as server:
        by_mail(server, SMTP_HOST="localhost", SMTP_SECURITY="starttls")
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
        assert Delivery.objects.get().error == "The mail server cannot be reached: SSLCertVerificationError."
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert deliver(entry, Delivery.objects.get().retry_at) == Delivered(1, 0, 0)
        assert len(server.mails) == 1


def certificate_for_localhost(folder: Path) -> tuple[Path, Path]:
    """A certificate that nobody knows, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("No openssl is installed.")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    asked = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *asked, *names], check=True, capture_output=True)
    return certificate, key


def test_no_error_tells_the_password(configure: Callable[..., None]) -> None:
    configure(GMAIL_APP_PASSWORD=PASSWORD)
    assert PASSWORD not in str(_refused(OSError(f"could not send {PASSWORD}")))
