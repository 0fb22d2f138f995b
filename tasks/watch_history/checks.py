"""Settings that stop this workload from running, said at start."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from tasks.watch_history.conf import options


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    """Silent while nothing is set: then the workload is not in use."""
    found = options()
    problems: list[CheckMessage] = [
        Error(f"{name[:60]!r} is no Trakt user name.", id="watch_history.E001") for name in found.badly_named()
    ]
    in_use = found.primary_user or found.additional_users or found.trakt_client_id or found.tmdb_api_token
    if in_use and (missing := found.missing()):
        problems.append(
            Warning(
                f"The watch history cannot be updated: {' and '.join(missing)} not set.",
                hint="Set it in the environment or in .env.",
                id="watch_history.W001",
            )
        )
    return problems
