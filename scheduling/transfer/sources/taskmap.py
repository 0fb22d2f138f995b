"""Which task of ours stands for a command, a function or a task elsewhere: a file that a person writes.

version: 1
tasks:
  - command: /usr/local/bin/backup --full     # exactly this
    task: shop.tasks.backup
    arguments: {full: true}
  - pattern: 'python manage.py sync (?P<user>[a-z]+)'     # all of it fits this regular expression
    id: sync-{user}
    task: shop.tasks.sync
    arguments: {user: '{user}'}

Beside the task may stand all that a job's document knows, but for its schedule; without an id a job is called like the
program of its line.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from scheduling.transfer import reading, writing
from scheduling.transfer.documents import KEYS
from scheduling.transfer.reading import Problem, Refused

OWN = ("command", "pattern")
HINT = "Beside a task may stand the id of its job (else its program's name), and name, queue, timeout and so on."
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a command becomes: keys of a job's document, with groups of the pattern in the place of {name}."""

    command: re.Pattern[str]
    keys: dict[str, Any]

    def job(self, calls: str) -> dict[str, Any] | None:
        found = self.command.fullmatch(calls)
        return _filled(self.keys, found.groupdict("")) if found else None


def read(text: str) -> list[Rule]:
    """Raises Refused, with every problem and its line."""
    given = reading.read(text)
    value = given.value
    problems = list(given.problems)
    if not isinstance(value, Mapping) or value.get("version") != writing.VERSION or set(value) - {"version", "tasks"}:
        problems.append(Problem(1, "", f"A task map is: version: {writing.VERSION}, and then tasks: with a list."))
        raise Refused(problems)
    rules = []
    for number, each in enumerate(value.get("tasks") or []):
        line = partial(given.line, ("tasks", number))
        try:
            rules.append(_rule(each))
        except ValueError as error:
            problems.append(Problem(line(), "task map", str(error)))
    if problems:
        raise Refused(problems)
    return rules


def skeleton(commands: Mapping[str, str], tasks: Iterable[str]) -> str:
    """A map to fill in: the `tasks` to choose from; the commands, each with where it stands."""
    known = "\n".join(f"  {path}" for path in tasks) or "  none"
    parts = [f"version: {writing.VERSION}\n", writing.comment(f"{HINT}\nThe registered tasks are:\n{known}", "")]
    parts.append("tasks:\n")
    for command, where in commands.items():
        body = writing.dump([{"command": command, "task": "", "arguments": {}}])
        parts += [writing.comment(where, "  "), *(f"  {line}" for line in body.splitlines(keepends=True))]
    return "".join(parts)


def _rule(given: Any) -> Rule:
    if not isinstance(given, Mapping) or sum(name in given for name in OWN) != 1:
        raise ValueError("Each task begins with a command (exactly) or a pattern (a regular expression).")
    known = {*OWN, *KEYS} - {"schedule"}
    unknown = next((key for key in given if key not in known), None)
    if unknown is not None:
        raise ValueError(f"{unknown!r} is not known here; there are {', '.join(OWN)}, {', '.join(KEYS)}.")
    if not isinstance(given.get("task"), str) or not given["task"]:
        raise ValueError("Write the path of the task that stands for it: task: …")
    said = given.get("pattern", given.get("command"))
    try:
        command = re.compile(str(said) if "pattern" in given else re.escape(str(said)))
    except re.error as error:
        raise ValueError(f"{said!r} is no regular expression: {error}.") from None
    return Rule(command, {key: value for key, value in given.items() if key not in OWN})


def _filled(value: Any, groups: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(item, groups) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(each, groups) for each in value]
    if isinstance(value, str):
        return _PLACE.sub(lambda place: groups.get(place[1], place[0]), value)
    return value
