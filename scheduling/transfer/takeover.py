"""Other schedulers' entries as jobs of ours: which task stands for each, and what cannot be translated, and why."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scheduling import registry
from scheduling.conf import options
from scheduling.models import Job
from scheduling.transfer import apply as applying
from scheduling.transfer import spans
from scheduling.transfer.diff import CHANGED, Step
from scheduling.transfer.documents import KEYS
from scheduling.transfer.reading import Refused, read
from scheduling.transfer.sources.found import Found
from scheduling.transfer.sources.taskmap import Rule
from scheduling.transfer.writing import document

LONGEST_ID = 90  # characters, and room for a number behind it
DIFFERS = (
    "A job of this id is there already, and differs; it is left as it is. A task map can give this one another id."
)
_AROUND = re.compile(r"^\s*cd\s+[^;&|]+(?:&&|;)\s*|\s*(?:\d|&)?>>?\s*(?:&\d|\S+)|\s*</dev/null")
_SETTING = re.compile(r"[A-Za-z_]\w*=\S*")
_RUNNER = re.compile(r"(?:.*/)?(?:python[\d.]*|(?:ba|da|z)?sh|perl|ruby|node|php|env|exec|nohup|sudo)")
_COMMAND_OF_DJANGO = re.compile(r"(?:.*/)?(?:manage\.py|django-admin)")


@dataclass(frozen=True, slots=True)
class Drafted:
    """An entry that can be a job here."""

    found: Found
    job: dict[str, Any]  # its document
    step: Step  # what becomes of it here; `changed` means that it is there and differs
    notes: tuple[str, ...]

    @property
    def job_row(self) -> Job:
        assert isinstance(self.step.row, Job)
        return self.step.row


@dataclass(frozen=True, slots=True)
class Left:
    """An entry that cannot, or with which there is nothing to do any more."""

    found: Found
    reason: str
    over: bool = False
    unmapped: bool = False  # a task map would help


@dataclass(frozen=True, slots=True)
class Offer:
    drafted: tuple[Drafted, ...]
    left: tuple[Left, ...]

    @property
    def untranslated(self) -> list[Left]:
        return [each for each in self.left if not each.over]


class _NoTask(Exception):
    """Nothing says which task stands for this."""


def offer(entries: Iterable[Found], rules: Iterable[Rule]) -> Offer:
    """What each of the entries would be here. Nothing is written."""
    drafted: list[Drafted] = []
    left: list[Left] = []
    taken: set[str] = set()
    known = list(rules)
    for found in entries:
        if found.over or found.cannot:
            left.append(Left(found, found.over or found.cannot, over=bool(found.over)))
            continue
        try:
            job, notes = _job(found, known, taken)
            (step,) = applying.plan(read(document([job]))).jobs
            drafted.append(Drafted(found, job, step, (*found.notes, *notes)))
            taken.add(job["id"])
        except _NoTask as error:
            left.append(Left(found, str(error), unmapped=True))
        except Refused as refused:
            left.append(Left(found, " ".join(problem.message for problem in refused.problems), unmapped=True))
    return Offer(tuple(drafted), tuple(left))


def text_of(drafted: Iterable[Drafted], change: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> str:
    """The jobs as a document, each below what it was and what is different here."""
    kept = list(drafted)
    notes = {each.job["id"]: list(_remarks(each)) for each in kept}
    return document([change(each.job) for each in kept], notes=notes)


def new_ones(drafted: Iterable[Drafted]) -> list[Drafted]:
    """Those of which there is no job yet."""
    return [each for each in drafted if each.step.deed == "created"]


def _remarks(draft: Drafted) -> Iterator[str]:
    found = draft.found
    yield f"{found.where}: {' '.join(filter(None, (found.said, found.calls)))}"
    yield from (f"Note: {note}." for note in draft.notes)
    if found.stopped:
        yield f"{found.stopped} --apply creates it paused."
    if draft.step.deed == CHANGED:
        yield DIFFERS


def _job(found: Found, rules: list[Rule], taken: set[str]) -> tuple[dict[str, Any], list[str]]:
    """The document of a job, and what is to be said about it. Raises _NoTask."""
    mapped = _mapped(found.calls, rules)
    notes = []
    job: dict[str, Any] = {**found.policies, "arguments": found.arguments, "schedule": found.schedule}
    for key in registry.SPANS:
        if isinstance(job.get(key), int | float):
            job[key] = spans.write(timedelta(seconds=job[key]))
    if found.name:
        job["name"] = found.name[:200]
    job |= mapped if mapped is not None else {"task": _task(found.calls)}
    if job.get("queue", "default") not in [lane.name for lane in options().queues]:
        notes.append(f"there is no queue {job['queue']!r} here, so it goes to the queue default")
        job["queue"] = "default"
    called = job["task"].rpartition(".")[2] if mapped is None else _program(found.calls)
    job["id"] = _id(str(job.get("id") or found.id or called), taken)
    return {key: job[key] for key in KEYS if key in job and not _is_default(key, job[key])}, notes


def _mapped(calls: str, rules: list[Rule]) -> dict[str, Any] | None:
    for said in dict.fromkeys((calls, _bare(calls))):
        for rule in rules:
            if (job := rule.job(said)) is not None:
                return job
    return None


def _task(calls: str) -> str:
    """The registered task that `calls` names by itself. Raises _NoTask."""
    path = calls.replace(":", ".")
    if path in registry.registered():
        return path
    words = _words(calls)
    place = next((n for n, word in enumerate(words) if _COMMAND_OF_DJANGO.fullmatch(word)), None)
    if place is None:
        if " " not in calls and re.fullmatch(r"[\w.]+:?[\w.]+", calls) and "/" not in calls:
            raise _NoTask(f"No task {path!r} is registered here.{applying.meant(path, registry.registered())}")
        raise _NoTask(
            "It is a command of a shell, and Rota runs tasks only. Say in a task map which one stands for it."
        )
    name, *rest = words[place + 1 :] or [""]
    same = [path for path in registry.registered() if path.rpartition(".")[2] == name]
    if len(same) != 1:
        told = f"Several tasks are called {name}: {', '.join(same)}" if same else f"No task is called {name}"
        raise _NoTask(f"{told}. Say in a task map which one stands for it.")
    if rest:
        raise _NoTask(f"{same[0]} is called like it, but what becomes of {shlex.join(rest)!r}? Say so in a task map.")
    return same[0]


def _program(command: str) -> str:
    """What a line of a shell runs, as one would call it: the program's file, the script, the command of Django."""
    words = [word for word in _words(command) if not word.startswith("-") and not _SETTING.fullmatch(word)]
    named = [word for word in words if not _RUNNER.fullmatch(word)]
    if len(named) > 1 and _COMMAND_OF_DJANGO.fullmatch(named[0]):
        return named[1]
    first = next(iter(named or words), "").split()  # more than a word where a shell is given a line of its own
    return first[0].rstrip("/").rpartition("/")[2] if first else ""


def _bare(command: str) -> str:
    """The command without the folder it is run in, its settings, and where its output goes."""
    words = _AROUND.sub("", command).split()
    while words and _SETTING.fullmatch(words[0]):
        words.pop(0)
    return " ".join(words)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(_bare(command))
    except ValueError:  # a quote without its other
        return _bare(command).split()


def _id(wanted: str, taken: set[str]) -> str:
    """An id like `wanted` that none of the others has."""
    base = re.sub(r"[^A-Za-z0-9_.:-]+", "-", wanted).strip("-_.:")[:LONGEST_ID] or "job"
    numbers = iter(range(2, len(taken) + 3))
    made = base
    while made in taken:
        made = f"{base}-{next(numbers)}"
    return made


def _is_default(key: str, value: Any) -> bool:
    """Whether a document need not say this."""
    if key in ("id", "task", "schedule"):
        return False
    if value in (None, "", {}, []):
        return True
    field: Any = Job._meta.get_field(key)
    default = field.get_default()
    return bool(value == (spans.write(default) if isinstance(default, timedelta) else default))
