"""What is said of each moment of a job, from the rows alone."""

from datetime import timedelta

import pytest

from scheduling import store
from scheduling.explain import Tone, explain
from scheduling.models import Backfill, Cause, Change, Job, Queue, State, Why
from tests.factories import NOON, make_execution, make_job
from tests.scheduling.explain.stage import HOUR, MINUTE, TOMORROW, TWO, alive, nightly, ran, said, skipped, succeed

pytestmark = pytest.mark.django_db


# What became of a moment


def test_a_run_on_time() -> None:
    job = nightly()
    run = ran(job)
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.tone, answer.executions) == ("Ran on time", Tone.GOOD, (run.pk,))
    assert answer.sentences == (
        f"Run #{run.pk} started at Mon 2 Mar 2026 02:00:01 CET, on time.",
        "It succeeded after 3 min.",
    )


def test_a_late_run_has_its_delay_split_into_parts() -> None:
    job = nightly()
    earlier = ran(job, TWO - timedelta(days=1), started_at=TWO - HOUR, finished_at=TWO + 13 * MINUTE)
    ran(
        job,
        late=13 * MINUTE,
        created_at=TWO + 10 * MINUTE,
        run_after=TWO + 12 * MINUTE,
        cause=Cause.LATE,
        reason="Late: noticed 10 min late, since no scheduler was running from 00:50 to 01:10.",
    )
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.tone) == ("Ran 13 min late", Tone.NOTABLE)
    assert "no scheduler was running from 00:50 to 01:10" in said(answer)
    assert (
        "Of this, 10 min went by until the moment was noticed, 2 min were its random delay (jitter) and "
        "1 min it waited for a place in the queue default."
    ) in answer.sentences
    assert f"Run #{earlier.pk} of the job was going until Mon 2 Mar 2026 02:13 CET." in answer.sentences


@pytest.mark.parametrize(
    ("state", "verdict", "words"),
    [
        (State.FAILED, "Failed", "It failed after 3 min with ValueError."),
        (State.TIMED_OUT, "Timed out", "It timed out after 3 min"),
        (State.LOST, "Lost", "It was lost after 3 min"),
        (State.CANCELLED, "Cancelled", "It was cancelled after 3 min"),
    ],
)
def test_a_run_that_came_to_a_bad_end(state: State, verdict: str, words: str) -> None:
    job = nightly()
    ran(job, state=state, error_class="builtins.ValueError", reason="Its own reason.")
    answer = explain(job, TWO, NOON)
    assert answer.verdict == verdict
    assert answer.tone == (Tone.NOTABLE if state == State.CANCELLED else Tone.BAD)
    assert words in said(answer)
    assert "Its own reason." in answer.sentences


def test_the_attempts_that_followed_are_told() -> None:
    job = nightly()
    first = ran(job, state=State.FAILED, error_class="ValueError")
    again = {"why": Why.RETRY, "root": first, "run_after": TWO + HOUR}
    second = make_execution(job, attempt=2, state=State.LOST, started_at=TWO, finished_at=TWO + HOUR, **again)
    third = make_execution(job, attempt=3, **{**again, "why": Why.RESCUE})
    assert said(explain(job, TWO, NOON)).endswith(
        f"Attempt 2, run #{second.pk}, was lost at Mon 2 Mar 2026 03:00 CET. "
        f"Attempt 3, run #{third.pk}, waits until Mon 2 Mar 2026 03:00 CET (it was interrupted)."
    )
    succeed(third)
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.executions) == ("Failed, then made up for", (first.pk, second.pk, third.pk))


def test_a_moment_missed_and_then_made_up_for_by_a_backfill() -> None:
    job = nightly()
    skipped(job, Cause.MISSED, "Missed: noticed 2 h late, since no scheduler was running from … to ….")
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.tone) == ("Missed", Tone.BAD)
    assert "no scheduler was running" in answer.sentences[0]
    assert "A backfill or Run now makes up for it" in said(answer)
    backfill = Backfill.objects.create(job=job, first_at=TWO - HOUR, last_at=TWO + HOUR)
    run = make_execution(job, why=Why.BACKFILL, backfill=backfill, stands_for=TWO)
    assert f"Run #{run.pk} of a backfill waits until" in said(explain(job, TWO, NOON))
    succeed(run)
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.tone) == ("Missed, then made up for", Tone.NOTABLE)
    assert f"Run #{run.pk} of a backfill succeeded at Mon 2 Mar 2026 13:00 CET." in answer.sentences


