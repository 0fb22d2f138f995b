"""Conditional requests on jobs: nothing is sent twice, and nobody's change is overwritten unseen."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.models import Change, Job, State
from tests.factories import NOON, make_execution, make_job
from tests.scheduling.api.caller import JSON, Caller, wrong_fields
from tests.scheduling.store.test_concurrency import SEVERAL, at_once

pytestmark = pytest.mark.django_db
MAY = ("view_job", "change_job", "delete_job", "pause_job", "run_job")
ADDRESS = "jobs/nightly"
DEEDS = [
    ("PATCH", ADDRESS, {"name": "New"}),
    ("DELETE", ADDRESS, None),
    *(("POST", f"{ADDRESS}/{name}", None) for name in ("pause", "resume", "skip", "recompute", "run")),
    ("POST", f"{ADDRESS}/snooze", {"for": 60}),
    ("POST", f"{ADDRESS}/back-to-code", None),
]


@pytest.fixture
def caller() -> Caller:
    make_job(id="nightly", code_definition={"name": "As in code"}, next_run_time=timezone.now() + timedelta(days=1))
    return Caller(*MAY)


def row() -> Job:
    return Job.objects.get(pk="nightly")


def edited() -> None:
    """What somebody else does meanwhile."""
    Job.objects.filter(pk="nightly").update(description="Somebody else was here.")


def fired() -> None:
    """What the engine does meanwhile."""
    Job.objects.filter(pk="nightly").update(next_run_time=NOON, fired_until=NOON, updated_at=NOON)
    make_execution(row(), state=State.SUCCEEDED, started_at=NOON, finished_at=NOON)


def test_an_answer_that_is_still_good_is_not_sent_again(caller: Caller) -> None:
    tag = caller.get(ADDRESS)["ETag"]
    again = caller.send("GET", ADDRESS, If_None_Match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert caller.send("GET", ADDRESS, If_None_Match=f'"other", W/{tag}').status_code == 304


@pytest.mark.parametrize("meanwhile", [edited, fired])
def test_whatever_has_changed_is_sent_again(caller: Caller, meanwhile: Callable[[], None]) -> None:
    tag = caller.get(ADDRESS)["ETag"]
    meanwhile()
    answer = caller.send("GET", ADDRESS, If_None_Match=tag)
    assert answer.status_code == 200
    assert answer["ETag"] != tag


@pytest.mark.parametrize(("method", "address", "body"), DEEDS)
def test_what_somebody_else_changed_is_not_overwritten(caller: Caller, method: str, address: str, body: Any) -> None:
    tag = caller.get(ADDRESS)["ETag"]
    edited()
    before = Job.objects.values().get()
    answer = caller.send(method, address, body, If_Match=tag)
    assert (answer.status_code, answer.json()["type"]) == (412, "urn:rota:stale-job")
    assert Job.objects.values().get() == before
    assert not Change.objects.filter(job="nightly").exists()
    assert caller.send(method, address, body, If_Match=caller.get(ADDRESS)["ETag"]).status_code < 300


@pytest.mark.parametrize(("method", "address", "body"), DEEDS)
def test_what_the_engine_does_meanwhile_refuses_nobody(caller: Caller, method: str, address: str, body: Any) -> None:
    tag = caller.get(ADDRESS)["ETag"]
    Job.objects.filter(pk="nightly").update(fired_until=NOON, next_run_time=timezone.now() + timedelta(days=2))
    make_execution(row())
    assert caller.send(method, address, body, If_Match=tag).status_code < 300


def test_the_answer_to_a_change_has_the_tag_for_the_next_one(caller: Caller) -> None:
    tag = caller.get(ADDRESS)["ETag"]
    for name in ("one", "two"):
        answer = caller.send("PATCH", ADDRESS, {"name": name}, If_Match=tag)
        assert answer.status_code == 200
        tag = answer["ETag"]
    assert caller.send("POST", f"{ADDRESS}/pause", If_Match=tag)["ETag"] != tag
    assert tag not in caller.get(ADDRESS)["ETag"]


def test_without_a_tag_and_with_a_star_the_change_is_made(caller: Caller) -> None:
    assert caller.send("PATCH", ADDRESS, {"name": "one"}).status_code == 200
    assert caller.send("PATCH", ADDRESS, {"name": "two"}, If_Match="*").status_code == 200
    assert caller.send("PATCH", "jobs/no-such", {"name": "two"}, If_Match="*").status_code == 404


def test_one_of_several_tags_is_enough(caller: Caller) -> None:
    tag = caller.get(ADDRESS)["ETag"]
    assert caller.send("PATCH", ADDRESS, {"name": "a"}, If_Match=f'"older-1", {tag}').status_code == 200


def test_a_tag_that_a_proxy_has_weakened_says_as_much(caller: Caller) -> None:
    tag = caller.get(ADDRESS)["ETag"]
    assert caller.send("PATCH", ADDRESS, {"name": "a"}, If_Match=f"W/{tag}").status_code == 200
    assert caller.send("PATCH", ADDRESS, {"name": "b"}, If_Match=f"W/{tag}").status_code == 412
    assert row().name == "a"


def test_a_tag_without_its_quotes_is_refused_and_not_passed_over(caller: Caller) -> None:
    tag = caller.get(ADDRESS)["ETag"].strip('"')
    assert wrong_fields(caller.send("PATCH", ADDRESS, {"name": "a"}, If_Match=tag)) == ["If-Match"]
    assert row().name != "a"


def test_a_job_that_was_made_anew_is_another_one(caller: Caller) -> None:
    tag = caller.get(ADDRESS)["ETag"]
    columns = Job.objects.values().get()
    Job.objects.all().delete()
    Job.objects.create(**columns)
    assert caller.send("DELETE", ADDRESS, If_Match=tag).status_code == 412


def test_a_secret_cannot_be_guessed_from_the_tag(caller: Caller, settings: Any) -> None:
    version = store.version(row())
    settings.SECRET_KEY = "another-key-that-is-long-enough-for-the-tests"
    assert store.version(row()) != version


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["", "/pause"])
def test_of_several_who_saw_the_same_one_wins(path: str) -> None:
    make_job(id="nightly")
    caller = Caller(*MAY)
    headers = {**caller.headers, "If-Match": caller.get(ADDRESS)["ETag"]}

    def change(number: int) -> int:
        ask = Client().post if path else Client().patch
        body = {"reason": f"by {number}"} if path else {"priority": number + 1}
        return ask(f"/api/v1/{ADDRESS}{path}", body, content_type=JSON, headers=headers).status_code

    assert sorted(at_once(change)) == [200] + [412] * (SEVERAL - 1)
    assert Change.objects.filter(job="nightly").count() == 1
