"""The registry: which code a Job may name, and how it may be called."""

import sys
from datetime import timedelta
from typing import Any

import pytest
from django.tasks.base import Task

from scheduling import registry
from scheduling.exceptions import InvalidArguments, InvalidTrigger, UnknownTask
from scheduling.registry import check_arguments, joined, path_of, scheduled, split
from scheduling.triggers import Kind
from tests.scheduling.test_backends import stray
from tests.workload import tasks as workload
from tests.workload.tasks import echo

ECHO = "tests.workload.tasks.echo"


def test_the_tasks_of_installed_apps_are_found() -> None:
    registered = registry.registered()
    assert registered[ECHO] is echo
    assert list(registered) == sorted(registered)


def test_only_tasks_are_found_and_only_where_they_are_defined() -> None:
    assert all(isinstance(task, Task) for task in registry.registered().values())
    assert "tests.workload.tasks.mark" not in registry.registered()  # a function, no task
    registry.register_module("tests.scheduling.test_registry")  # has stray by import
    assert stray.module_path not in registry.registered()


@pytest.mark.parametrize(
    "path",
    ["os:system", "os.system", "subprocess:run", "builtins.eval", "", ".", "tests.workload.tasks", ECHO + ".func"],
)
def test_any_other_path_is_refused(path: str) -> None:
    with pytest.raises(UnknownTask):
        registry.get(path)
    with pytest.raises(UnknownTask):
        path_of(path)


def test_a_path_is_never_imported_to_find_out() -> None:
    sys.modules.pop("antigravity", None)
    with pytest.raises(UnknownTask):
        path_of("antigravity:fly")
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("target", [echo, echo.func, ECHO, "tests.workload.tasks:echo"])
def test_a_task_is_known_by_itself_its_function_and_its_path(target: Any) -> None:
    assert path_of(target) == ECHO


def test_a_function_that_is_no_task_has_no_path() -> None:
    with pytest.raises(UnknownTask):
        path_of(workload.mark)


@pytest.mark.parametrize("arguments", [{}, {"value": 1}, {"*": [1]}])
def test_arguments_that_fit_are_accepted(arguments: dict[str, Any]) -> None:
    check_arguments(ECHO, arguments)


@pytest.mark.parametrize("arguments", [{"unknown": 1}, {"*": [1, 2]}, {"*": 1}, {"*": [1], "value": 2}, [], "x", None])
def test_arguments_that_do_not_fit_are_refused(arguments: Any) -> None:
    with pytest.raises(InvalidArguments):
        check_arguments(ECHO, arguments)


def test_the_refusal_says_what_the_task_takes() -> None:
    with pytest.raises(InvalidArguments, match=r"echo takes \(value: Any = None\) -> Any: .*'unknown'"):
        check_arguments(ECHO, {"unknown": 1})


def test_the_context_is_nothing_that_a_caller_gives() -> None:
    check_arguments("tests.workload.tasks.sleep", {"seconds": 1})
    with pytest.raises(InvalidArguments):
        check_arguments("tests.workload.tasks.sleep", {"seconds": 1, "context": None})
    with pytest.raises(InvalidArguments, match="seconds"):
        check_arguments("tests.workload.tasks.sleep", {})


def test_positional_and_named_arguments_are_kept_side_by_side() -> None:
    assert joined([1, 2], {"a": 3}) == {"*": [1, 2], "a": 3}
    assert joined([], {"a": 3}) == {"a": 3}
    assert split({"*": [1, 2], "a": 3}) == ([1, 2], {"a": 3})


def test_a_task_without_a_limit_of_its_own_has_the_default_one(settings: Any) -> None:
    assert registry.time_limit(ECHO) == timedelta(hours=1)
    settings.SCHEDULING = {**settings.SCHEDULING, "DEFAULT_TIMEOUT": 0}
    assert registry.time_limit(ECHO) is None


# @scheduled


@pytest.fixture
def declarations(monkeypatch: pytest.MonkeyPatch) -> dict[str, registry.Declaration]:
    found: dict[str, registry.Declaration] = {}
    monkeypatch.setattr(registry, "_declarations", found)
    return found


def test_a_schedule_is_declared_with_apschedulers_keywords(declarations: dict[str, registry.Declaration]) -> None:
    assert scheduled("cron", hour=2, minute=30, day_of_week="sun", jitter=60)(echo) is echo
    declared = declarations["echo"]
    assert (declared.task, declared.schedule.kind, declared.schedule.cron) == (ECHO, Kind.CRON, "30 2 * * 0")
    assert declared.options == {"jitter": timedelta(seconds=60)}


def test_columns_of_the_job_go_beside_them(declarations: dict[str, registry.Declaration]) -> None:
    scheduled("interval", minutes=5, id="five", timeout=1.5, queue="light", backoff=timedelta(hours=1))(echo)
    declared = declarations["five"]
    assert declared.schedule.interval == timedelta(minutes=5)
    assert declared.options == {
        "timeout": timedelta(seconds=1.5),
        "queue": "light",
        "backoff": timedelta(hours=1),
    }


def test_the_zone_is_the_projects_unless_named(declarations: dict[str, registry.Declaration], settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    scheduled("cron", hour=2)(echo)
    scheduled("cron", id="there", hour=2, timezone="Asia/Tokyo")(echo)
    assert declarations["echo"].schedule.timezone == "Europe/Berlin"
    assert declarations["there"].schedule.timezone == "Asia/Tokyo"


@pytest.mark.parametrize("keywords", [{"hours": 2}, {"hour": 25}, {"colour": "red"}])
def test_a_declaration_that_makes_no_sense_is_refused_where_it_stands(keywords: dict[str, Any]) -> None:
    with pytest.raises(InvalidTrigger):
        scheduled("cron", **keywords)
