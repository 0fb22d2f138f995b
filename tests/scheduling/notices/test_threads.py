"""The rounds of the scheduler process and of the web process, one at a time and with a clock that stands still."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, connections

from scheduling.clock import Clock
from scheduling.models import Event, Incident, Notice, NoticeState, State, Worker
from scheduling.notices import threads
from scheduling.notices.post import Post
from scheduling.notices.threads import FAR, FIRST, OFTEN, OVERLAP, Notices, Watch
from tests.factories import NOON, make_job, make_worker
from tests.scheduling.notices.conftest import HOUR, Ear, ended, make_rule

MINUTE = timedelta(minutes=1)


class Stopped(Clock):
    """A clock that shows what it is told."""

    moment = NOON

    def now(self) -> datetime:
        return self.moment

    def compare(self) -> timedelta:
        return timedelta()


@pytest.fixture
def clock() -> Iterator[Stopped]:
    yield Stopped()
    connections.close_all()


def told(post: Post) -> None:
    """Wait for what is being sent."""
    for sender in post.senders.values():
        sender.join(30)


@pytest.mark.django_db(transaction=True)
def test_a_round_of_the_scheduler_looks_sends_and_pings(
    clock: Stopped, hook: Ear, scheduling: Callable[..., None]
) -> None:
    scheduling(NOTICE_TOGETHER=0, PINGS={"n": f"{hook.url}/ping"}, PING_SCHEDULER=f"{hook.url}/scheduler")
    make_rule(Event.FAILED)
    ended(make_job(ping="n"), State.FAILED)
    notices = Notices(clock, lambda: NOON)
    notices.round(NOON)
    told(notices.post)
    assert sorted(hook.paths) == ["/hook", "/ping/fail", "/ping/start", "/scheduler"]


def test_a_look_goes_back_behind_the_last_one_and_now_and_then_far(clock: Stopped) -> None:
    notices = Notices(clock, lambda: NOON)
    assert notices.since(NOON) == NOON - FIRST
    notices.looked_at, notices.looks = NOON, 1
    assert notices.since(NOON + 5 * HOUR) == NOON - OVERLAP  # the database was away: nothing is left out
    notices.looks = OFTEN
    assert notices.since(NOON) == NOON - FAR
    assert notices.since(NOON - HOUR) == NOON - HOUR - FAR  # the clock was set back


@pytest.mark.parametrize("error", [DatabaseError("gone"), ValueError("a fault of ours")])
def test_a_round_that_fails_harms_nothing(
    clock: Stopped, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, db: None
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(threads, "look", fail)
    monkeypatch.setattr(connection, "close", lambda: None)
    notices = Notices(clock, lambda: NOON)
    notices.safely(NOON)
    assert notices.looked_at is None  # the next round goes as far back
    assert str(error) in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_web_process_tells_that_no_scheduler_is_alive_and_that_one_is(
    clock: Stopped, hook: Ear, scheduling: Callable[..., None]
) -> None:
    scheduling(NOTICE_TOGETHER=0)
    make_rule(Event.SILENT, silent_for=timedelta(seconds=30), since=NOON - HOUR)
    make_worker(turned_at=NOON, heartbeat_at=NOON)
    pair = [Watch(clock), Watch(clock)]  # of two processes of gunicorn
    for seconds in (5, 29, 31, 36, 600):
        clock.moment = NOON + timedelta(seconds=seconds)
        for watch in pair:
            watch.round(clock.moment)
            told(watch.post)
    assert [body["title"] for body in hook.bodies] == ["No scheduler is alive"]
    clock.moment = NOON + HOUR
    Worker.objects.update(turned_at=clock.moment, heartbeat_at=clock.moment)
    for watch in pair:
        watch.round(clock.moment)
        told(watch.post)
    assert len(hook.bodies) == 1  # its end is for the scheduler to send, which is alive
    Notices(clock, lambda: NOON).post.empty("ops")
    assert [body["title"] for body in hook.bodies[1:]] == ["A scheduler is alive again"]
    assert Incident.objects.get().closed_at == clock.moment


@pytest.mark.django_db(transaction=True)
def test_the_web_process_sends_what_a_dead_scheduler_left(
    clock: Stopped, hook: Ear, scheduling: Callable[..., None]
) -> None:
    make_rule(Event.FAILED, Event.SILENT)
    left = {"channel": "ops", "title": "Left behind", "text": "x", "created_at": NOON, "due_at": NOON}
    Notice.objects.create(**left)
    make_worker(turned_at=NOON, heartbeat_at=NOON)
    watch = Watch(clock)
    watch.round(NOON)
    told(watch.post)
    assert not hook.heard
    clock.moment = NOON + timedelta(seconds=20)
    watch.round(clock.moment)
    told(watch.post)
    assert [body["title"] for body in hook.bodies] == ["Left behind"]
    assert Notice.objects.get().state == NoticeState.SENT


def test_the_watch_can_be_switched_off(scheduling: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Watch] = []
    monkeypatch.setattr(threads, "_watches", {})
    monkeypatch.setattr(os, "register_at_fork", lambda **_: None)
    monkeypatch.setattr(Watch, "start", lambda self: begun.append(self))
    scheduling(NOTICE_WATCH=False)
    threads.keep_watch()
    assert not begun
    scheduling(NOTICE_WATCH=True)
    threads.keep_watch()
    threads.keep_watch()
    assert len(begun) == 1
