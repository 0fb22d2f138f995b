"""`manage.py social`: what it says, what it does, what it refuses; and tokens that stand on no command line."""

import json
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from scheduling.models import Execution, Job
from tasks.social.connecting import Tokens
from tasks.social.management.finding import find_business
from tasks.social.models import Account, Standing, SyncState
from tasks.social.schedule import job_of
from tests.tasks.social.doors.conftest import make_whole
from tests.tasks.social.factories import make_account, make_business, make_sync

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

REFUSED = 2


def said(*arguments: Any) -> str:
    out = StringIO()
    call_command("social", *map(str, arguments), stdout=out)
    return out.getvalue()


def refused(*arguments: Any) -> str:
    with pytest.raises(CommandError) as error:
        said(*arguments)
    assert error.value.returncode == REFUSED
    return str(error.value)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What comes in through standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", StringIO(text))


def test_all_is_well() -> None:
    make_whole("Sea Breeze")
    make_business("New one")
    assert "45/50 posts synced in 30.00 s" in said("status")
    told = json.loads(said("status", "--json"))
    assert [each["last_sync"] and each["last_sync"]["posts_synced"] for each in told] == [45, None]


@pytest.mark.parametrize("how", [{"failures": 5}, {"state": SyncState.FAILED, "error": "It was cancelled."}])
def test_what_is_not_well_has_an_exit_code(how: dict[str, Any]) -> None:
    make_sync(make_business(), **how)
    with pytest.raises(SystemExit) as left:
        said("status")
    assert left.value.code == 1


def test_an_account_that_is_not_let_in_has_one_too() -> None:
    make_account(standing=Standing.FORBIDDEN, problem="403: no such right")
    with pytest.raises(SystemExit):
        said("status")


def test_businesses_are_listed_with_their_schedules() -> None:
    business, *_ = make_whole("Sea Breeze")
    said("schedule", business.pk, "--hours", 6)
    make_business("Idle", is_active=False)
    told = said("businesses")
    assert "hourly, Every 6 hours" in told
    assert "not active" in told
    assert json.loads(said("businesses", "--json"))[0]["own_schedule"]["job"] == f"sync_business_{business.pk}"


def test_without_any_it_is_said_where_they_are_made() -> None:
    assert "make one in the admin" in said("businesses")
    assert "make one in the admin" in said("status")


def test_one_and_all_are_synced(hourly: Job) -> None:
    business = make_business("Sea Breeze")
    assert "is queued" in said("sync", "--business", business.pk)
    assert "is under way already" in said("sync", "--business", "Sea Breeze")
    assert json.loads(said("sync", "--json"))["job"] == hourly.pk
    assert Execution.objects.count() == 2


def test_what_cannot_be_synced_is_refused() -> None:
    assert "There is no job" in refused("sync")
    assert "is not active" in refused("sync", "--business", make_business(is_active=False).pk)
    assert "There is no business" in refused("sync", "--business", 999)
    assert "Did you mean Sea Breeze" in refused("sync", "--business", make_business("Sea Breeze").name.lower())
    assert "give both" in refused("sync", "--timeout", "9 s")


def test_a_schedule_is_given_changed_and_removed() -> None:
    business = make_business("Sea Breeze")
    assert f"new job sync_business_{business.pk}" in said("schedule", business.pk)
    assert "changed job" in said("schedule", business.pk, "--cron", "0 2 * * *", "--timezone", "Europe/Berlin")
    job = job_of(business)
    assert job is not None
    assert (job.cron, job.timezone) == ("0 2 * * *", "Europe/Berlin")
    assert "any more" in said("unschedule", business.pk)
    assert "has no schedule" in refused("unschedule", business.pk)


@pytest.mark.parametrize(
    "wrong", [["--hours", "0"], ["--hours", "nan"], ["--cron", "61 * * * *"], ["--hours", "1", "--cron", "0 2 * * *"]]
)
def test_a_wrong_schedule_is_refused(wrong: list[str]) -> None:
    business = make_business()
    with pytest.raises(CommandError):
        said("schedule", business.pk, *wrong)
    assert not Job.objects.exists()


def test_an_account_is_connected_and_connected_anew(typed: Any) -> None:
    business = make_business("Sea Breeze")
    typed("first\nrefresh\n")
    told = said("connect", business.pk, "linkedin", "urn:li:organization:7", "--name", "Ours", "--expires", "60d")
    assert "is connected" in told
    account = Account.objects.get()
    assert (account.access_token, account.refresh_token, account.name) == ("first", "refresh", "Ours")
    assert account.expires_at is not None
    assert account.expires_at > timezone.now()
    Account.objects.update(standing=Standing.NEEDS_AUTHORISATION, problem="dead")
    typed("second\n")
    told = said("connect", business.pk, "linkedin", "urn:li:organization:7")
    assert "connected anew" in told
    assert "second" not in told
    account = Account.objects.get()
    assert (account.access_token, account.refresh_token, account.name) == ("second", "refresh", "Ours")
    assert (account.standing, account.problem, account.expires_at) == (Standing.CONNECTED, "", None)


@pytest.mark.parametrize(
    "text", ["", "\n", f"{'x' * 5001}\n", "a\x00b\n", "tökén\n", "a\tb\n", "fine\ntökén\n", "a\udce4\n"]
)
def test_what_is_no_token_is_refused_and_not_repeated(typed: Any, text: str) -> None:
    typed(text)
    said_so = refused("connect", make_business().pk, "x", "7")
    assert not text.strip() or text.strip() not in said_so
    assert not Account.objects.exists()


def test_bytes_that_are_no_text_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"secret\xe4\n"), encoding="utf-8"))
    said_so = refused("connect", make_business().pk, "x", "7")
    assert "not even UTF-8" in said_so
    assert "secret" not in said_so


@pytest.mark.parametrize(
    ("platform", "number", "more", "words"),
    [
        ("x", "@sea", [], "is no user of X"),
        ("linkedin", "urn:li:person:1", [], "is no page of LinkedIn"),
        ("facebook", "sea", [], "is no page of Facebook"),
        ("instagram", "sea", [], "is no account of Instagram"),
        ("x", "7", ["--expires", "2020-01-01"], "has passed"),
        ("x", "7", ["--expires", "0d"], "has passed"),
    ],
)
def test_an_account_that_could_never_be_read_is_refused(
    typed: Any, platform: str, number: str, more: list[str], words: str
) -> None:
    typed("token\n")
    assert words in refused("connect", make_business().pk, platform, number, *more)
    assert not Account.objects.exists()


def test_a_business_may_have_a_number_as_its_name() -> None:
    first = make_business("Sea Breeze")
    second = make_business(str(first.pk + 1000))
    assert find_business(second.name) == find_business(f"#{second.pk}") == second
    twin = make_business(str(first.pk))
    told = refused("schedule", first.pk)
    assert f"write #{first.pk} or #{twin.pk}" in told
    assert find_business(f"#{first.pk}") == first


def test_a_terminal_is_asked_without_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter(["typed", ""])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    said("connect", make_business().pk, "x", "7")
    assert Account.objects.get().access_token == "typed"


def test_an_id_that_fits_no_column_is_refused(typed: Any) -> None:
    typed("token\n")
    assert "external_id" in refused("connect", make_business().pk, "x", "7" * 101)


def test_tokens_do_not_show_themselves() -> None:
    assert "secret" not in repr(Tokens(access="secret"))
