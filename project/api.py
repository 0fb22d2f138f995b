"""The REST API under /api/: mounts the routers, and says who may read its description."""

from project import __version__
from scheduling.api import (
    backfills,
    background,
    calendars,
    executions,
    jobs,
    jobs_asked,
    jobs_steering,
    logs,
    problems,
    queues,
    scheduler,
    triggers,
    workers,
)
from scheduling.api import tasks as known_tasks
from scheduling.api.auth import guarded_page
from scheduling.api.description import DescribedAPI
from scheduling.api.parsing import StrictParser
from tasks import api as records
from tasks.social.api import analytics, steering
from tasks.tickets import api as tickets

DESCRIPTION = """
Everything that the admin can do to schedules, for programs.

Send a token as `Authorization: Bearer rota_…`; make one in the admin or by `manage.py tokens create`. It acts as its
user, within its scopes: `read`, `run`, `write`. Errors are problem details (RFC 9457). Moments are ISO 8601 in UTC;
spans are seconds. `OPTIONS`, and a 405, say in the header `Allow` what goes at an address.
"""

TAGS = {  # in the order of the page
    "scheduler": "Whether anything runs, which workers, and what comes next.",
    "jobs": "What is run, when, and under which rules.",
    "triggers": "Any schedule tried out, before a job has it.",
    "tasks": "What jobs can run.",
    "executions": "Runs: what became of each moment, logs, cancel and retry.",
    "records": "What tasks say that they have done.",
    "backfills": "The moments of a range of time, run after all.",
    "queues": "The lanes that runs wait in.",
    "workers": "The schedulers that run them.",
    "calendars": "Days and hours without runs.",
    "analytics": "What became of the posts of each business, and of their syncs.",
    "source systems": "Addresses that scripts of other systems know.",
}

api = DescribedAPI(
    title="Rota",
    version=__version__,
    urls_namespace="api",
    description=DESCRIPTION,
    docs_decorator=guarded_page,
    parser=StrictParser(),
    servers=[{"url": "/", "description": "This installation"}],
    openapi_extra={"tags": [{"name": name, "description": words} for name, words in TAGS.items()]},
)
problems.install(api)
api.add_router("/v1/scheduler", scheduler.router)
api.add_router("/v1/jobs", jobs.router)
api.add_router("/v1/jobs", jobs_steering.router)
api.add_router("/v1/jobs", jobs_asked.router)
api.add_router("/v1/triggers", triggers.router)
api.add_router("/v1/tasks", known_tasks.router)
api.add_router("/v1/executions", executions.router)
api.add_router("/v1/executions", logs.router)
api.add_router("/v1/queues", queues.router)
api.add_router("/v1/workers", workers.router)
api.add_router("/v1/backfills", backfills.router)
api.add_router("/v1/calendars", calendars.router)
api.add_router("/v1/records", records.router)
api.add_router("/v1/scheduler", steering.router)
api.add_router("/v1/analytics", analytics.router)
api.add_router("/tasks", background.router)
api.add_router("/tasks", tickets.router)
