"""Whether an id can be that of an account: told by the client that would ask the platform with it."""

from django.utils import timezone

from tasks.http import Deadline
from tasks.social.conf import options
from tasks.social.models import Account
from tasks.social.platforms import connect

NO_TIME = Deadline(0)  # nothing is asked


def check_id(platform: str, external_id: str) -> None:
    """Raises InvalidItem, with what ids of the platform look like."""
    account = Account(platform=platform, external_id=external_id)
    connect(account, options(), NO_TIME, timezone.now, lambda _: None).close()
