"""Whether the settings fit: Django's own checks, ours among them, and what only a web process minds."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.core import checks

from scheduling.doctor.findings import Finding, Severity, error, info, warning
from scheduling.doctor.sight import Sight

TOLD_BETTER = ("scheduling.W001", "security.W018", "security.W020")  # jobs that cannot run; DEBUG; ALLOWED_HOSTS
LOOPBACK = {"localhost", "127.0.0.1", "[::1]", ".localhost"}


def debug(_: Sight) -> Iterator[Finding]:
    """DEBUG shows everybody the innards of this installation."""
    if not settings.DEBUG:
        return
    if set(settings.ALLOWED_HOSTS) <= LOOPBACK:
        told = "DEBUG is on: pages show the innards of errors. Only this machine can see them (ALLOWED_HOSTS)."
        yield info("debug", told, "Set DEBUG=false, and a SECRET_KEY, before others use it.")
    else:
        told = "DEBUG is on, and others can reach this installation: pages show them the innards of errors."
        yield warning("debug", told, "Set DEBUG=false, and a SECRET_KEY.")


def hosts(_: Sight) -> Iterator[Finding]:
    """Under which names the pages are reached."""
    if "*" in settings.ALLOWED_HOSTS:
        told = "ALLOWED_HOSTS is *: links in mails can be made to lead anywhere."
        yield warning("allowed-hosts", told, "Set ALLOWED_HOSTS to the names of this installation.")
    elif not settings.DEBUG and set(settings.ALLOWED_HOSTS) <= LOOPBACK:
        told = "The admin can be reached from this machine only."
        yield info("allowed-hosts", told, "Set ALLOWED_HOSTS to the names of this installation.")


def system_checks(_: Sight) -> Iterator[Finding]:
    """What `manage.py check --deploy` says; without --deploy where DEBUG is on, since it is no deployment."""
    try:
        messages = checks.run_checks(include_deployment_checks=not settings.DEBUG)
    except ImportError as failure:  # of what only the checks, and a web process, import
        what = f"A part of the code cannot be imported: {failure}"
        yield error("import", what, "Finish the deploy; see: manage.py check")
        return
    yield from told(messages)


def database_checks(_: Sight) -> Iterator[Finding]:
    """What `manage.py check --database default` says besides."""
    yield from told(checks.run_checks(tags=[checks.Tags.database], databases=["default"]))


def told(messages: Iterable[Any]) -> Iterator[Finding]:
    """Messages of Django's checks, as findings; without those that are silenced."""
    for message in messages:
        if message.is_silenced() or message.id in TOLD_BETTER or message.level < checks.INFO:
            continue
        severity = Severity.ERROR if message.level >= checks.ERROR else Severity.INFO
        if checks.WARNING <= message.level < checks.ERROR:
            severity = Severity.WARNING
        about = f" ({message.obj})" if message.obj is not None else ""
        what = " ".join(f"{message.msg}{about}".split())
        yield Finding(
            severity, message.id or "check", what, " ".join((message.hint or "manage.py check --deploy").split())
        )


BEFORE = (debug, hosts, system_checks)
EXAMINATIONS = (database_checks,)
