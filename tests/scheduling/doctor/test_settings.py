"""What the doctor says of settings: Django's checks as findings, DEBUG and ALLOWED_HOSTS."""

from typing import Any

import pytest
from django.core import checks

from scheduling.doctor import settings as examined
from scheduling.doctor.findings import Severity
from scheduling.doctor.sight import Sight
from tests.factories import NOON, make_job

SIGHT = Sight(NOON)


def test_messages_of_checks_keep_their_weight_and_their_hint(settings: Any) -> None:
    settings.SILENCED_SYSTEM_CHECKS = ["x.W002"]
    messages = [
        checks.Error("Broken\n  here.", "Mend it.", id="x.E001"),
        checks.Warning("Odd.", id="x.W001", obj="films"),
        checks.Warning("Silenced.", id="x.W002"),
        checks.Warning("Told better elsewhere.", id="scheduling.W001"),
        checks.Info("By the way.", id="x.I001"),
        checks.Debug("Nobody cares.", id="x.D001"),
    ]
    found = [(each.severity, each.code, each.what, each.cure) for each in examined.told(messages)]
    assert found == [
        (Severity.ERROR, "x.E001", "Broken here.", "Mend it."),
        (Severity.WARNING, "x.W001", "Odd. (films)", "manage.py check --deploy"),
        (Severity.INFO, "x.I001", "By the way.", "manage.py check --deploy"),
    ]


@pytest.mark.django_db
def test_a_wrong_setting_is_found_by_our_own_checks(settings: Any) -> None:
    settings.SCHEDULING = {**settings.SCHEDULING, "STALE_AFTER": 1, "HEARTBEAT": 2}
    assert "scheduling.E003" in [each.code for each in examined.system_checks(SIGHT)]


@pytest.mark.django_db
def test_the_checks_of_a_deployment_are_made_only_there(settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 0
    settings.DEBUG = True
    assert "security.W004" not in [each.code for each in examined.system_checks(SIGHT)]
    settings.DEBUG = False
    assert "security.W004" in [each.code for each in examined.system_checks(SIGHT)]


def test_code_that_cannot_be_imported_is_a_finding(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise ImportError("No module named 'gone'")

    monkeypatch.setattr(checks, "run_checks", broken)
    (finding,) = examined.system_checks(SIGHT)
    assert (finding.code, finding.severity) == ("import", Severity.ERROR)
    assert "'gone'" in finding.what


@pytest.mark.parametrize(
    ("debug", "hosts", "severities"),
    [
        (False, ["rota.example.org"], []),
        (False, ["localhost"], [Severity.INFO]),
        (False, ["*"], [Severity.WARNING]),
        (True, ["localhost", "127.0.0.1"], [Severity.INFO]),
        (True, ["rota.example.org"], [Severity.WARNING]),
        (True, ["*"], [Severity.WARNING, Severity.WARNING]),
    ],
)
def test_debugging_is_for_oneself_alone(
    debug: bool, hosts: list[str], severities: list[Severity], settings: Any
) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, hosts
    found = [*examined.debug(SIGHT), *examined.hosts(SIGHT)]
    assert [each.severity for each in found] == severities


@pytest.mark.django_db
def test_what_checks_say_of_rows_is_told_too() -> None:
    make_job(id="films", calendars=["germany"])
    (finding,) = examined.database_checks(SIGHT)
    assert (finding.code, "'germany'" in finding.what) == ("scheduling.W002", True)
