"""manage.py tokens: make tokens for the REST API, list them, revoke them."""

from typing import Any, ClassVar

from scheduling.management import tokens
from scheduling.management.composed import Composed


class Command(Composed):
    help = "Makes, lists and revokes tokens for the REST API; each change is on record."
    parts: ClassVar = (tokens,)

    def handle(self, **given: Any) -> None:
        super().handle(**{**given, "stderr": self.stderr})
