"""A scan in this process: a bar for each category, and a table of what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scheduling.management.telling import put, put_json, table
from tasks.classifieds.conf import options
from tasks.classifieds.reading import in_words
from tasks.classifieds.scan import Wanted, scan
from tasks.recording import Entry, record

NAME = "audiowatch"  # of the task in the records
ORDER = ("pages", "as_it_was", "new", "changed", "unchanged", "sent", "failed", "waiting")
COLUMNS = (
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("{task.description}", markup=False),  # titles are data
)


def scan_and_show(wanted: Wanted) -> dict[str, Any]:
    """What each category, the rules and the notices tell of a scan."""
    told: dict[str, Any] = {}
    longest = timedelta(seconds=options().scan_timeout)
    with Progress(*COLUMNS, console=Console(stderr=True)) as bar:

        @contextmanager
        def recorded(label: str) -> Iterator[Entry]:
            line = bar.add_task(label, total=None)

            def show(done: int, total: int, text: str) -> None:
                bar.update(line, completed=done, total=total, description=text)

            with record(None, label, task_name=NAME, longest=longest, watcher=show) as entry:
                yield entry
            told[label] = entry.result
            bar.update(line, total=bar.tasks[line].total or 1, completed=bar.tasks[line].total or 1, description=label)

        scan(recorded, wanted)
    return told


def words(result: Any) -> str:
    """What a record tells, in the order of things; JSON in a database may have lost it."""
    told = dict(result or {})
    ordered = sorted(told, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return in_words({name: told[name] for name in ordered})


def put_told(told: dict[str, Any], as_json: bool, out: Any) -> None:
    if as_json:
        put_json(out, told)
        return
    shown = table("WHAT", "RESULT", wraps=["RESULT"])
    for label, result in told.items():
        shown.add_row(label, words(result))
    put(out, shown)
