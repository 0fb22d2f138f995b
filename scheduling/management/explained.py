"""How a terminal, a pipe and a program are given the answers of `explain`."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from scheduling.explain import Answer, Tone
from scheduling.models import Job

COLOURS = {Tone.GOOD: "green", Tone.OPEN: "blue", Tone.NOTABLE: "yellow", Tone.BAD: "red"}
PIPED = 10_000  # columns: a sentence stays on its line for the program that reads it


def show(job: Job, answers: Iterable[Answer], out: Any) -> None:
    """Each verdict and its sentences, coloured and wrapped where `out` is a terminal."""
    console = Console(file=out, highlight=False)
    width = console.width if console.is_terminal else PIPED
    name = f"{job.name} ({job.pk})" if job.name != job.pk else job.pk
    console.print(Text(name, "bold"))
    for answer in answers:
        console.print()
        console.print(Text(answer.verdict, f"bold {COLOURS[answer.tone]}"), width=width)
        for sentence in answer.sentences:
            line = Text(sentence)
            console.print(Padding(line, (0, 0, 0, 2), expand=False) if console.is_terminal else line, width=width)


def as_json(answer: Answer) -> dict[str, Any]:
    return {
        "verdict": answer.verdict,
        "severity": answer.tone.value,
        "sentences": list(answer.sentences),
        "moment": answer.moment.astimezone(UTC).isoformat() if answer.moment else None,
        "executions": list(answer.executions),
    }
