"""Plain values as YAML for people: in their own order, short lists on one line, long texts as they are."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from scheduling.transfer.reading import SECRET_TAG, Secret

VERSION = 1  # of the form of a document
WIDE = 10_000  # columns: a text of one line stays one, which keeps a diff small
SHORT = 80  # characters of a list that goes on one line
BREAKS = "\x85\u2028\u2029"  # taken for the end of a line, and lost, anywhere but in double quotes
HEAD = """\
# Jobs of Rota. What a job does not name has its default; a moment without an offset goes by the job's timezone.
# See what it would change: manage.py jobs import FILE --dry-run
"""


class _Dumper(yaml.SafeDumper):
    """Whatever any reader of YAML would take for something else than a text is put in quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))


def _style(value: str) -> str | None:
    """Lines as a block, but where its edges are blank: PyYAML ends the document behind such a block."""
    if any(each in value for each in BREAKS):
        return '"'
    if "\n" not in value:
        return None
    return "|" if value[0].strip() and not value.endswith("\n\n") else '"'


def _list(dumper: _Dumper, value: list[Any]) -> yaml.Node:
    plain = all(isinstance(each, str | int | float | bool | None) for each in value)
    return dumper.represent_sequence(
        "tag:yaml.org,2002:seq", value, flow_style=plain and sum(len(str(each)) + 2 for each in value) <= SHORT
    )


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(Secret, lambda dumper, _: dumper.represent_scalar(SECRET_TAG, ""))


def document(
    jobs: Iterable[Mapping[str, Any]],
    calendars: Iterable[Mapping[str, Any]] = (),
    notes: Mapping[str, Iterable[str]] | None = None,
) -> str:
    """The text of a document; `notes` are said above the job of that id."""
    parts = [HEAD, f"version: {VERSION}\n"]
    kept = list(calendars)
    if kept:
        parts += ["\ncalendars:\n", *(_item(each) for each in kept)]
    written = [_item(job, (notes or {}).get(job["id"], ())) for job in jobs]
    parts += ["\njobs:\n", "\n".join(written)] if written else ["\njobs: []\n"]
    return "".join(parts)


def dump(value: Any) -> str:
    """Plain values as YAML. Deterministic."""
    return str(
        yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDE, default_flow_style=False)
    )


def comment(text: str, indent: str = "") -> str:
    """`text` as lines that no reader takes for more than a comment."""
    lines = ("".join(each if each.isprintable() else " " for each in line) for line in text.splitlines())
    return "".join(f"{indent}# {line}\n" for line in lines)


def _item(mapping: Mapping[str, Any], notes: Iterable[str] = ()) -> str:
    body = dump([dict(mapping)])
    indented = "".join(f"  {line}" if line.strip() else line for line in body.splitlines(keepends=True))
    return "".join(comment(note, "  ") for note in notes) + indented
