"""A mail server of our own on the loopback, which refuses what it is told to refuse."""

from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

PASSWORD = "abcdefghijklmnop"


class _Controller(Controller):
    """On whichever port is free."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        trigger: Any = super()._trigger_server
        trigger()


class MailServer:
    """`with MailServer() as server`: what it took is in `server.mails`; a deque has what it says instead, once each."""

    def __init__(self, tls: Any = None, *, auth: bool = True) -> None:
        self.mails: list[EmailMessage] = []
        self.logins: list[str] = []
        self.on_connect: deque[str] = deque()
        self.on_login: deque[str] = deque()
        self.on_recipient: deque[str] = deque()
        self.on_data: deque[str] = deque()
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=0,
            authenticator=self._login,
            auth_exclude_mechanism=() if auth else ("LOGIN", "PLAIN"),
            auth_require_tls=tls is not None,
            tls_context=tls,
            require_starttls=tls is not None,
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: Any) -> Any:
        session.host_name = hostname
        if self.on_connect:
            return [self.on_connect.popleft()]
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.on_recipient:
            return self.on_recipient.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        said = self.on_data.popleft() if self.on_data else "250 OK"
        if said.startswith("250"):
            found: Any = message_from_bytes(envelope.content, policy=policy.default)
            self.mails.append(found)
        if said.endswith("gone"):  # taken, and the answer is lost
            server.transport.close()
        return said

    def _login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        if self.on_login:
            return AuthResult(success=False, handled=False, message=self.on_login.popleft())
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password.decode() == PASSWORD, handled=False, message=None)
