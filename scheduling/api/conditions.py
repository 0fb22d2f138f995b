"""Conditional requests (RFC 9110, section 13): no copy that is still good is sent again, no lost update is made.

The ETag of a job or a calendar has two parts: the version of what people decide of it, and a digest of the answer.
`If-None-Match` compares both. `If-Match` looks at the first alone, so that a run that begins or ends meanwhile does
not refuse anybody's change.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from ninja import Header

from scheduling import store
from scheduling.api.problems import Problem
from scheduling.store.seen import WHATEVER

BETWEEN = "-"
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The ETag of it as you saw it: 412 if somebody has changed it since. `*`: if it is there. "
        "Without it the change is made whatever happened meanwhile; what a PATCH does not name stays as it is.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", description="The ETag of the answer that you have: 304 while it is still good."),
]


def tag(version: str, told: Mapping[str, Any]) -> str:
    """The ETag of what has this `version`, and of which `told` is all that is told."""
    return f'"{version}{BETWEEN}{store.digest(told)}"'


def seen(if_match: str | None) -> list[str] | None:
    """The versions that the sender has seen; None without the header. Raises Problem.

    A weak tag counts, though the RFC asks for the strong comparison: the part that is compared names what people
    decide and no bytes, and a proxy that compresses answers weakens every tag on its way.
    """
    if if_match is None:
        return None
    tags = parse_etags(if_match)
    if not tags:
        detail = 'It must be an ETag as it was given, quotes included, such as "5e0c…-91af…", or *.'
        raise Problem(422, "This is no ETag.", detail, kind="invalid-request", errors=[("If-Match", detail)])
    return [each.removeprefix("W/").strip('"').partition(BETWEEN)[0] for each in tags]


def is_known(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether the sender has the answer whose ETag `response` names; by the weak comparison."""
    given = [each.removeprefix("W/") for each in parse_etags(request.headers.get("If-None-Match", ""))]
    return WHATEVER in given or response["ETag"] in given
