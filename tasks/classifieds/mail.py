"""Mail: one mail for each match, by SMTP, as Gmail takes it.

A mail that is sent again, since its confirmation was lost, has the same Message-ID, by which mailboxes know it.
"""

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.template.loader import render_to_string

from scheduling.exceptions import NotDelivered
from scheduling.redact import plain
from tasks.classifieds.conf import Options
from tasks.classifieds.exceptions import ChannelRefused
from tasks.classifieds.news import News
from tasks.exceptions import DeadlineReached
from tasks.http import Deadline

TOGETHER = 10  # mails for one claim
TIMEOUT = 20.0  # seconds without an answer
LONGEST_SUBJECT = 200  # characters
LIMIT_PAUSE = 3600.0  # seconds until another try when no more mails are taken today
HOW = (
    "Gmail wants an app password of 16 letters, not the one of the account: turn on 2-step verification, make one at "
    "https://myaccount.google.com/apppasswords and set GMAIL_APP_PASSWORD."
)
ADVICE = f"The mail server refuses the login ({{}}). {HOW}"


class _Smtp(smtplib.SMTP):
    """Waits for no answer longer than there is time."""

    def __init__(self, deadline: Deadline, host: str, port: int, **more: Any) -> None:
        self._deadline = deadline
        super().__init__(host, port, timeout=min(TIMEOUT, deadline.left()), **more)

    def getreply(self) -> tuple[int, bytes]:
        """Raises DeadlineReached, with the connection closed: what was asked last may have been done."""
        try:
            left = self._deadline.left()
        except DeadlineReached:
            self.close()
            raise
        if self.sock:
            self.sock.settimeout(min(TIMEOUT, left))
        return super().getreply()


class _SmtpInTls(_Smtp, smtplib.SMTP_SSL):
    """The same, in TLS from the first byte."""


class Mail:
    together = TOGETHER

    def __init__(self, options: Options, deadline: Deadline) -> None:
        """Raises ChannelRefused for settings with which no mail can be sent."""
        self._options, self._deadline = options, deadline
        self._password = "".join(options.gmail_app_password.split())  # Google shows it with spaces, of several kinds
        server = f"{options.smtp_host} {options.smtp_port} {options.smtp_security}"
        self.setting = f"{options.gmail_address} {options.gmail_app_password} {options.notify_email} {server}"
        self._smtp: smtplib.SMTP | None = None
        _check(options, self._password)

    def close(self) -> None:
        """Say good-bye; a connection that is broken is dropped."""
        if self._smtp:
            with suppress(smtplib.SMTPException, OSError, DeadlineReached):
                self._smtp.quit()
            self._smtp.close()
            self._smtp = None

    def pieces(self, news: Sequence[News]) -> list[list[int]]:
        return [[index] for index in range(len(news))]

    def send(self, news: Sequence[News], now: datetime) -> None:
        """Send a mail, and see it taken. Raises NotDelivered, ChannelRefused, DeadlineReached."""
        for each in news:
            written = message(each, self._options, now)
            try:
                self._connected().send_message(written)
            except DeadlineReached:
                self.close()
                raise
            except (smtplib.SMTPException, OSError) as error:
                self.close()
                raise _refused(error) from None

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            self._smtp = self._connect()
        return self._smtp

    def _connect(self) -> smtplib.SMTP:
        host, port = self._options.smtp_host, self._options.smtp_port
        if self._options.smtp_security == "tls":
            smtp: _Smtp = _SmtpInTls(self._deadline, host, port, context=ssl.create_default_context())
        else:
            smtp = _Smtp(self._deadline, host, port)
        try:
            code, said = smtp.ehlo()
            if code >= 400:
                raise smtplib.SMTPHeloError(code, said)
            if self._options.smtp_security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            smtp.login(self._options.gmail_address, self._password)
        except (smtplib.SMTPException, OSError, DeadlineReached):
            smtp.close()
            raise
        return smtp


def message(news: News, options: Options, now: datetime) -> EmailMessage:
    """The mail of a match: plain text, and HTML in which all that comes from the site is escaped."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = _line(news.headline)
    mail["From"] = options.gmail_address
    mail["To"] = options.notify_email
    mail["Date"] = now
    mail["Message-ID"] = message_id(news, options.gmail_address)
    mail["Auto-Submitted"] = "auto-generated"
    context: dict[str, Any] = {"news": news, "facts": [(name, _line(value)) for name, value in news.facts]}
    mail.set_content(_text(news))
    mail.add_alternative(render_to_string("tasks/match_mail.html", context), subtype="html")
    return mail


def message_id(news: News, sender: str) -> str:
    """The same for the same match, whoever sends it and how often."""
    occasion = news.key.replace(":", "-") or "first"
    return f"<rule-{news.rule_id}.listing-{news.listing_id}.{occasion}@{sender.rpartition('@')[2]}>"


def _check(options: Options, password: str) -> None:
    """Refuse what smtplib could not send, or would trip over, and say what to do."""
    for name in ("gmail_address", "notify_email"):
        address = getattr(options, name)
        try:
            validate_email(address)
        except ValidationError:
            raise ChannelRefused(f"{name.upper()} is no mail address.") from None
        if not address.isascii():
            raise ChannelRefused(f"{name.upper()} must be written in ASCII, a domain like bücher.example as xn--….")
    if not password.isascii() or not password.isprintable():
        raise ChannelRefused(f"GMAIL_APP_PASSWORD has a character that no app password has. {HOW}")
    try:
        options.smtp_host.encode("idna")
    except UnicodeError:
        raise ChannelRefused("SMTP_HOST is no name of a host.") from None


def _text(news: News) -> str:
    lines = [_line(news.title), *(f"{name}: {_line(value)}" for name, value in news.facts), news.url]
    return "\n".join([*lines, "", f"Told by the rule {_line(news.rule)}."])


def _line(text: str) -> str:
    """One line without control characters, so that no header begins inside a text."""
    clean = "".join(each if each.isprintable() else " " for each in plain(text))
    return " ".join(clean.split())[:LONGEST_SUBJECT]


def _refused(error: Exception) -> NotDelivered:
    """What a failure means for the mail: 4xx is for now, 5xx for good, a bad login for all mails."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _by_code(*_first(error.recipients))
    if not isinstance(error, smtplib.SMTPException) or isinstance(error, smtplib.SMTPServerDisconnected):
        return NotDelivered(f"The mail server cannot be reached: {type(error).__name__}.")
    if not isinstance(error, smtplib.SMTPResponseException):
        return NotDelivered(f"The mail server cannot do what SMTP_SECURITY and the login need: {_line(str(error))}")
    if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500:
        return ChannelRefused(ADVICE.format(error.smtp_code))
    return _by_code(error.smtp_code, error.smtp_error)


def _by_code(code: int, said: bytes | str) -> NotDelivered:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    told = f"The mail server said {code}: {_line(text)}"
    if code == 550 and "5.4.5" in text:
        return NotDelivered(f"No more mails are taken today. {told}", retry_in=LIMIT_PAUSE)
    return NotDelivered(told, final=500 <= code < 600)


def _first(refused: Mapping[str, tuple[int, bytes]]) -> tuple[int, bytes]:
    return next(iter(refused.values()), (451, b""))
