"""The log of a run over REST: in pieces that fit together, and an end that is not told too early."""

from typing import Any

import pytest
from django.db import connection

from scheduling.api import logs
from scheduling.models import Execution, LogChunk, State
from tests.factories import NOON, make_execution, make_worker
from tests.scheduling.api.caller import Caller, wrong_fields

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller() -> Caller:
    return Caller("view_execution")


@pytest.fixture
def run() -> Execution:
    return make_execution(state=State.RUNNING, worker=make_worker(), started_at=NOON)


def write(run: Execution, text: str) -> int:
    return LogChunk.objects.create(execution=run, text=text).pk


def end(run: Execution) -> None:
    Execution.objects.filter(pk=run.pk).update(state=State.SUCCEEDED, finished_at=NOON)


def test_a_log_is_read_on_from_where_one_stopped(caller: Caller, run: Execution) -> None:
    write(run, "one\ntwo\n")
    first = caller.get(f"executions/{run.pk}/log").json()
    assert (first["text"], first["done"], first["state"]) == ("one\ntwo\n", False, "running")
    nothing = caller.get(f"executions/{run.pk}/log", after=first["next"]).json()
    assert (nothing["text"], nothing["next"]) == ("", first["next"])
    write(run, "three\n")
    write(make_execution(), "of another run\n")
    end(run)
    rest = caller.get(f"executions/{run.pk}/log", after=nothing["next"]).json()
    assert (rest["text"], rest["done"], rest["state"]) == ("three\n", True, "succeeded")


def test_a_long_log_comes_in_parts(caller: Caller, run: Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "AT_ONCE", 2)
    for number in range(5):
        write(run, f"{number}\n")
    end(run)
    texts, after, answer = "", 0, {"done": False, "more": True}
    while answer["more"]:
        assert not answer["done"]
        answer = caller.get(f"executions/{run.pk}/log", after=after).json()
        texts, after = texts + str(answer["text"]), int(answer["next"])
    assert (texts, answer["done"]) == ("0\n1\n2\n3\n4\n", True)


def test_a_run_that_ends_while_one_reads_loses_no_line(caller: Caller, run: Execution) -> None:
    """The last lines and the end come between the queries of one answer."""
    seen = []

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT") and ("scheduling_execution" in sql or "scheduling_logchunk" in sql):
            seen.append(sql)
            if len(seen) == 2:
                write(run, "the last words\n")
                end(run)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meanwhile):
        first = caller.get(f"executions/{run.pk}/log").json()
    rest = caller.get(f"executions/{run.pk}/log", after=first["next"]).json()
    assert len(seen) >= 2
    assert first["text"] + rest["text"] == "the last words\n"
    assert not first["done"]
    assert rest["done"]


def test_as_plain_text_a_link_leads_on_until_the_end(caller: Caller, run: Execution) -> None:
    chunk = write(run, "grüße\n")
    answer = caller.get(f"executions/{run.pk}/log", accept="text/plain")
    assert (answer.content.decode(), answer["Content-Type"]) == ("grüße\n", "text/plain; charset=utf-8")
    assert answer["Link"] == f'</api/v1/executions/{run.pk}/log?after={chunk}>; rel="next"'
    end(run)
    address = answer["Link"].partition("<")[2].partition(">")[0]
    last = caller.client.get(address, headers={**caller.headers, "Accept": "text/plain"})
    assert last.content == b""
    assert "Link" not in last


def test_json_is_what_one_gets_without_a_wish(caller: Caller, run: Execution) -> None:
    for accept in ("*/*", "application/json, text/plain", "image/png"):
        assert caller.get(f"executions/{run.pk}/log", accept=accept)["Content-Type"].startswith("application/json")


def test_a_secret_in_a_log_is_not_told(caller: Caller, run: Execution) -> None:
    write(run, "login with password=hunter2-and-more\n")
    assert b"hunter2" not in caller.get(f"executions/{run.pk}/log").content


def test_a_place_that_cannot_be_is_refused(caller: Caller, run: Execution) -> None:
    assert wrong_fields(caller.get(f"executions/{run.pk}/log", after=-1)) == ["after"]
    assert wrong_fields(caller.get(f"executions/{run.pk}/log", after=2**63)) == ["after"]
