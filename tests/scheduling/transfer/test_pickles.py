"""Pickles are read without being obeyed: whatever one would do when loaded, nothing happens."""

import contextlib
import os
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.transfer.sources.pickles import LARGEST, Made, Name, UnreadablePickle, read

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner) | st.tuples(inner, inner)
    ),
)


class Attack:
    """Would make a file when loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@given(PLAIN, st.integers(0, 5))
def test_plain_values_are_read_as_every_protocol_writes_them(value: Any, protocol: int) -> None:
    assert repr(read(pickle.dumps(value, protocol))) == repr(value)


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_written_down_and_not_made(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "owned"
    data = pickle.dumps({"args": [Attack(str(mark))]}, protocol)
    made = read(data)["args"][0]
    assert isinstance(made, Made)
    assert (made.path, made.args) == (f"{os.system.__module__}.system", (f"touch {mark}",))
    assert not mark.exists()
    pickle.loads(data)  # noqa: S301  # it would have worked
    assert mark.exists()


def test_a_name_is_written_down_and_not_imported() -> None:
    assert read(b"cno.such.module\nname\n.") == Name("no.such.module.name")


@pytest.mark.parametrize("protocol", range(2, 6))
def test_objects_have_their_state(protocol: int) -> None:
    span = read(pickle.dumps(timedelta(1, 2, 3), protocol))
    assert (span.path, span.args) == ("datetime.timedelta", (1, 2, 3))
    moment = read(pickle.dumps(datetime(2026, 1, 1, tzinfo=UTC), protocol))
    assert moment.path == "datetime.datetime"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "damaged"),
        (b".", "damaged"),
        (b"K\x01", "damaged"),
        (b"\x80\x05]h\x05.", "damaged"),
        (b"e.", "damaged"),
        (b"K\x01R.", "damaged"),
        (b"}K\x01b.", "damaged"),
        (b"U\x01a.", "uses SHORT_BINSTRING"),
        (b"Pid\n.", "uses PERSID"),
        (b"i" * 10, "damaged"),
        (b"N" * LARGEST + b"0.", "at most 1,000,000"),
    ],
)
def test_what_is_no_pickle_of_plain_things_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(UnreadablePickle, match=message):
        read(data)


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with contextlib.suppress(UnreadablePickle):
        read(data)
