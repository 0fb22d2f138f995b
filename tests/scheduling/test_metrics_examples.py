"""The alerts and the dashboard in docs/ name only what /metrics has: each metric, each label, each value of a state."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from scheduling.metrics import exposition
from scheduling.models import Cause, State
from scheduling.store.figures import INTERRUPTED
from scheduling.tally import Tally, as_rows
from tests.factories import NOON, make_worker

DOCS = Path(__file__).resolve().parents[2] / "docs"
METRIC = re.compile(r"\b(rota_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)=~?"([^"]*)"')
GROUPED = re.compile(r"\bby \(([^)]*)\)")


def expressions() -> Iterator[str]:
    rules = yaml.safe_load((DOCS / "prometheus.yml").read_text())
    yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])
    board = json.loads((DOCS / "grafana.json").read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])


@pytest.fixture
def shown(db: None) -> dict[str, dict[str, set[str]]]:
    """Each sample of an installation in which everything has happened: its labels, and their values."""
    tally = Tally()
    for state in (*State, INTERRUPTED):
        for cause in Cause if state == State.SKIPPED else [""]:
            tally.count("runs", "nightly", "task", str(state), str(cause))
    for name, labels in {"run_seconds": ("nightly", "task"), "database_errors": ("loop",), "failed_turns": ()}.items():
        tally.count(name, *labels)
    for name, labels in {"duration": ("default",), "lateness": ("default",), "turn": ()}.items():
        tally.observe(name, 1, *labels)
    make_worker(figures={"own": as_rows(tally.take())})
    body, _ = exposition("", NOON)
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            values = found[sample.name]
            for label, value in sample.labels.items():
                values[label].add(value)
    return found


def test_there_are_examples() -> None:
    assert len(list(expressions())) > 20


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_example_names_only_what_there_is(expression: str, shown: dict[str, dict[str, set[str]]]) -> None:
    grouped = {label.strip() for labels in GROUPED.findall(expression) for label in labels.split(",")}
    named = METRIC.findall(expression)
    assert named or "up{" in expression
    for name, matchers in named:
        assert name in shown
        for label, values in MATCHER.findall(matchers):
            assert set(values.split("|")) <= shown[name][label], f"{name}{{{label}}}"
    labels = {label for name, _ in named for label in shown[name]}
    assert grouped <= labels
