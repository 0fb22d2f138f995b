"""What holds for every command: exit codes, who is told to have asked, and a database that does not answer."""

import getpass
import os
import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import Error
from django.core.management import CommandError, load_command_class
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection

from scheduling.management import caller
from scheduling.management.caller import by
from scheduling.management.composed import Coded
from scheduling.management.ready import NOT_READY
from tests.scheduling.management.terminal import said

COMMANDS = (
    *("backfill", "executions", "explain", "importjobs", "jobs", "notices", "queues", "runscheduler", "scheduler"),
    *("syncjobs", "tokens"),
)


def parsers(command: str) -> Iterator[ArgumentParser]:
    """That of the command and those of its deeds."""
    whole = load_command_class("scheduling", command).create_parser("manage.py", command)
    yield whole
    for action in whole._actions:
        if isinstance(action, _SubParsersAction):
            yield from action.choices.values()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_tells_the_exit_codes(command: str) -> None:
    for parser in parsers(command):
        shown = " ".join(parser.format_help().split())
        assert "Exit code 0: " in shown
        assert f"{NOT_READY}: not done, since the database does not answer" in shown
        codes = re.findall(r"(?<![\w-])(\d+): ", parser.epilog or "")
        assert len(codes) == len(set(codes)), parser.epilog  # each code has one meaning


@pytest.mark.django_db
@pytest.mark.parametrize(
    "command",
    [
        ("backfill", "films", "--from=2026-01-01"),
        ("backfill", "list"),
        ("executions", "list"),
        ("executions", "logs", "1", "--follow"),
        ("explain", "films"),
        ("jobs", "list"),
        ("jobs", "run", "films", "--wait"),
        ("notices", "list"),
        ("queues", "list"),
        ("queues", "pause", "default"),
        ("scheduler", "status"),
        ("syncjobs",),
        ("tokens", "list"),
    ],
)
def test_a_database_that_does_not_answer_has_a_code_of_its_own(command: tuple[str, ...]) -> None:
    def refuse(*_: Any) -> Any:
        raise OperationalError("connection to postgresql://rota:hunter22@db/x failed\nIs it running?")

    with connection.execute_wrapper(refuse), pytest.raises(CommandError, match="not ready") as end:
        said(*command)
    assert end.value.returncode == NOT_READY
    assert "hunter22" not in str(end.value)
    assert "scheduler doctor" in str(end.value)


def test_a_setting_that_a_check_finds_wrong_is_no_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any, **__: Any) -> None:
        raise SystemCheckError(str(Error("CHANNELS is wrong")))

    class Command(Coded):
        def handle(self, **_: Any) -> None:
            raise AssertionError("It was done all the same.")

    monkeypatch.setattr(Command, "check", wrong)
    with pytest.raises(SystemCheckError) as end:
        Command().execute(force_color=False, no_color=False, skip_checks=False)
    assert end.value.returncode == NOT_READY


# who asked


def test_who_calls_sudo_is_the_one_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "batch")
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert by() == "root@batch, command line"
    monkeypatch.setenv("SUDO_USER", "ada")
    assert by() == "ada@batch, command line"


def test_a_user_without_a_name_is_told_by_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert by().startswith(f"uid {os.getuid()}@")


def test_what_is_longer_than_the_column_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "a" * 200)
    assert by() == "a" * caller.LONGEST
