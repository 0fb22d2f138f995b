"""What the scheduler says of itself when it starts."""

from collections.abc import Iterable

from django.conf import settings
from django.db import connection
from django.utils import timezone

from scheduling.conf import Lane, options
from scheduling.models import Job


def banner(lanes: Iterable[Lane]) -> str:
    """Installation, database, queues, jobs and the next run, a line each."""
    armed = Job.objects.armed()
    upcoming = armed.order_by("next_run_time").first()
    counts = f"{Job.objects.count()} ({armed.count()} armed)"
    return "\n".join(
        f"  {name:<10}{value}"
        for name, value in {
            "Rota": f"{options().version}, installation {options().instance!r}",
            "Database": _database(),
            "Queues": ", ".join(f"{lane.name} ({lane.slots} {lane.executor})" for lane in lanes),
            "Jobs": counts,
            "Next run": _moment(upcoming) if upcoming else "none",
        }.items()
    )


def _moment(job: Job) -> str:
    return f"{timezone.localtime(job.next_run_time):%Y-%m-%d %H:%M:%S %Z}, {job.pk}"


def _database() -> str:
    """Vendor and place, without user and password."""
    given = settings.DATABASES["default"]
    place = f"{given.get('HOST') or 'local'}/{given['NAME']}" if given.get("HOST") else given["NAME"]
    return f"{connection.display_name}, {place}"
