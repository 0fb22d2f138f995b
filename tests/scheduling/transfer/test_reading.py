"""The text of a document: only data comes out of it, without YAML's surprises, and each value knows its line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.transfer import reading, writing
from scheduling.transfer.reading import LARGEST, SECRET, Refused, read

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    | st.sampled_from(
        ["yes", "no", "~", "012", "1e3", "0x1f", "1_000", "12:30", "2026-05-03", "=", "<<", "-.5", "!a", "#"]
    )
    | st.text(" \n\t\r\x85\u2028\ufeffab:#-'\"", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0")), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_whatever_is_written_is_read_as_it_was(value: Any) -> None:
    found = read(writing.dump({"value": value}))
    assert found.problems == []
    assert repr(found.value) == repr({"value": value})


@given(VALUES, st.text())
def test_a_job_in_a_document_with_notes_is_read_as_it_was(value: Any, note: str) -> None:
    job = {"id": "films", "arguments": value}
    found = read(writing.document([job, job], notes={"films": [note, note]}))
    assert repr(found.value) == repr({"version": 1, "jobs": [job, job]})


@pytest.mark.parametrize("text", ["yes", "on", "12:30", "2026-05-03", "010", "1_000", "0x10", ".inf", "1e3", "off"])
def test_what_only_yaml_takes_for_something_else_is_a_text(text: str) -> None:
    assert read(f"value: {text}").value == {"value": text}


def test_each_value_knows_its_line() -> None:
    found = read("version: 1\njobs:\n  - id: films\n    tags:\n      - a\n      - b\n")
    assert found.line(("jobs", 0)) == 3
    assert found.line(("jobs", 0, "tags", 1)) == 6
    assert found.line(("jobs", 0, "schedule", "cron")) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: 'a' is given twice; first in line 1."),
        ("a: 1\na:\n  b: !odd 2", "line 3: The tag !odd is not known here"),
        ("a:\n  1: x", "line 2: A key must be a text; write 1 in quotes."),
        ("a: !!python/object/apply:os.system [echo]", "The tag !!python/object/apply:os.system is not known"),
        ("a: !include b", "line 1: The tag !include is not known"),
        ('a: "\\0"', "cannot hold the NUL character"),
        ('a: "\\ud800"', "half of a character"),
        ("a: !!int x", "line 1: "),
    ],
)
def test_what_is_wrong_with_the_form_is_told_with_its_line(text: str, message: str) -> None:
    assert message in "\n".join(map(str, read(text).problems))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x", "line 2: This is no YAML that can be read: anchors are not taken."),
        ("a: [1", "line 1: This is no YAML that can be read"),
        ("a: b: c", "This is no YAML that can be read"),
        ("a: 1\n---\nb: 2", "line 2: This is no YAML"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
        ("[" * 5000, "nested too deeply"),
        ("\x01", "This is no YAML"),
        ("a" * (LARGEST + 1), "at most 5,000,000 are read"),
    ],
    ids=["anchor", "open", "colons", "two documents", "deep", "very deep", "control", "large"],
)
def test_what_is_no_yaml_or_too_much_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        read(text)
    assert message in str(refused.value)


def test_a_mark_stands_for_a_secret() -> None:
    assert read(writing.dump({"key": SECRET})).value == {"key": SECRET}
    assert repr(reading.SECRET) == "!secret"
