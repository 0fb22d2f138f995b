"""The latest runs of many jobs at once: as many short walks along an index, in one statement."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import batched

from django.db import connection

from scheduling.models import FINAL, Execution
from scheduling.tenants import Person, tenants_of

SHOWN = 20  # runs of a job
LOOKED_AT = 5  # of them, for the last that has ended
AT_ONCE = 100  # jobs whose runs are looked for in one statement: SQLite joins at most 500 parts
COLUMNS = (
    "id",
    "job_id",
    "state",
    "cause",
    "reason",
    "why",
    "attempt",
    "run_after",
    "scheduled_for",
    "started_at",
    "finished_at",
)


def latest(jobs: Sequence[str], limit: int = SHOWN, to: Person | None = None) -> dict[str, list[Execution]]:
    """The latest `limit` runs of each of `jobs` (ids) that `to` may see, newest first; other columns are not loaded."""
    runs: dict[str, list[Execution]] = defaultdict(list)
    tenants = tenants_of(to)
    if jobs and tenants != frozenset():
        among = sorted(tenants or ())
        given = [value for job in jobs for value in (job, *among)]
        for run in Execution.objects.raw(_statement(len(jobs), limit, len(among)), given):
            runs[str(run.job_id)].append(run)
    return runs


def _statement(jobs: int, limit: int, tenants: int) -> str:
    quote = connection.ops.quote_name
    wanted, table = ", ".join(map(quote, COLUMNS)), quote(Execution._meta.db_table)
    own = f" AND tenant IN ({', '.join(['%s'] * tenants)})" if tenants else ""
    one = f"SELECT {wanted} FROM {table} WHERE job_id = %s{own} ORDER BY id DESC LIMIT {limit}"  # noqa: S608
    return " UNION ALL ".join(f"SELECT * FROM ({one}) AS part{number}" for number in range(jobs))  # noqa: S608


def ended(runs: Sequence[Execution]) -> Execution | None:
    """The latest of `runs` that has an outcome."""
    return next((run for run in runs if run.state in FINAL), None)


def last_runs(jobs: Sequence[str], to: Person | None = None) -> dict[str, Execution]:
    """The last run of each of `jobs` (ids) that has ended, of its latest few that `to` may see."""
    found = {}
    for some in batched(jobs, AT_ONCE):
        for job, runs in latest(some, LOOKED_AT, to).items():
            if last := ended(runs):
                found[job] = last
    return found