def test_a_coalesced_moment_names_the_run_that_stood_in() -> None:
    job = make_job(fired_until=NOON)
    for minute in range(3):
        skipped(job, Cause.COALESCED, "Coalesced into the run of 12:00.", NOON - (3 - minute) * MINUTE)
    run = ran(job, NOON)
    answer = explain(job, NOON - 3 * MINUTE, NOON + HOUR)
    assert answer.verdict == "Coalesced into a later run"
    assert f"Run #{run.pk} started at Mon 2 Mar 2026 12:00:01 UTC and succeeded at" in said(answer)
    assert run.pk in answer.executions


def test_an_overlap_names_the_run_that_was_in_the_way() -> None:
    job = nightly()
    earlier = ran(job, TWO - timedelta(days=1), finished_at=TWO + HOUR)
    skipped(job, Cause.OVERLAP, f"Overlap: an earlier run was still going (#{earlier.pk}).")
    answer = explain(job, TWO, NOON)
    assert answer.verdict == "Skipped: an earlier run was still going"
    assert f"Run #{earlier.pk} started at Sun 1 Mar 2026 02:00:01 CET and succeeded at" in said(answer)


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [
        (Cause.PAUSED, "Skipped: the job was paused"),
        (Cause.QUEUE_PAUSED, "Skipped: its queue was paused"),
        (Cause.PARKED, "Skipped: the job was parked"),
        (Cause.CALENDAR, "Skipped: excluded by a calendar"),
        (Cause.BY_HAND, "Skipped by hand"),
    ],
)
def test_a_skipped_moment_says_why(cause: Cause, verdict: str) -> None:
    job = nightly()
    skipped(job, cause, "As its row says.")
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.tone, answer.sentences[0]) == (verdict, Tone.NOTABLE, "As its row says.")


def test_a_row_that_stands_for_a_range_answers_for_all_of_it() -> None:
    job = make_job(fired_until=NOON)
    job_rows = skipped(job, Cause.MISSED, "Missed: 60 moments.", NOON - HOUR, missed_count=59)
    ran(job, NOON)
    answer = explain(job, NOON - 30 * MINUTE, NOON + HOUR)
    assert answer.sentences[0] == "Mon 2 Mar 2026 11:30 UTC has no row of its own."
    assert f"Run #{job_rows.pk} stands for 60 moments, the first at Mon 2 Mar 2026 11:00 UTC." in answer.sentences
    assert explain(job, NOON - 2 * HOUR, NOON + HOUR).verdict == "The job did not exist yet"


def test_a_time_that_is_no_moment_is_told_with_its_neighbours() -> None:
    job = nightly()
    ran(job)
    answer = explain(job, TWO + HOUR, NOON)
    assert answer.verdict == "Ran on time"
    assert answer.sentences[0] == (
        "Mon 2 Mar 2026 03:00 CET is no moment of its schedule, “At 02:00, every day (Europe/Berlin)”: the one before "
        "is Mon 2 Mar 2026 02:00 CET and the one after is Tue 3 Mar 2026 02:00 CET. "
        "This is about Mon 2 Mar 2026 02:00 CET."
    )
    assert "This is about Mon 2 Mar 2026 02:00 CET." in explain(job, TWO - HOUR, NOON).sentences[0]


def test_a_moment_that_has_passed_is_nearer_than_one_to_come() -> None:
    job = nightly()
    ran(job)
    assert explain(job, NOON + 11 * HOUR, NOON + 12 * HOUR).moment == TWO


def test_a_manual_job_has_no_moments() -> None:
    job = make_job(trigger="manual", next_run_time=None)
    assert explain(job, NOON, NOON).verdict == "Nothing was due"


def test_the_schedule_may_have_been_another_one() -> None:
    job = nightly(cron="0 3 * * *")
    Change.objects.create(
        job=job, action="changed", by="ada", reason="Too early", at=NOON, fields={"cron": ["0 2 * * *", "0 3 * * *"]}
    )
    ran(job)
    answer = explain(job, TWO, NOON + HOUR)
    assert answer.verdict == "Ran on time"
    assert answer.sentences[0] == (
        "The schedule was another one then, “At 02:00, every day (Europe/Berlin)”; "
        "ada changed it at Mon 2 Mar 2026 13:00 CET: Too early."
    )
    assert "no moment" in explain(job, TWO + HOUR, NOON + HOUR).sentences[0]


def test_the_grid_of_an_interval_is_that_of_its_time() -> None:
    job = make_job(trigger="interval", cron="", interval=timedelta(hours=2), anchored_at=NOON)
    Job.objects.filter(pk=job.pk).update(created_at=TWO)
    job.refresh_from_db()
    fields = {"interval": ["P0DT03H00M00S", "P0DT02H00M00S"]}
    Change.objects.create(job=job, action="changed", by="ada", at=NOON, fields=fields)
    ran(job, TWO + 3 * HOUR)
    assert explain(job, TWO + 3 * HOUR, NOON).verdict == "Ran on time"
    answer = explain(job, TWO + 4 * HOUR, NOON)
    assert "“Every 3 hours”" in answer.sentences[0]
    assert answer.moment == TWO + 3 * HOUR


