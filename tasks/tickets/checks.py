"""Settings that stop this workload from running, said at start."""

from importlib.util import find_spec
from typing import Any

from django.core.checks import CheckMessage, Warning, register

from tasks.tickets.conf import Options, options


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    """Silent while nothing is set: then the workload is not in use."""
    found = options()
    if not _is_in_use(found):
        return []
    problems: list[CheckMessage] = []
    if missing := found.missing():
        problems.append(
            Warning(
                f"Tickets cannot be fetched: {' and '.join(missing)} not set.",
                hint="Set it in the environment or in .env.",
                id="tickets.W001",
            )
        )
    if half := _half_set(found):
        problems.append(
            Warning(
                f"{half} is not set, so that the other half of these credentials is of no use.",
                hint="Set both, or neither.",
                id="tickets.W002",
            )
        )
    if not missing and find_spec("sklearn") is None:
        problems.append(
            Warning(
                "Issues cannot be put into clusters: scikit-learn is not installed.",
                hint='Install the extra `clusters`: pip install "scikit-learn>=1.9,<2".',
                id="tickets.W003",
            )
        )
    return problems


def _is_in_use(found: Options) -> bool:
    credentials = (
        *(found.zendesk_subdomain, found.zendesk_email, found.zendesk_api_token, found.zendesk_oauth_token),
        *(found.zendesk_client_id, found.zendesk_client_secret),
    )
    return any(credentials)


def _half_set(found: Options) -> str:
    """The setting that is missing beside its other half; empty if there is none."""
    pairs = (
        {"ZENDESK_CLIENT_ID": found.zendesk_client_id, "ZENDESK_CLIENT_SECRET": found.zendesk_client_secret},
        {"ZENDESK_EMAIL": found.zendesk_email, "ZENDESK_API_TOKEN": found.zendesk_api_token},
    )
    halves = (name for pair in pairs if any(pair.values()) for name, value in pair.items() if not value)
    return next(halves, "")
