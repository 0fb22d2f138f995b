"""A business that a person names on the command line, found by its number or by its name."""

import difflib
from typing import Any

from django.core.management.base import CommandError

from scheduling.management.finding import LONGEST_NUMBER, REFUSED
from tasks.social.models import Business


def add_business(parser: Any, *names: str, **options: Any) -> None:
    """An argument that names a business."""
    parser.add_argument(*names, metavar="BUSINESS", **{"help": "its number, or its name", **options})


def find_business(wanted: str) -> Business:
    """By its name, or by its number, with # or without. Raises CommandError, with those that may have been meant."""
    found = Business.objects.filter(name=wanted).first()
    number = wanted.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER:
        numbered = Business.objects.filter(pk=int(number)).first()
        if found and numbered and found != numbered:
            told = f"{wanted} is the number of {numbered}, and the name of the one with the number {found.pk}"
            raise CommandError(f"{told}; write #{numbered.pk} or #{found.pk}.", returncode=REFUSED)
        found = numbered or found
    if found is None:
        near = difflib.get_close_matches(wanted, Business.objects.values_list("name", flat=True), n=3)
        meant = f" Did you mean {' or '.join(near)}?" if near else " manage.py social businesses has them all."
        raise CommandError(f"There is no business {wanted!r}.{meant}", returncode=REFUSED)
    return found
