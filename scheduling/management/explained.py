"""How a terminal, a pipe and a program are given the answers of `explain`."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from scheduling.explain import Answer, Tone
from scheduling.management.telling import indented, put
from scheduling.models import Job

COLOURS = {Tone.GOOD: "green", Tone.OPEN: "blue", Tone.NOTABLE: "yellow", Tone.BAD: "red"}


def show(job: Job, answers: Iterable[Answer], out: Any) -> None:
    """Each verdict and its sentences, coloured and wrapped where `out` is a terminal."""
    parts: list[RenderableType] = [Text(f"{job.name} ({job.pk})" if job.name != job.pk else job.pk, "bold")]
    for answer in answers:
        lines = map(Text, answer.sentences)
        parts += [Text(), Text(answer.verdict, f"bold {COLOURS[answer.tone]}")]
        parts += map(indented, lines) if out.isatty() else lines
    put(out, *parts)


def as_json(answer: Answer) -> dict[str, Any]:
    return {
        "verdict": answer.verdict,
        "severity": answer.tone.value,
        "sentences": list(answer.sentences),
        "moment": answer.moment.astimezone(UTC).isoformat() if answer.moment else None,
        "executions": list(answer.executions),
    }
