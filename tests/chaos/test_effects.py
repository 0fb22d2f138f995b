"""The file in which tasks say what they did."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.chaos.effects import BEGIN, END, noted, read


def context(run: int) -> SimpleNamespace:
    return SimpleNamespace(execution_id=run, job_id="job", scheduled_for=None, snapshot=SimpleNamespace(fence=1))


def test_begin_and_end_of_what_ended_well(tmp_path: Path) -> None:
    with noted(str(tmp_path / "effects"), context(7)):
        pass
    effects, torn = read(tmp_path / "effects")
    assert [(effect.what, effect.run, effect.fence) for effect in effects] == [(BEGIN, 7, 1), (END, 7, 1)]
    assert torn == 0


def test_what_failed_has_no_end(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="as told"), noted(str(tmp_path / "effects"), context(7)):
        raise ValueError("as told")
    assert [effect.what for effect in read(tmp_path / "effects")[0]] == [BEGIN]


def test_a_torn_line_is_counted_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "effects"
    with noted(str(path), context(1)):
        pass
    path.write_text(path.read_text() + '\n{"what": "beg')
    with noted(str(path), context(2)):
        pass
    effects, torn = read(path)
    assert ([effect.run for effect in effects], torn) == ([1, 1, 2, 2], 1)


def test_without_a_task_there_is_no_file(tmp_path: Path) -> None:
    assert read(tmp_path / "effects") == ([], 0)
