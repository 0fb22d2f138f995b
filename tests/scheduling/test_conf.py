"""Settings become typed values, with defaults for those that are missing."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling.conf import Lane, Options, options


def test_settings_become_typed_values(settings: Any) -> None:
    settings.SCHEDULING = {
        "QUEUES": {"default": {"executor": "threads", "slots": 3}},
        "MISFIRE_GRACE_TIME": 60,
        "DEFAULT_TIMEOUT": 1.5,
        "REDACT": ["pin"],
    }
    found = options()
    assert found.queues == (Lane("default", "threads", 3),)
    assert (found.misfire_grace_time, found.default_timeout) == (timedelta(minutes=1), timedelta(seconds=1.5))
    assert found.redact == ("pin",)
    assert found.heartbeat == Options().heartbeat


def test_a_default_time_out_of_nought_is_none(settings: Any) -> None:
    settings.SCHEDULING = {"DEFAULT_TIMEOUT": 0}
    assert options().default_timeout is None


def test_a_setting_that_there_is_not_is_refused(settings: Any) -> None:
    settings.SCHEDULING = {"HEARTBAET": 2}
    with pytest.raises(TypeError, match="heartbaet"):
        options()


def test_a_queue_is_found_by_its_name() -> None:
    two = Options(queues=(Lane("a", "threads", 1), Lane("b", "threads", 2)))
    assert two.lane("b") == Lane("b", "threads", 2)
    assert two.lane("c") is None
