"""Reads settings from the environment; a value that cannot be meant stops the start with one clear line."""

import math
import os
import re
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"true", "yes", "on", "1"}
FALSE = {"false", "no", "off", "0"}
EXECUTORS = ("processes", "threads")
MOST_SLOTS = 1024
LABEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")  # of a channel, of a ping
QUEUE = re.compile(r"(?P<name>[a-z][a-z0-9_-]{0,39})=(?P<executor>[a-z]+):(?P<slots>[0-9]{1,5})")


def refuse(name: str, why: str) -> NoReturn:
    raise ImproperlyConfigured(f"{name} {why}")


def text(name: str, default: str = "") -> str:
    """What was given, without the spaces around it; an empty value counts as not given."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    given = text(name).lower()
    if given and given not in TRUE | FALSE:
        refuse(name, f"must be true or false, not {given!r}")
    return given in TRUE if given else default


def number(name: str, default: float, least: float = 0, most: float = math.inf) -> float:
    given = text(name)
    try:
        value = float(given) if given else default
    except ValueError:
        refuse(name, f"must be a number, not {given!r}")
    if not least <= value <= most or math.isinf(value):
        refuse(name, f"must be {_range(least, most)}, not {given}")
    return value


def integer(name: str, default: int, least: int = 0, most: float = math.inf) -> int:
    value = number(name, default, least, most)
    if not value.is_integer():
        refuse(name, f"must be a whole number, not {value}")
    return int(value)


def names(name: str, default: str = "") -> list[str]:
    """The parts of a text that is separated by commas, without empty ones."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def choice(name: str, default: str, allowed: Collection[str], hint: str = "") -> str:
    given = text(name, default)
    if given not in allowed:
        refuse(name, f"must be {hint or 'one of ' + ', '.join(sorted(allowed))}, not {given!r}")
    return given


def address(name: str, default: str) -> str:
    """An http or https address without the slash at its end."""
    return _checked_address(name, text(name, default))


def addresses(name: str) -> list[str]:
    return [_checked_address(name, part) for part in names(name)]


def file_path(name: str, default: str, root: Path) -> Path:
    """A path seen from `root` unless it is absolute; its folder must exist."""
    path = root / Path(text(name, default)).expanduser()
    if not path.parent.is_dir():
        refuse(name, f"lies in a folder that does not exist: {path.parent}")
    return path


def settings_file(root: Path) -> Path:
    """The file that ENV_FILE names, or .env, which need not be there; both seen from `root`."""
    path = root / Path(text("ENV_FILE", ".env")).expanduser()
    if text("ENV_FILE") and (path.is_dir() or not path.exists()):  # os.devnull, which is no regular file, may be named
        refuse("ENV_FILE", f"names no file: {path}")
    return path


def queues(name: str, default: str) -> dict[str, dict[str, str | int]]:
    """`default=processes:4, light=threads:16` as executor and slots by queue."""
    found: dict[str, dict[str, str | int]] = {}
    for part in names(name, default):
        match = QUEUE.fullmatch(re.sub(r"\s*([=:])\s*", r"\1", part))
        if not match:
            refuse(name, f"must read like 'default=processes:4, light=threads:16'; {part!r} does not")
        if match["executor"] not in EXECUTORS:
            refuse(name, f"knows the executors {' and '.join(EXECUTORS)}, not {match['executor']!r}")
        if not 1 <= int(match["slots"]) <= MOST_SLOTS:
            refuse(name, f"must give {match['name']!r} 1 to {MOST_SLOTS} slots, not {match['slots']}")
        if match["name"] in found:
            refuse(name, f"names {match['name']!r} twice")
        found[match["name"]] = {"executor": match["executor"], "slots": int(match["slots"])}
    if "default" not in found:
        refuse(name, "must name the queue 'default', on which tasks run that ask for no other")
    return found


def secret_address(name: str) -> str:
    """An http or https address that no message repeats, since it is a secret itself; empty if not given."""
    return _secret_address(name, text(name)) if text(name) else ""


def named_addresses(name: str) -> dict[str, str]:
    """`nightly=https://…, team=https://…` as addresses by name; they are secrets, too."""
    found: dict[str, str] = {}
    for part in names(name):
        label, _, given = (piece.strip() for piece in part.partition("="))
        if not LABEL.fullmatch(label):
            refuse(name, "must read like 'nightly=https://…, team=https://…', each name of small letters and digits")
        if label in found:
            refuse(name, f"names {label!r} twice")
        found[label] = _secret_address(f"{name}: {label}", given)
    return found


def with_prefix(prefix: str) -> dict[str, str]:
    """The values of all variables whose names begin so, by the rest of the name in small letters."""
    found = {name.removeprefix(prefix).lower(): text(name) for name in os.environ if name.startswith(prefix)}
    for label in found:
        if not LABEL.fullmatch(label):
            refuse(f"{prefix}{label.upper()}", "must end in a name of letters, digits and underscores, 40 at most")
    return {label: value for label, value in sorted(found.items()) if value}


def package(name: str, module: str, extra: str) -> None:
    """Refuse the setting `name`, which is on, where the package that it needs is not there."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # not even the package around it
        found = None
    if found is None:
        refuse(name, f"is set, but {module} is not installed; install it with: pip install {extra}")


def _secret_address(name: str, given: str) -> str:
    try:
        return _checked_address(name, given)
    except ImproperlyConfigured:
        refuse(name, "must be an address that starts with http:// or https:// and a host")


def _checked_address(name: str, given: str) -> str:
    try:
        parts = urlsplit(given)
        complete = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        refuse(name, f"must start with http:// or https:// and a host, not {given!r}")
    return given.rstrip("/")


def _range(least: float, most: float) -> str:
    return f"{least:g} or more" if math.isinf(most) else f"{least:g} to {most:g}"
