"""What `manage.py check` says about the settings of the ticket mine."""

from collections.abc import Callable

import pytest

from tasks.tickets import checks
from tasks.tickets.checks import check_settings

type Configured = Callable[..., None]

NOTHING = {"ZENDESK_SUBDOMAIN": "", "ZENDESK_EMAIL": "", "ZENDESK_API_TOKEN": ""}


def found() -> list[str]:
    return [f"{message.id} {message.msg}" for message in check_settings()]


def test_good_settings_are_not_talked_of(configured: Configured) -> None:
    assert found() == []


def test_a_workload_that_is_not_in_use_is_not_talked_of(configured: Configured) -> None:
    configured(**NOTHING)
    assert found() == []


def test_credentials_that_are_missing_are_named(configured: Configured) -> None:
    configured(ZENDESK_EMAIL="", ZENDESK_API_TOKEN="")
    (warning,) = found()
    assert "W001" in warning
    assert "ZENDESK_EMAIL and ZENDESK_API_TOKEN" in warning


@pytest.mark.parametrize("missing", ["ZENDESK_CLIENT_ID", "ZENDESK_CLIENT_SECRET"])
def test_the_missing_half_of_credentials_is_named(configured: Configured, missing: str) -> None:
    configured(**{"ZENDESK_CLIENT_ID": "demo", "ZENDESK_CLIENT_SECRET": "demo", missing: ""})
    (warning,) = found()
    assert f"W002 {missing}" in warning.replace("tickets.", "")


def test_it_is_told_when_nothing_can_be_clustered(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    (warning,) = found()
    assert "scikit-learn" in warning
    configured(**NOTHING)
    assert found() == []
