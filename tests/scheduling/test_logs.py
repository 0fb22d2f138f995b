"""What a run logs is kept with it: its own lines, all of them up to a limit, and no secret."""

import logging
import threading
import time
from typing import Any

import pytest

from scheduling.context import StopSignal
from scheduling.logs import captured
from scheduling.models import LogChunk
from scheduling.perform import perform
from scheduling.redact import DOTS
from scheduling.snapshots import Snapshot
from tests.factories import make_execution

logger = logging.getLogger("tests.something")


def snapshot(task: str = "tests.workload.tasks.says", **arguments: Any) -> Snapshot:
    return Snapshot(id=make_execution().pk, fence=1, task=task, arguments=arguments, worker="w", job="films")


def kept(run: Snapshot) -> list[str]:
    """The lines of the log of `run`."""
    chunks = LogChunk.objects.filter(execution=run.id).values_list("text", flat=True)
    return "".join(chunks).splitlines()


@pytest.mark.usefixtures("kept_connection")
class TestCaptured:
    def test_what_a_task_logs_is_kept_with_its_run(self) -> None:
        run = snapshot(lines=2, text="found")
        perform(run, StopSignal())
        first, second = kept(run)
        assert first.endswith("INFO    tests.workload.tasks: found 0")
        assert second.endswith("INFO    tests.workload.tasks: found 1")

    def test_what_is_logged_before_and_after_is_not(self) -> None:
        run = snapshot()
        logger.info("before")
        with captured(run):
            logger.info("within")
        logger.info("after")
        assert [line[-6:] for line in kept(run)] == ["within"]

    def test_a_run_that_logs_nothing_keeps_nothing(self) -> None:
        run = snapshot(lines=0)
        perform(run, StopSignal())
        assert kept(run) == []

    def test_an_exception_is_kept_with_its_traceback(self) -> None:
        run = snapshot()
        with captured(run):
            try:
                raise ValueError("no such film")
            except ValueError:
                logger.exception("It went wrong.")
        assert kept(run)[-1] == "ValueError: no such film"

    def test_the_engine_and_the_database_driver_are_not_kept(self) -> None:
        run = snapshot()
        with captured(run):
            logging.getLogger("scheduling.runs").warning("Started")
            logging.getLogger("django.db.backends").error("SELECT 1")
            logging.getLogger("django.tasks").error("Task id=1")
            logging.getLogger("scheduling_of_rooms").warning("a task's own")
        assert [line.rpartition(": ")[2] for line in kept(run)] == ["a task's own"]

    def test_a_thread_that_the_task_starts_is_heard_when_it_is_the_only_run(self) -> None:
        run = snapshot()
        with captured(run):
            thread = threading.Thread(target=logger.info, args=["from a thread"])
            thread.start()
            thread.join()
        assert len(kept(run)) == 1

    def test_two_runs_at_once_keep_their_lines_apart(self) -> None:
        one, other = snapshot(), snapshot()
        with captured(one):
            logger.info("one")
            with captured(other):
                logger.info("other")
                thread = threading.Thread(target=logger.info, args=["whose?"])
                thread.start()
                thread.join()
            logger.info("one again")
        assert [line.rpartition(": ")[2] for line in kept(one)] == ["one", "one again"]
        assert [line.rpartition(": ")[2] for line in kept(other)] == ["other"]

    def test_a_run_that_logs_too_much_is_cut_and_says_so(self, settings: Any) -> None:
        settings.SCHEDULING = {**settings.SCHEDULING, "LOG_LIMIT": 500}
        run = snapshot(lines=100)
        perform(run, StopSignal())
        lines = kept(run)
        assert lines[-1] == "[cut: this run logs more than 500 characters]"
        assert len("\n".join(lines[:-1])) <= 500

    def test_secrets_and_odd_characters_are_taken_out(self) -> None:
        run = snapshot()
        with captured(run):
            logger.info("password=hunter22 \x00 é")
        assert kept(run)[0].endswith(f"password={DOTS} ␀ é")

    def test_a_line_that_cannot_be_made_does_not_break_the_task(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logging, "raiseExceptions", False)
        run = snapshot()
        with captured(run):
            logger.info("%d films", "no number")
            logger.info("goes on")
        assert [line.rpartition(": ")[2] for line in kept(run)] == ["goes on"]

    def test_other_handlers_are_told_whose_line_it_is(self) -> None:
        records: list[logging.LogRecord] = []
        handler = logging.Handler()
        handler.emit = records.append  # type: ignore[method-assign, assignment]
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            logging.getLogger("warm-up").info("handlers that are there get the filter")
            _forget_handler()
            run = snapshot()
            with captured(run):
                logger.info("within")
        finally:
            root.removeHandler(handler)
        said = records[-1]
        assert (said.__dict__["job"], said.__dict__["execution"], said.__dict__["worker"]) == ("films", run.id, "w")


def _forget_handler() -> None:
    """As in a process that has not captured anything yet."""
    from scheduling.logs import _handler

    logging.getLogger().removeHandler(_handler)


@pytest.mark.django_db(transaction=True)
def test_lines_are_written_while_the_run_goes_on() -> None:
    run = snapshot()
    with captured(run):
        logger.info("still going")
        end = time.monotonic() + 10
        while not LogChunk.objects.exists() and time.monotonic() < end:
            time.sleep(0.02)  # for the thread that writes
        assert len(kept(run)) == 1
