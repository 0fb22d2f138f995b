"""What people and programs are told of a campaign: a bar while it goes on, figures and findings at its end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.chaos.campaign import Plan, Result
from tests.chaos.checker import Finding, Kind

SHOWN = 40  # findings
MAIN = ("kills", "moments", "runs")  # the figures that come first

Tell = Callable[[float, dict[str, int]], None]


@contextmanager
def progress(console: Console, title: str) -> Iterator[Tell]:
    """A bar of the share that is done, with moments and kills; nothing where nobody looks."""
    columns = [TextColumn(title), BarColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn()]
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title, total=1.0, told="")

        def tell(share: float, figures: dict[str, int]) -> None:
            told = f"{figures['moments']:,} moments, {figures['kills']} kills"
            bar.update(task, completed=share, told=told)

        yield tell


def findings(console: Console, found: list[Finding]) -> None:
    """A table of what should not be."""
    table = Table("What", "Job", "Moment", "Run", "Why", title=f"{len(found)} findings")
    for each in found[:SHOWN]:
        moment = f"{each.moment:%Y-%m-%d %H:%M:%S.%f}" if each.moment else ""
        table.add_row(each.kind, each.job, moment, f"#{each.run}" if each.run else "", each.what)
    console.print(table)


def line(database: str, plan: Plan, result: Result) -> str:
    """The figures in a sentence."""
    rest = sorted(result.figures.keys() - {*Kind, *MAIN})
    main, found, besides = (
        ", ".join(f"{result.figures[name]:,} {name.replace('_', ' ')}" for name in names)
        for names in (MAIN, Kind, rest)
    )
    return f"{database}, {plan.minutes:g} min, seed {plan.seed}: {main}; {found} ({besides})"


def as_json(database: str, plan: Plan, result: Result) -> str:
    """The figures as one object."""
    return json.dumps({"database": database, "minutes": plan.minutes, "seed": plan.seed, **result.figures})
