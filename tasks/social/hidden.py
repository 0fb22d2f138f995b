"""Tokens of an account, in no text while it is read: those that it had, and those that it is given meanwhile."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from scheduling.redact import hiding, secrets_in

_open: ContextVar[tuple[ExitStack, list[str]] | None] = ContextVar("_open", default=None)


@contextmanager
def hidden(*tokens: str) -> Iterator[None]:
    """Inside, these are in no text that is redacted, even if the platform sends them back."""
    with ExitStack() as stack:
        stack.callback(_open.reset, _open.set((stack, [])))
        hide(*tokens)
        yield


def hide(*tokens: str) -> None:
    """Further ones, to the end of `hidden`."""
    if opened := _open.get():
        stack, known = opened
        known += map(str, tokens)
        stack.enter_context(hiding(secrets_in({"token": known})))
