"""The library on the disk: names that are safe on every system, where a recording belongs, and how much room there is.

`Author/Series/02 - Title (item)/001 - Part.mp3`, without a series one folder less. What is on its way lies in
`.incoming` until it is whole.
"""

import errno
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.exceptions import TaskError

INCOMING = ".incoming"
LONGEST_FOLDER = 120  # bytes of the name of an author or a series
LONGEST_TITLE = 200  # bytes of the name of a recording's folder
LONGEST_FILE = 150
LONGEST_PATH = 500  # characters of a folder below the library, as `Download.folder` holds
MOST_TWINS = 50  # folders of one name
SUFFIXES = frozenset({".mp3", ".m4a", ".m4b", ".ogg", ".flac"})
SEPARATORS = str.maketrans(dict.fromkeys('/\\:|"', "-") | dict.fromkeys("*?<>", " "))
RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?=\.|$)", re.I)
NUMBERED = re.compile(r"^\s*[0-9]{1,4}\s*[-.:]\s*(?=\S)")
FULL = "The disk is full."
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class NoRoom(TaskError):
    """The library is as large as it may be."""

    def __init__(self, message: str = "", needed: int | None = None) -> None:
        super().__init__(message)
        self.needed = needed  # bytes; None: it is not known


class NotSafe(TaskError):
    """Something lies in the library that leads out of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recording belongs: what its folders are made of."""

    author: str
    series: str
    position: str  # in the series
    title: str
    archive_id: str


def folder_of(place: Place) -> str:
    """The path of its folder below the library. The item at its end makes it the only one of that name."""
    number = _number(place.position) if place.series else ""
    end = safe_name(f"({place.archive_id})", LONGEST_TITLE)
    start = f"{number} - " if number else ""
    room = LONGEST_TITLE - len(f"{start} {end}".encode())
    name = f"{start}{safe_name(place.title, room) or 'Untitled'} {end}"
    author = safe_name(place.author, LONGEST_FOLDER) or "Unknown author"
    series = [safe_name(place.series, LONGEST_FOLDER) or "Series"] if place.series else []
    return "/".join([author, *series, name])


def file_of(number: int, title: str, name: str, of: int) -> str:
    """The name of a part's file; `of` is how many parts there are."""
    suffix = os.path.splitext(name)[1].lower()
    suffix = suffix if suffix in SUFFIXES else ".mp3"
    start = str(number).zfill(max(3, len(str(of))))
    told = safe_name(NUMBERED.sub("", title), LONGEST_FILE - len(start) - len(suffix) - 3)
    return f"{start} - {told}{suffix}" if told else f"{start}{suffix}"


def safe_name(text: str, longest: int) -> str:
    """A name without separators, controls, dots at its ends and words that Windows keeps; cut to `longest` bytes."""
    text = unicodedata.normalize("NFC", text).translate(SEPARATORS)
    text = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    text = " ".join(text.split()).strip(". ")
    text = _cut(text, longest)
    if RESERVED.match(text):
        text = _cut(f"_{text}", longest)
    return text


def _cut(text: str, longest: int) -> str:
    return text.encode()[: max(longest, 0)].decode(errors="ignore").rstrip(". ")


def _number(position: str) -> str:
    """ "2" as "02" and "2.5" as "02.5", so that a list of folders is in order; anything else as it is."""
    whole, dot, rest = position.partition(".")
    if whole.isdecimal() and len(whole) <= 4 and (rest.isdecimal() or not rest):
        return f"{whole.zfill(2)}{dot if rest else ''}{rest[:3]}"
    return safe_name(position, 20)


