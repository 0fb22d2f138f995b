"""What a crash tells: the mail to the admins and the page of DEBUG, without the secrets of settings, request and code.

Django blanks by name what it knows; an address of a channel, of a ping or of Sentry is a secret by itself.
"""

import re
from collections.abc import Iterator
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import pprint
from django.utils.log import AdminEmailHandler
from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from scheduling.conf import options
from scheduling.redact import DOTS, redact, redact_json

NAMES = (  # besides Django's own, and those that scheduling.redact knows
    r"NOTICE_CHANNEL|(?:^|_)PINGS?(?:_|$)|DSN|DATABASES?(?:_|$)|MAILERS|EMAIL_URL|CACHES$|CACHE_URL|OTEL|WEBHOOK"
    r"|CREDENTIAL|COOKIE$"
)


def cleared(text: str) -> str:
    """`text` without secrets; an address that a setting names is one as a whole, however short its key is."""
    given = options()
    for address in (*given.notice_channels.values(), *given.pings.values(), given.ping_scheduler):
        text = text.replace(address, DOTS) if address else text
    return redact(text)


class Told:
    """A text that is shown as it is, without quotes around it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class Filter(SafeExceptionReporterFilter):
    """Blanks secrets by their names and by their values, with DEBUG or without."""

    cleansed_substitute = DOTS
    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|{NAMES}", re.IGNORECASE)

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return _redacted(key, cleansed) if isinstance(cleansed, str) else cleansed

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        given = super().get_post_parameters(request)
        return {name: self.cleanse_setting(name, value) for name, value in given.items()}

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, Told(self._shown(name, value))) for name, value in found]

    def _shown(self, name: str, value: Any) -> str:
        """As Django would show it, but redacted while it is whole: Django cuts long values, secrets included."""
        return self.cleansed_substitute if self.hidden_settings.search(name) else cleared(pprint(value))


class Reporter(ExceptionReporter):
    """Takes the secrets out of what no filter sees: the error's own words, the address that was asked for."""

    def get_traceback_data(self) -> dict[str, Any]:
        data: dict[str, Any] = super().get_traceback_data()
        for name in ("exception_value", "exception_notes", "request_insecure_uri"):
            if name in data:
                data[name] = cleared(str(data[name]))
        if "request_GET_items" in data:
            data["request_GET_items"] = list(self._asked(data["request_GET_items"]))
        return data

    def get_traceback_frames(self) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = super().get_traceback_frames()
        for frame in frames:
            frame["exc_cause"] = frame["exc_cause"] and cleared(str(frame["exc_cause"]))
        return frames

    def get_traceback_text(self) -> SafeString:
        return mark_safe(cleared(super().get_traceback_text()))  # noqa: S308  # plain text, as it was

    def _asked(self, items: Any) -> Iterator[tuple[str, Any]]:
        yield from ((name, self.filter.cleanse_setting(name, value)) for name, value in items)


class Mails(AdminEmailHandler):
    """Mails to the admins whose subject has no secret either."""

    def send_mail(self, subject: Any, message: Any, *args: Any, **more: Any) -> None:
        super().send_mail(cleared(str(subject)), cleared(str(message)), *args, **more)


def _redacted(name: Any, value: str) -> Any:
    """`value`, or dots if its name speaks of a secret: scheduling knows the names that REDACT adds."""
    (cleansed,) = redact_json({str(name): cleared(value)}).values()
    return cleansed
