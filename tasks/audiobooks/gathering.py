"""All files of a recording into one folder, each checked; what is there already is not fetched again."""

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from django.db import transaction

from tasks.audiobooks.catalogue import Catalogue, NotThere
from tasks.audiobooks.claims import Row
from tasks.audiobooks.fetching import Fetcher, Wanted, is_whole
from tasks.audiobooks.library import Library, file_of
from tasks.audiobooks.models import Download, Edition, Part
from tasks.recording import WRITE_EVERY, Entry


class Gatherer:
    """Gathers what one run fetches."""

    def __init__(self, entry: Entry, source: Catalogue, library: Library, fetcher: Fetcher) -> None:
        self._entry = entry
        self._source = source
        self._library = library
        self._fetcher = fetcher

    def gather(self, download: Download, row: Row) -> None:
        """Bring all files into the folder of what is on its way."""
        folder = self._library.incoming(download.pk)
        parts = self._parts(download, row, folder)
        names = names_of(parts)
        progress = Progress(row, self._entry, self._library.gathered_bytes(download.pk))
        self._library.check_room(max((download.size or 0) - progress.done, 1))
        for part in parts:
            whole, wanted = folder / names[part.number], _wanted(download.edition, part)
            if not is_whole(wanted, whole):
                gathered = folder / f"{part.number}.part"
                size = self._fetcher.fetch(wanted, gathered, progress.add)
                gathered.replace(whole)
                part.size = size
            Part.objects.filter(pk=part.pk).update(is_whole=True, size=part.size or whole.stat().st_size)
        for found in set(folder.iterdir()) - {folder / name for name in names.values()}:
            self._library.remove(found)

    def _parts(self, download: Download, row: Row, folder: Path) -> list[Part]:
        """The files that it consists of: as they are kept, or asked for if they are not, or no longer true."""
        before = list(download.parts.all())
        if before and not download.is_stale:
            return before
        edition = download.edition
        files = self._source.files(edition.archive_id)
        if not files:
            raise NotThere(f"The Internet Archive has no MP3 files in {edition.archive_id}", status=404)
        sizes = [file.size for file in files if file.size is not None]
        download.size = sum(sizes) if len(sizes) == len(files) else None
        found = [
            Part(download=download, number=number, name=file.name, title=file.title, size=file.size, md5=file.md5)
            for number, file in enumerate(files, 1)
        ]
        keep_same(self._library, folder, before, found)
        with transaction.atomic():
            row.write(size=download.size, is_stale=False)
            download.parts.all().delete()
            return Part.objects.bulk_create(found)


class Progress:
    """How many bytes are there, written to the row once a second."""

    def __init__(self, row: Row, entry: Entry, done: int) -> None:
        self.done = done
        self._row = row
        self._entry = entry
        self._written_at = 0.0

    def add(self, size: int) -> None:
        """Raises TakenOver, or Stopped if the run has been told to stop."""
        self.done += size
        if time.monotonic() - self._written_at >= WRITE_EVERY:
            self._written_at = time.monotonic()
            self._entry.check()
            self._row.write(done=self.done)


def keep_same(library: Library, folder: Path, before: Sequence[Part], found: Sequence[Part]) -> None:
    """Of what was gathered keep the files that are described as before, under their new names; remove the rest."""
    old, new = names_of(before), names_of(found)
    paths = {(part.name, part.size, part.md5): folder / old[part.number] for part in before if part.md5}
    aside: dict[Path, Path] = {}
    for part in found:
        path = paths.get((part.name, part.size, part.md5))
        if path and path.exists():
            aside[path.rename(folder / f"{part.number}.kept")] = folder / new[part.number]
    for path in set(folder.iterdir()) - set(aside):
        library.remove(path)
    for path, name in aside.items():
        path.rename(name)


def names_of(parts: Collection[Part]) -> dict[int, str]:
    """The names of their files, by number."""
    return {part.number: file_of(part.number, part.title, part.name, len(parts)) for part in parts}


def _wanted(edition: Edition, part: Part) -> Wanted:
    return Wanted(edition.archive_id, part.name, part.size, part.md5)
