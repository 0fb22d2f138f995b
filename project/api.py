"""The REST API under /api/: mounts the routers, and says who may read its description."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from project import __version__
from scheduling.api import problems, scheduler
from scheduling.api.auth import guarded
from scheduling.api.limits import Limit

DESCRIPTION = """
Everything that the admin can do to schedules, for programs.

Send a token as `Authorization: Bearer rota_…`; make one in the admin or by `manage.py tokens create`. It acts as its
user, within its scopes: `read`, `run`, `write`. Errors are problem details (RFC 9457). Moments are ISO 8601 in UTC;
spans are seconds.
"""

api = NinjaAPI(
    title="Rota",
    version=__version__,
    urls_namespace="api",
    description=DESCRIPTION,
    docs_decorator=guarded(),
    throttle=[Limit()],
)
problems.install(api)
api.add_router("/v1/scheduler", scheduler.router)


def nowhere(request: HttpRequest, **_: Any) -> HttpResponse:
    """What is under /api/ but is no address of it."""
    return problems.answer(request, problems.missing(f"There is nothing at {request.path}; see /api/docs."))
