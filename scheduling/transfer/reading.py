"""The text of a document as plain values, each with its line; nothing in it makes anything but data.

YAML without its surprises: `yes`, `12:30` and `2026-05-03` are texts, a key is given once, and there are no anchors,
whose copies of copies fill a memory.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

LARGEST = 5_000_000  # characters
DEEPEST = 50  # levels
SECRET_TAG = "!secret"  # noqa: S105

type Path = tuple[str | int, ...]


class Secret:
    """Stands for a value that a document leaves out."""

    def __repr__(self) -> str:
        return SECRET_TAG


SECRET = Secret()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a document that cannot be: where it is, which job it is about, what to do."""

    line: int  # 0: the whole document
    about: str  # "job films"; empty for the document
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{f'{self.about}: ' if self.about else ''}{self.message}"


class Refused(Exception):
    """A document with problems; nothing of it was done."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True)
class Text:
    """What a document says, the line of each value by its path, and what is wrong with its form."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Loader(yaml.SafeLoader):
    """Words of JSON are what they are in JSON; everything else that is not in quotes is a text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012
    depth = 0  # levels around the node that is read

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "anchors are not taken", self._mark())
        if self.depth == DEEPEST:
            raise yaml.composer.ComposerError(None, None, "it is nested too deeply", self._mark())
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _mark(self) -> Any:
        return self.peek_event().start_mark  # type: ignore[no-untyped-call]


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false|True|False", list("tfTF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), _first)


def read(text: str) -> Text:
    """Raises Refused for what is no YAML at all, or too much of it."""
    if len(text) > LARGEST:
        raise Refused([Problem(0, "", f"The document has {len(text):,} characters; at most {LARGEST:,} are read.")])
    found = Text()
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            found.value = _value(loader, node, (), found)
    except yaml.YAMLError as error:
        raise Refused([_problem(error)]) from None
    return found


def _problem(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error)
    return Problem(mark.line + 1 if mark else 0, "", f"This is no YAML that can be read: {said}.")


def _value(loader: _Loader, node: Any, path: Path, found: Text) -> Any:
    found.lines.setdefault(path, node.start_mark.line + 1)
    read: Callable[..., Any] | None = {
        "tag:yaml.org,2002:map": _mapping,
        "tag:yaml.org,2002:seq": _sequence,
    }.get(node.tag)
    if read:
        return read(loader, node, path, found)
    if node.tag == SECRET_TAG:
        return SECRET
    if isinstance(node, yaml.ScalarNode) and node.tag.startswith("tag:yaml.org,2002:"):
        kind = node.tag.rpartition(":")[2]
        try:
            if kind == "str":
                return _storable(node.value)
            if kind in ("null", "bool", "int", "float"):
                return loader.construct_object(node)
        except ValueError as error:
            found.problems.append(Problem(node.start_mark.line + 1, "", f"{error}."))
            return None
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")
    found.problems.append(Problem(node.start_mark.line + 1, "", f"The tag {tag} is not known here; take it out."))
    return None


def _storable(text: str) -> str:
    """Raises ValueError for what not every database can keep."""
    if "\0" in text:
        raise ValueError("A text cannot hold the NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("A text cannot hold half of a character") from None
    return text


def _sequence(loader: _Loader, node: Any, path: Path, found: Text) -> list[Any]:
    return [_value(loader, each, (*path, number), found) for number, each in enumerate(node.value)]


def _mapping(loader: _Loader, node: Any, path: Path, found: Text) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in node.value:
        line = name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode) or name.tag != "tag:yaml.org,2002:str":
            told = name.value if isinstance(name, yaml.ScalarNode) else "this"
            found.problems.append(Problem(line, "", f"A key must be a text; write {told} in quotes."))
        elif "\0" in name.value:
            found.problems.append(Problem(line, "", "A key cannot hold the NUL character."))
        elif name.value in made:
            first = found.lines[(*path, name.value)]
            found.problems.append(Problem(line, "", f"{name.value!r} is given twice; first in line {first}."))
            _value(loader, value, (*path, name.value), found)  # for what else is wrong with it
        else:
            found.lines[(*path, name.value)] = line
            made[name.value] = _value(loader, value, (*path, name.value), found)
    return made
