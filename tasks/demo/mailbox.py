"""A mail server of our own on loopback: takes every mail for anybody, and shows them on a page."""

from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tasks.demo.upstream import HOST, Reply, Request

PAGE = "/mail"
ADDRESS, PASSWORD = b"demo@localhost", b"demo"
KEPT = 200  # mails
STYLE = "body{font:15px system-ui;margin:2rem auto;max-width:46rem;padding:0 1rem}pre{white-space:pre-wrap}"


class Mailbox:
    """`with Mailbox(port) as mailbox`: serves SMTP until the end of the block; a Service for its page."""

    def __init__(self, port: int) -> None:
        self.mails: deque[EmailMessage] = deque(maxlen=KEPT)
        self._controller = Controller(
            self, hostname=HOST, port=port, authenticator=self._login, auth_require_tls=False, auth_required=True
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    def answers(self, path: str) -> bool:
        return path == PAGE

    def reply(self, request: Request) -> Reply:
        """What has arrived, the latest first; all of it escaped."""
        shown = "".join(map(_shown, reversed(self.mails))) or "<p>Nothing has arrived yet.</p>"
        page = f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Demo mail</title><style>{STYLE}</style>{shown}"
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        }
        return Reply(200, headers, page.encode(errors="replace"))

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        taken: Any = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append(taken)
        return "250 OK"

    def _login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        fits = isinstance(data, LoginPassword) and (data.login, data.password) == (ADDRESS, PASSWORD)
        return AuthResult(success=fits, handled=False)


def _shown(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    text = str(body.get_content()) if body else ""
    return f"<hr><h2>{escape(str(mail['Subject']))}</h2><p>to {escape(str(mail['To']))}</p><pre>{escape(text)}</pre>"
