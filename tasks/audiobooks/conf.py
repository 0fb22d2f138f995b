"""The settings of this workload with their types and units, read from `settings.AUDIOBOOKS`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from tasks.exceptions import NotConfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    contact: str
    user_agent: str
    catalogue: str  # dotted path of the class that is the source of books
    librivox_url: str
    archive_url: str
    archive_hosts: list[str]  # where files may come from; one that starts with a dot stands for all names below
    openlibrary_url: str
    covers_url: str
    google_books_url: str
    google_books_api_key: str  # empty: Google Books is not asked
    audnexus_url: str
    audnexus: bool  # whether Audnexus is asked
    library_dir: Path
    library_budget: int  # bytes of all files together; 0 is no limit
    library_free: int  # bytes that stay free on the disk
    audio_format: str  # as the Internet Archive calls it
    new_books_days: int
    top_books: int  # of each enabled genre
    keep_records_days: int
    audiobooks_rate: float  # requests a second to each service
    download_timeout: float  # seconds for one run that downloads

    def missing(self) -> list[str]:
        """What must be set before anybody is asked: these services want to know whom to write to."""
        return [] if self.contact else ["CONTACT"]


def options() -> Options:
    given: Mapping[str, Any] = settings.AUDIOBOOKS
    return Options(**{name.lower(): value for name, value in given.items()})


def usable_options() -> Options:
    """The options, if anybody may be asked with them. Raises NotConfigured, naming what must be set."""
    found = options()
    if missing := found.missing():
        raise NotConfigured(
            f"Set {' and '.join(missing)} in the environment: these services must be able to reach you."
        )
    return found