class Library:
    """The folder of all recordings. Symbolic links below it are not followed."""

    def __init__(self, folder: Path, *, budget: int, free: int) -> None:
        """`budget` bytes of all files together, 0 for no limit; `free` bytes stay free on the disk."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self._budget = budget
        self._free = free
        self._used: int | None = None

    def incoming(self, key: int) -> Path:
        """The folder in which a download is gathered; it is there after the call."""
        return self._made(f"{INCOMING}/{key}")

    def forget(self, key: int) -> None:
        """Remove what was gathered of a download."""
        folder = self.folder / INCOMING / str(key)
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
            self._used = None

    def gathered(self) -> list[int]:
        """The downloads of which something lies in `.incoming`."""
        return [int(found.name) for found in self._entries(INCOMING) if found.name.isdecimal()]

    def gathered_bytes(self, key: int) -> int:
        """How many bytes of a download have come."""
        return sum(self.sizes(f"{INCOMING}/{key}").values())

    def drop_parts(self, key: int) -> None:
        """Remove the file of a download that is not whole."""
        for found in self._entries(f"{INCOMING}/{key}"):
            if found.name.endswith(".part"):
                self.remove(Path(found.path))

    def remove(self, path: Path) -> None:
        """Remove a file, or a link, and count it no more."""
        size = path.lstat().st_size
        path.unlink()
        self.took(-size)

    def room(self) -> int:
        """Bytes that may still come; negative if there are too many already. Counted once, then kept by `took`."""
        left = shutil.disk_usage(self.folder).free - self._free
        return min(left, self._budget - self.used()) if self._budget else left

    def used(self) -> int:
        """Bytes of all files, what is on its way included; counted as for `room`."""
        if self._used is None:
            self._used = sum(_sizes(self.folder))
        return self._used

    def check_room(self, needed: int) -> None:
        """Raises NoRoom if so many bytes are too many."""
        if needed > (room := self.room()):
            told = f"{_megabytes(needed)} are needed, and there is room for {_megabytes(max(room, 0))}."
            raise NoRoom(told, needed)

    def took(self, size: int) -> None:
        """So many bytes have been written; negative for what was removed."""
        if self._used is not None:
            self._used += size

    def choose(self, wanted: str) -> str:
        """`wanted`, or with a number behind it if something of that name is there; an empty folder is nothing."""
        for number in range(1, MOST_TWINS):
            chosen = wanted if number == 1 else f"{wanted} ({number})"
            if not os.path.lexists(self.folder / chosen) or _is_empty(self.folder / chosen):
                return chosen
        raise NotSafe(f"The library has {MOST_TWINS} folders named {wanted}")

    def move(self, key: int, target: str) -> None:
        """Let the folder of a download appear at `target`, all at once."""
        parent, _, name = target.rpartition("/")
        folder = self._made(parent)
        source = self.folder / INCOMING / str(key)
        _to_disk(source)
        os.rename(source, folder / name)
        _to_disk(folder)
        _to_disk(source.parent)

    def sizes(self, target: str) -> dict[str, int]:
        """The names and sizes of the files in a folder; none if there is no such folder."""
        return {found.name: found.stat(follow_symlinks=False).st_size for found in self._entries(target)}

    def _entries(self, path: str) -> list[os.DirEntry[str]]:
        folder = self._checked(path)
        if not folder.is_dir():
            return []
        with os.scandir(folder) as entries:
            return list(entries)

    def _made(self, path: str) -> Path:
        """The folder at `path`, made if need be, one after the other."""
        folder = self.folder
        for name in path.split("/"):
            folder = self._checked(str((folder / name).relative_to(self.folder)))
            folder.mkdir(exist_ok=True)
        return folder

    def _checked(self, path: str) -> Path:
        """Where that is. Raises NotSafe if it is not below the library, or a link is on the way."""
        folder = self.folder
        for name in path.split("/"):
            folder /= name
            if name in {"", ".", ".."} or folder.is_symlink():
                raise NotSafe(f"{path} is no place in the library, or lies behind a link")
        return folder


def is_gone(root: Path, target: str) -> bool:
    """Whether a folder of the library has no file any more; False where the library itself cannot be seen."""
    folder = root / target
    try:
        return bool(target) and root.is_dir() and (not os.path.lexists(folder) or _is_empty(folder))
    except OSError:
        return False


def _is_empty(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def open_part(path: Path) -> int:
    """A file to write to, made if need be, whatever is in it kept; never what a link leads to."""
    try:
        handle = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
        )  # less the umask: media servers must read it
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotSafe(f"{path.name} is a link") from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotSafe(f"{path.name} is no file")
    return handle


def _sizes(folder: Path) -> Iterator[int]:
    """Of all files below, links neither followed nor counted."""
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for found in entries:
                if found.is_dir(follow_symlinks=False):
                    waiting.append(found.path)
                elif found.is_file(follow_symlinks=False):
                    yield found.stat(follow_symlinks=False).st_size


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"


def _to_disk(folder: Path) -> None:
    """What has changed in the folder survives the end of the machine."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
