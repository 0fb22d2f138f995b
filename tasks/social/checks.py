"""Settings that stop this workload from running, said at start."""

from typing import Any

from django.core.checks import CheckMessage, Warning, register

from tasks.social.conf import options


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    """Silent while nothing is set: then the workload is not in use."""
    found = options()
    pairs = {
        ("LINKEDIN_CLIENT_ID", "LINKEDIN_CLIENT_SECRET"): (found.linkedin_client_id, found.linkedin_client_secret),
        ("META_APP_ID", "META_APP_SECRET"): (found.meta_app_id, found.meta_app_secret),
    }
    return [
        Warning(
            f"{name} is not set, so that {' and '.join(names)} are of no use: tokens cannot be refreshed.",
            hint="Set both, or neither.",
            id="social.W001",
        )
        for names, values in pairs.items()
        if any(values)
        for name, value in zip(names, values, strict=True)
        if not value
    ]