# Moments without a row


def test_before_it_was_made() -> None:
    job = nightly(created_at=NOON)
    Change.objects.create(job=job, action="created", by="ada", at=NOON)
    answer = explain(job, TWO, NOON)
    assert answer.verdict == "The job did not exist yet"
    assert answer.sentences[0] == "The job was made at Mon 2 Mar 2026 13:00 CET by ada, after that moment."


def test_while_it_is_paused() -> None:
    job = nightly(
        next_run_time=None, paused_at=TWO - HOUR, paused_by="ada", paused_reason="The vendor moves", fired_until=None
    )
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.tone) == ("Not run: paused", Tone.NOTABLE)
    assert answer.sentences[0] == "It was paused by ada at Mon 2 Mar 2026 01:00 CET: The vendor moves."
    assert "written down as skipped, and can be made up for, when the job goes on" in said(answer)


def test_while_it_is_parked() -> None:
    job = nightly(next_run_time=None, parked_reason="Its task is gone.", fired_until=None)
    Change.objects.create(job=job, action="parked", at=TWO - HOUR)
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.tone) == ("Not run: parked: it cannot run", Tone.BAD)
    assert "It is parked since Mon 2 Mar 2026 01:00 CET: Its task is gone." in answer.sentences


def test_while_its_queue_is_paused() -> None:
    Queue.objects.update_or_create(
        pk="default", defaults={"paused_at": TWO - HOUR, "paused_by": "ada", "paused_until": NOON + HOUR}
    )
    job = nightly(next_run_time=TWO, fired_until=None)
    answer = explain(job, TWO, NOON)
    assert answer.verdict == "Not run: its queue is paused"
    assert "The queue default was paused by ada at Mon 2 Mar 2026 01:00 CET." in answer.sentences
    assert "resumed by itself at Mon 2 Mar 2026 14:00 CET (in 1 h)" in said(answer)


def test_due_and_noticed_by_nobody() -> None:
    job = nightly(next_run_time=TWO, fired_until=TWO - timedelta(days=1))
    worker = alive(TWO - HOUR)
    answer = explain(job, TWO, NOON)
    assert (answer.verdict, answer.tone) == ("Not run yet: no scheduler is running", Tone.BAD)
    assert f"the last one, {worker}, turned at Mon 2 Mar 2026 01:00 CET (12 h ago)" in said(answer)
    assert "a scheduler will write it down as missed" in said(answer)
    assert "It runs as soon as" in said(explain(job, TWO, TWO + MINUTE))
    alive(NOON)
    assert explain(job, TWO, NOON).verdict == "Due now"


def test_what_is_not_on_record_any_more() -> None:
    job = nightly()
    ran(job)
    answer = explain(job, TWO - timedelta(days=50), NOON)
    assert answer.verdict == "Not on record"
    assert "The oldest moment on record is Mon 2 Mar 2026 02:00 CET; runs are kept for 30 days." in answer.sentences


def test_what_a_later_change_may_explain() -> None:
    job = nightly(fired_until=NOON)
    Change.objects.create(job=job, action="recomputed", by="ada", at=NOON, reason="The clock was wrong")
    answer = explain(job, TWO, NOON)
    assert said(answer).endswith("recomputed by ada at Mon 2 Mar 2026 13:00 CET: The clock was wrong.")


# Moments to come


def test_a_moment_to_come() -> None:
    alive()
    job = nightly()
    answer = explain(job, TOMORROW, NOON)
    assert (answer.verdict, answer.tone) == ("Has not come yet", Tone.OPEN)
    assert answer.sentences == (
        "Tue 3 Mar 2026 02:00 CET is in 13 h.",
        "As things stand, it will run then.",
    )


def test_a_moment_to_come_that_is_skipped_already() -> None:
    alive()
    job = nightly()
    skipped(job, Cause.BY_HAND, "Skipped by ada.", TOMORROW)
    assert explain(job, TOMORROW, NOON).verdict == "Skipped by hand"


def test_a_moment_to_come_after_a_pause() -> None:
    alive()
    job = nightly(next_run_time=None, paused_at=TWO, paused_until=TOMORROW - HOUR)
    assert explain(job, TOMORROW, NOON).sentences[1] == "As things stand, it will run then."
    job.paused_until = TOMORROW + HOUR
    assert explain(job, TOMORROW, NOON).tone == Tone.NOTABLE


def test_a_failed_moment_that_someone_ran_again_is_told() -> None:
    alive()
    job = nightly()
    again = store.rerun(ran(job, state=State.FAILED), by="ada", now=NOON)
    succeed(again)
    assert f"Run #{again.pk}, asked for by ada," in said(explain(job, TWO, NOON))
