"""Sentry: what fails, with the job and the run that it belongs to, and without secrets."""

from typing import Any, cast

import sentry_sdk
from django.core.exceptions import ImproperlyConfigured
from sentry_sdk.types import Event, Hint
from sentry_sdk.utils import BadDsn

from scheduling.conf import options
from scheduling.models import Execution, State
from scheduling.observing import Observer
from scheduling.redact import redact_json
from scheduling.snapshots import Outcome, Snapshot

PATIENCE = 2.0  # seconds for an event to go out before its process may end
CONTEXT = ("job", "execution", "worker")  # what scheduling says of log records


def start(dsn: str) -> None:
    """Begin to send; of requests and variables nothing but what an error itself says. Raises ImproperlyConfigured."""
    try:
        sentry_sdk.init(
            dsn=dsn,
            release=options().version,
            environment=options().instance,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            before_send=_prepared,
        )
    except BadDsn:
        raise ImproperlyConfigured("SENTRY_DSN must read like https://KEY@HOST/NUMBER, as Sentry shows it.") from None


class Errors(Observer):
    """Sends the error of a task with its stack, and a message where no stack is: killed, out of time, lost."""

    def raised(self, snapshot: Snapshot, error: BaseException) -> None:
        with sentry_sdk.new_scope() as scope:
            _tag(scope, snapshot.job, snapshot.id, snapshot.task, snapshot.queue, snapshot.attempt)
            scope.capture_exception(error)
        sentry_sdk.flush(PATIENCE)

    def ended(self, row: Execution, outcome: Outcome) -> None:
        if not outcome.is_unwell or outcome.error_class:
            return
        with sentry_sdk.new_scope() as scope:
            _tag(scope, row.job_id, row.pk, row.task, row.queue, row.attempt)
            scope.fingerprint = ["rota", str(row.job_id or row.task), outcome.state]
            said = f"{row.job_id or row.task}: {State(outcome.state).label}. {outcome.reason}"
            scope.capture_message(said, level="error")


def _tag(scope: sentry_sdk.Scope, job: str | None, execution: int, task: str, queue: str, attempt: int) -> None:
    tags = {"job": job, "execution": execution, "task": task, "queue": queue, "attempt": attempt}
    for name, value in tags.items():
        if value is not None:
            scope.set_tag(name, str(value))


def _prepared(event: Event, hint: Hint) -> Event:
    """Say whose line it was, if an event comes from the log; and take out the secrets."""
    record = hint.get("log_record")
    tags: dict[str, Any] = {name: getattr(record, name, None) for name in CONTEXT}
    known = {name: str(value) for name, value in tags.items() if value is not None}
    event["tags"] = {**known, **cast("dict[str, Any]", event.get("tags") or {})}
    return cast(Event, redact_json(event))
