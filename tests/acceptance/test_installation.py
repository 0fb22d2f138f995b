"""A copy of a production database runs no jobs, until someone says that it shall."""

from scheduling.models import Change, Installation, State, Worker
from tests.acceptance.rota import Rota


def test_the_first_start_gives_a_database_its_owner(rota: Rota) -> None:
    assert rota.run("runscheduler", "--once", INSTANCE="production") == 0
    assert rota.run("runscheduler", "--once", INSTANCE="production") == 0
    assert Installation.objects.get().name == "production"
    assert not Change.objects.filter(subject="installation").exists()


def test_a_copy_runs_nothing_and_says_whose_it_is(rota: Rota) -> None:
    run = rota.ask("echo")
    Installation.objects.create(name="production")
    assert rota.run("runscheduler", "--once", INSTANCE="staging") == 2
    assert (rota.state(run), Worker.objects.count()) == (State.QUEUED, 0)
    told = rota.log.read_text()
    assert "'production'" in told
    assert "'staging'" in told
    assert "manage.py runscheduler --adopt" in told
    assert "Traceback" not in told


def test_an_adopted_copy_runs_from_then_on(rota: Rota) -> None:
    run = rota.ask("echo")
    Installation.objects.create(name="production")
    assert rota.run("runscheduler", "--once", "--adopt", INSTANCE="staging") == 0
    assert rota.state(run) == State.SUCCEEDED
    assert rota.run("runscheduler", "--once", INSTANCE="staging") == 0
    assert rota.run("runscheduler", "--once", INSTANCE="production") == 2
    change = Change.objects.get(subject="installation")
    assert (change.action, change.fields) == ("adopted", {"name": ["production", "staging"]})


def test_a_name_that_no_row_can_hold_is_refused(rota: Rota) -> None:
    assert rota.run("runscheduler", "--once", INSTANCE="x" * 101) == 2
    assert "INSTANCE must have 100 characters or less" in rota.log.read_text()
