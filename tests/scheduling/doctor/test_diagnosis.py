"""The whole diagnosis: sorted, complete, and of use when the database is not."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from scheduling.conf import options
from scheduling.doctor import Severity, diagnose, diagnosis
from scheduling.doctor.findings import Finding, error, info, named, warning, worst_first
from scheduling.doctor.sight import Sight
from scheduling.store.workers import boot_id
from tests.factories import NOON, make_job, make_worker


def test_the_worst_comes_first_and_equals_keep_their_order() -> None:
    given = [info("a", "", ""), warning("b", "", ""), error("c", "", ""), warning("d", "", "")]
    assert [each.code for each in worst_first(given)] == ["c", "b", "d", "a"]


def test_of_a_crowd_a_few_are_named() -> None:
    assert named("abc") == "a, b, c"
    assert named(range(7)) == "0, 1, 2, 3, 4 and 2 more"


@pytest.mark.django_db
def test_a_healthy_installation_has_only_remarks() -> None:
    make_worker(queues={"default": 4, "light": 1}, version=options().version, boot_id=boot_id())
    make_job(next_run_time=NOON + timedelta(hours=1))
    found = diagnose(NOON)
    of_tests = ("security.", "mail.", "clock-skew")  # they speak http, with a clock that stands at noon
    ill = [each for each in found if each.severity is not Severity.INFO and not each.code.startswith(of_tests)]
    assert ill == []


@pytest.mark.django_db
def test_every_finding_says_what_to_do() -> None:
    make_job(parked_reason="No task.", task="gone.tasks.x")
    make_job(queue="light", exclusive=True)
    make_worker(turned_at=NOON - timedelta(hours=1), version="old")
    found = diagnose(NOON)
    assert {"loop-stalled", "jobs-parked", "no-scheduler", "exclusive-in-threads"} <= {each.code for each in found}
    assert all(each.cure and each.what.endswith((".", ")")) for each in found)


@pytest.mark.django_db
def test_without_the_tables_the_rest_is_not_looked_at() -> None:
    recorder = MigrationRecorder(connection)
    latest = recorder.migration_qs.filter(app="scheduling").order_by("-name")[0].name
    recorder.record_unapplied("scheduling", latest)
    codes = [each.code for each in diagnose(NOON)]
    assert "migrations" in codes
    assert "no-scheduler" not in codes


@pytest.mark.django_db
def test_a_database_that_fails_half_way_is_a_finding_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Sight) -> list[Finding]:
        raise OperationalError("postgresql://rota:hunter22@db/x: server closed the connection\nDETAIL: so")

    monkeypatch.setattr(diagnosis, "ON_TABLES", (fails,))
    found = {each.code: each for each in diagnose(NOON)}
    assert found["database"].severity is Severity.ERROR
    assert "server closed the connection" in found["database"].what
    assert "hunter22" not in found["database"].what
    assert "DETAIL" not in found["database"].what
