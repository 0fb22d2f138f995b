"""What `manage.py check` says about the settings of the watch history."""

from typing import Any

from tasks.watch_history.checks import check_settings


def test_good_settings_are_not_talked_of(configured: dict[str, Any]) -> None:
    assert check_settings() == []


def test_a_workload_that_is_not_in_use_is_not_talked_of(configured: dict[str, Any], settings: Any) -> None:
    nothing = {"PRIMARY_USER": "", "ADDITIONAL_USERS": [], "TRAKT_CLIENT_ID": "", "TMDB_API_TOKEN": ""}
    settings.WATCH_HISTORY = {**configured, **nothing}
    assert check_settings() == []


def test_a_missing_setting_is_named(configured: dict[str, Any], settings: Any) -> None:
    settings.WATCH_HISTORY = {**configured, "PRIMARY_USER": ""}
    (warning,) = check_settings()
    assert (warning.id, "PRIMARY_USER" in warning.msg) == ("watch_history.W001", True)


def test_a_name_that_is_none_is_an_error(configured: dict[str, Any], settings: Any) -> None:
    settings.WATCH_HISTORY = {**configured, "ADDITIONAL_USERS": ["../x"]}
    (error,) = check_settings()
    assert error.id == "watch_history.E001"
