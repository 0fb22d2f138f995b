"""How the deeds end when the work does not go well."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from scheduling.exceptions import RetryLater
from scheduling.redact import redact
from tasks.exceptions import NotConfigured, TaskError

FAILED, REFUSED = 1, 2  # exit codes


@contextmanager
def refusing() -> Iterator[None]:
    """Raises CommandError: 2 for a setting that is missing or wrong, 1 for work that has failed."""
    try:
        yield
    except NotConfigured as error:
        raise CommandError(redact(str(error)), returncode=REFUSED) from error
    except (TaskError, RetryLater) as error:
        raise CommandError(redact(str(error)), returncode=FAILED) from error
