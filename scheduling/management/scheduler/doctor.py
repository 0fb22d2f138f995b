"""scheduler doctor: what is wrong with this installation, and the cure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.utils import timezone
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scheduling.doctor import Finding, Severity, diagnose
from scheduling.doctor.diagnosis import examined
from scheduling.management.composed import add_deed
from scheduling.management.telling import put, put_json
from scheduling.walls import NAME, build_walls

UNWELL = 1  # exit code
CODES = "Exit code 0: healthy; remarks are no illness. 1: there is an error or a warning. 2: refused."
LOOKS = {Severity.ERROR: ("✗", "bold red"), Severity.WARNING: ("!", "bold yellow"), Severity.INFO: ("·", "blue")}


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "doctor", act, "tell what is wrong with this installation, and the cure", CODES)
    parser.add_argument("--mend", action="store_true", help="first mend what needs no decision: a missing trigger")


def act(given: dict[str, Any], out: Any) -> None:
    findings = diagnose(timezone.now())
    if given["mend"] and any(each.code == "wall-missing" for each in findings):
        build_walls(plan=[NAME])
        findings = diagnose(timezone.now())
    if given["json"]:
        told = [{**asdict(each), "severity": each.severity.value} for each in findings]
        put_json(out, {"healthy": _is_healthy(findings), "findings": told})
    else:
        _show(findings, out)
    if not _is_healthy(findings):
        raise SystemExit(UNWELL)


def _is_healthy(findings: Sequence[Finding]) -> bool:
    return all(each.severity is Severity.INFO for each in findings)


def _show(findings: Sequence[Finding], out: Any) -> None:
    shown = Table.grid(padding=(0, 1, 0, 0))
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for each in findings:
        sign, style = LOOKS[each.severity]
        said = Text.assemble((each.what, style if each.severity is Severity.ERROR else ""), f"  {each.code}")
        said.stylize("dim", len(each.what))
        shown.add_row(Text(sign, style), said)
        shown.add_row("", Padding(Text.assemble(("→ ", "dim"), each.cure), (0, 0, 1, 0)))
    put(out, *([shown] if findings else []), _summary(findings))


def _summary(findings: Sequence[Finding]) -> Text:
    counts = Counter(each.severity for each in findings)
    names = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "remark"}
    told = ", ".join(
        f"{counts[each]} {name}{'s' if counts[each] > 1 else ''}" for each, name in names.items() if counts[each]
    )
    healthy = _is_healthy(findings)
    verdict = Text("Healthy" if healthy else "Not well", "bold green" if healthy else "bold red")
    return verdict + Text(f": {told or 'nothing is wrong'}, of {examined()} things looked at.", "not bold")
