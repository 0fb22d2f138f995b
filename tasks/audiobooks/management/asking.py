"""audiobooks download: ask for a recording."""

from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q
from django.utils import timezone

from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import LONGEST_NUMBER, REFUSED
from scheduling.management.telling import put_json
from tasks.audiobooks import steering
from tasks.audiobooks.models import Download, DownloadState, Edition

MOST_TOLD = 5  # recordings that may have been meant


def add_parsers(deeds: Any) -> None:
    codes = (
        "Exit code 0: it is queued, or was already, or is in the library. "
        "2: refused; there is no such recording, or the catalogue has no files of it."
    )
    parser = add_deed(deeds, "download", download, "queue a recording for the library", codes)
    parser.add_argument("edition", metavar="EDITION", help="its number here, or in the catalogue, or its archive id")


def download(given: dict[str, Any], out: Any) -> None:
    edition = find_edition(given["edition"])
    queued = steering.ask_for(edition, by=by(), now=timezone.now())
    found = queued or Download.objects.filter(edition=edition).first()
    if found is None:
        raise CommandError(f"The catalogue has no files of “{edition}”.", returncode=REFUSED)
    if given["json"]:
        told = {"id": found.pk, "edition": edition.pk, "title": edition.title, "state": found.state}
        put_json(out, {**told, "is_new": queued is not None})
    elif queued:
        out.write(f"“{edition}” is queued. See how it goes: manage.py audiobooks status")
    else:
        out.write(f"“{edition}” was asked for before: {DownloadState(found.state).label.lower()}.")


def find_edition(wanted: str) -> Edition:
    """Raises CommandError, with those that may have been meant."""
    number = wanted.removeprefix("#")
    is_number = number.isdecimal() and number.isascii() and len(number) <= LONGEST_NUMBER
    named = Edition.objects.filter(Q(source_id=wanted) | Q(archive_id=wanted)).exclude(archive_id="", source_id="")
    found = list(named[:2]) if not wanted.startswith("#") else []
    if len(found) == 1:
        return found[0]
    by_number = Edition.objects.filter(pk=int(number)).first() if is_number else None
    if by_number:
        return by_number
    near = Edition.objects.filter(title__icontains=wanted).order_by("-downloads", "pk")[:MOST_TOLD] if wanted else []
    meant = "".join(f"\n  #{each.pk}  {each.title}" for each in near)
    hint = f" Did you mean:{meant}" if meant else ""
    raise CommandError(f"There is no recording {wanted!r}.{hint}", returncode=REFUSED)
