"""A run that is asked for with a key is queued once, however often, and by however many at once, it is asked for."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.exceptions import KeyReused
from scheduling.models import Execution, IdempotencyKey
from scheduling.store.once import KEPT
from scheduling.store.retention import prune_keys
from tests.factories import NOON, make_job
from tests.scheduling.api.caller import Caller, wrong_fields
from tests.scheduling.store.test_concurrency import SEVERAL, at_once

pytestmark = pytest.mark.django_db
MAY = ("view_job", "run_job")
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def caller() -> Caller:
    make_job(id="nightly")
    return Caller(*MAY)


def ask(caller: Caller, key: str = KEY, body: dict[str, Any] | None = None, job: str = "nightly") -> Any:
    return caller.send("POST", f"jobs/{job}/run", body, Idempotency_Key=key)


def test_the_same_request_gets_the_same_run_again(caller: Caller) -> None:
    first = ask(caller, body={"arguments": {"value": 1}})
    again = ask(caller, body={"arguments": {"value": 1}})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert not first.has_header("Idempotent-Replayed")
    assert Execution.objects.count() == 1


def test_the_order_of_the_fields_and_quotes_make_no_other_request(caller: Caller) -> None:
    ask(caller, body={"arguments": {"value": 1}, "reason": "x"})
    assert ask(caller, key=f'"{KEY}"', body={"reason": "x", "arguments": {"value": 1}}).status_code == 200


def test_another_request_with_the_key_is_refused(caller: Caller) -> None:
    make_job(id="other")
    ask(caller)
    assert wrong_fields(ask(caller, body={"arguments": {"value": 2}})) == ["Idempotency-Key"]
    assert wrong_fields(ask(caller, job="other")) == ["Idempotency-Key"]
    assert Execution.objects.count() == 1


def test_skip_refuses_a_key_since_a_second_request_would_skip_a_second_run() -> None:
    job = make_job(id="nightly")
    answer = Caller("view_job", "pause_job").send("POST", "jobs/nightly/skip", Idempotency_Key=KEY)
    assert wrong_fields(answer) == ["Idempotency-Key"]
    assert "If-Match" in answer.json()["detail"]
    assert not job.executions.exists()


def test_each_person_has_keys_of_their_own_and_case_counts(caller: Caller) -> None:
    other = Caller(*MAY)
    answers = [ask(caller, "key"), ask(other, "key"), ask(caller, "KEY"), ask(caller, "key  x")]
    assert [answer.status_code for answer in answers] == [201] * 4
    assert Execution.objects.count() == 4


def test_without_a_key_each_request_is_a_run(caller: Caller) -> None:
    assert caller.post("jobs/nightly/run").status_code == caller.post("jobs/nightly/run").status_code == 201
    assert Execution.objects.count() == 2


def test_a_request_that_was_refused_leaves_the_key_free(caller: Caller) -> None:
    assert wrong_fields(ask(caller, body={"arguments": {"valeu": 1}})) == ["arguments"]
    assert ask(caller, job="no-such").status_code == 404
    assert not IdempotencyKey.objects.exists()
    assert ask(caller).status_code == 201


@pytest.mark.parametrize("key", ["", '""', "x" * 256])
def test_a_key_that_is_none_is_refused(caller: Caller, key: str) -> None:
    assert wrong_fields(ask(caller, key)) == ["Idempotency-Key"]


def test_a_run_that_was_pruned_is_gone_and_not_queued_again(caller: Caller) -> None:
    ask(caller)
    Execution.objects.all().delete()
    answer = ask(caller)
    assert answer.status_code == 410
    assert "no longer kept" in answer.json()["detail"]
    assert not Execution.objects.exists()


def test_a_key_counts_for_a_day(caller: Caller) -> None:
    job = make_job()

    def queued_at(offset: timedelta, fingerprint: str = "same") -> store.Once:
        now = NOON + offset
        return store.once(caller.user, KEY, fingerprint, lambda: store.enqueue(job, now=now), now=now)

    first = queued_at(timedelta())
    assert queued_at(KEPT - timedelta(seconds=1)) == (first.execution, True)
    with pytest.raises(KeyReused):
        queued_at(KEPT - timedelta(seconds=1), "other")
    later = queued_at(KEPT, "other")
    assert not later.replayed
    assert later.execution != first.execution
    assert IdempotencyKey.objects.count() == 1


def test_old_keys_are_pruned(caller: Caller) -> None:
    ask(caller)
    now = timezone.now()
    assert prune_keys(now) == 0
    assert prune_keys(now + KEPT + timedelta(minutes=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_twins_at_the_same_instant_queue_one_run() -> None:
    make_job(id="nightly")
    caller = Caller(*MAY)
    headers = {**caller.headers, "Idempotency-Key": KEY}
    answers = at_once(lambda _: Client().generic("POST", "/api/v1/jobs/nightly/run", headers=headers))
    assert sorted(answer.status_code for answer in answers) == [200] * (SEVERAL - 1) + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Execution.objects.count() == 1
