"""EMAIL_URL as Django's MAILERS entry."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from project.environment import refuse

TIMEOUT = 10  # seconds for each word with the mail server


def mailer(url: str) -> dict[str, Any]:
    """The mail server, folder or console of `url`; it may hold a password, so no message repeats it."""
    try:
        found = Env.email_url_config(url)
    except (ValueError, ImproperlyConfigured):
        refuse("EMAIL_URL", "must look like smtp+tls://USER:PASSWORD@HOST:587 or consolemail://")
    if found["EMAIL_BACKEND"].endswith("filebased.EmailBackend"):
        options = {"file_path": f"/{found['EMAIL_FILE_PATH'].lstrip('/')}"}
    elif found["EMAIL_BACKEND"].endswith("smtp.EmailBackend"):
        options = _smtp(found)
    else:
        options = {}
    return {"BACKEND": found["EMAIL_BACKEND"], "OPTIONS": options}


def _smtp(found: dict[str, Any]) -> dict[str, Any]:
    if not found["EMAIL_HOST"]:
        refuse("EMAIL_URL", "names no mail server")
    return {
        "host": found["EMAIL_HOST"],
        "port": found["EMAIL_PORT"],
        "username": found["EMAIL_HOST_USER"],
        "password": found["EMAIL_HOST_PASSWORD"],
        "use_tls": found.get("EMAIL_USE_TLS", False),
        "use_ssl": found.get("EMAIL_USE_SSL", False),
        "timeout": TIMEOUT,
    }
