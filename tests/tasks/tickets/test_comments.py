"""Comments of tickets: fetched after the export, in a second pass that can be interrupted too."""

from datetime import timedelta

import pytest

from scheduling.exceptions import RetryLater
from tasks.demo.upstream import Clock, Upstream
from tasks.demo.zendesk import FIRST_ID, Zendesk
from tasks.tickets import comments
from tasks.tickets.comments import ZendeskOut
from tasks.tickets.models import Analysis, Comment, Ticket
from tests.tasks.tickets.test_sync import Configured, internal, last_record, sync

pytestmark = pytest.mark.django_db


class TestComments:
    @pytest.fixture(autouse=True)
    def with_comments(self, configured: Configured) -> None:
        configured(FETCH_COMMENTS=True)

    def test_they_come_with_each_new_ticket(self, upstream: Upstream, clock: Clock) -> None:
        result = sync(clock)
        assert upstream.asked("/comments.json") == 30
        assert result["comments"] == Comment.objects.count() == 16
        assert not Ticket.objects.filter(comments_due=True).exists()
        bodies = Comment.objects.filter(ticket=FIRST_ID + 1).values_list("is_public", flat=True)
        assert list(bodies) == [True, False], "the description is none"

    def test_a_new_one_makes_the_ticket_pending_again(self, upstream: Upstream, zendesk: Zendesk, clock: Clock) -> None:
        sync(clock)
        Ticket.objects.update(analysis=Analysis.DONE)
        asked = upstream.asked("/comments.json")
        clock.advance(timedelta(minutes=2))
        zendesk.say(FIRST_ID + 3, "It happened again.")
        assert sync(clock)["comments"] == 1
        assert upstream.asked("/comments.json") == asked + 1
        assert list(Ticket.objects.waiting().values_list("pk", flat=True)) == [FIRST_ID + 3]

    def test_an_internal_note_does_not_unless_notes_are_read(
        self, zendesk: Zendesk, clock: Clock, configured: Configured
    ) -> None:
        sync(clock)
        Ticket.objects.update(analysis=Analysis.DONE)
        clock.advance(timedelta(minutes=2))
        zendesk.say(FIRST_ID + 3, "Known.", public=False)
        sync(clock)
        assert not Ticket.objects.waiting().exists()
        configured(INTERNAL_NOTES=True)
        clock.advance(timedelta(minutes=2))
        zendesk.say(FIRST_ID + 3, "To be mended.", public=False)
        sync(clock)
        assert Ticket.objects.waiting().filter(pk=FIRST_ID + 3).exists()

    def test_a_description_is_as_internal_as_the_first_comment(self, zendesk: Zendesk, clock: Clock) -> None:
        zendesk.internal = {FIRST_ID + 3}
        sync(clock)
        assert list(internal()) == [FIRST_ID + 3]
        assert not Comment.objects.filter(ticket=FIRST_ID + 3).exists()
        Ticket.objects.update(analysis=Analysis.DONE)
        clock.advance(timedelta(minutes=2))
        zendesk.internal = {FIRST_ID + 2}
        for number in (2, 3):
            zendesk.change(FIRST_ID + number)
        sync(clock)
        assert list(internal()) == [FIRST_ID + 2]
        assert Ticket.objects.waiting().count() == 2, "what the model reads of them is another"

    def test_a_killed_sync_leaves_none_without_them(self, upstream: Upstream, clock: Clock) -> None:
        upstream.fail(f"{FIRST_ID + 20}/comments.json", 429, headers={"Retry-After": "7200"})
        with pytest.raises(RetryLater):
            sync(clock)
        assert Ticket.objects.filter(comments_due=True).count() == 10
        asked = upstream.asked("/comments.json")
        assert sync(clock)["fetched"] == 0
        assert upstream.asked("/comments.json") == asked + 10
        assert not Ticket.objects.filter(comments_due=True).exists()

    def test_they_come_in_pages(self, zendesk: Zendesk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tasks.tickets.zendesk.COMMENT_PAGE", 2)
        for number in range(5):
            zendesk.say(FIRST_ID + 3, f"Again, {number}")
        sync(clock)
        assert Comment.objects.filter(ticket=FIRST_ID + 3).count() == 5

    def test_one_that_was_taken_back_goes(self, zendesk: Zendesk, clock: Clock) -> None:
        zendesk.say(FIRST_ID + 3, "One")
        sync(clock)
        zendesk.notes.clear()
        clock.advance(timedelta(minutes=2))
        zendesk.change(FIRST_ID + 3)
        sync(clock)
        assert not Comment.objects.filter(ticket=FIRST_ID + 3).exists()

    def test_a_bad_one_spoils_no_other(self, zendesk: Zendesk, clock: Clock) -> None:
        zendesk.notes[FIRST_ID + 3] = [{"id": None}, "nonsense"]
        zendesk.say(FIRST_ID + 3, "Still here")
        sync(clock)
        assert Comment.objects.get(ticket=FIRST_ID + 3).body == "Still here"
        assert "not a comment" in last_record().log_output

    def test_one_failure_is_counted_and_tried_again_in_the_next_sync(self, upstream: Upstream, clock: Clock) -> None:
        upstream.fail(f"{FIRST_ID + 5}/comments.json", 500, times=4)
        upstream.fail(f"{FIRST_ID + 6}/comments.json", 404)
        assert sync(clock)["failed"] == 1
        due = Ticket.objects.filter(comments_due=True)
        assert list(due.values_list("pk", flat=True)) == [FIRST_ID + 5], "one that is gone has none"
        to_analyse, later = Ticket.objects.to_analyse, clock.now() + timedelta(days=2)
        assert due.get() not in to_analyse(clock.now(), with_comments=True)
        assert due.get() in to_analyse(clock.now(), with_comments=False)
        assert due.get() in to_analyse(later, with_comments=True), "it is analysed without them"
        sync(clock)
        assert not due.exists()

    def test_once_they_are_wanted_those_of_earlier_tickets_come_too(self, clock: Clock, configured: Configured) -> None:
        configured(FETCH_COMMENTS=False)
        sync(clock)
        configured(FETCH_COMMENTS=True)
        assert sync(clock)["comments"] == 16

    def test_many_are_stored_in_between(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tasks.tickets.comments.MOST", 2)
        assert sync(clock)["comments"] == Comment.objects.count() == 16

    def test_an_outage_ends_the_pass(self, upstream: Upstream, clock: Clock) -> None:
        upstream.fail("/comments.json", 503, times=99)
        with pytest.raises(ZendeskOut):
            sync(clock)
        assert upstream.asked("/comments.json") == 3 * 4
        assert Ticket.objects.filter(comments_due=True).count() == 30

    def test_a_ticket_that_has_changed_meanwhile_stays_due(self, clock: Clock) -> None:
        sync(clock)
        Ticket.objects.filter(pk=FIRST_ID + 3).update(comments_due=True)
        seen = Ticket.objects.get(pk=FIRST_ID + 3)
        Ticket.objects.filter(pk=seen.pk).update(changed_at=clock.now())
        assert comments.keep([comments.Fetched(seen, [])], internal_notes=False) == 0
        assert Ticket.objects.get(pk=seen.pk).comments_due
