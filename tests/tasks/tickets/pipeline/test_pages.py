"""The admin pages of the ticket mine: who sees what, what the buttons do, and that texts from outside are only text."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from scheduling.models import Execution, Job, State, Why
from tasks.models import TaskRecord
from tasks.tickets.admin.drawing import HEIGHT, HIGHEST, ROOM, line, stack
from tasks.tickets.models import Batch, Cluster, Comment, HourlyCount, Issue, Ticket, Usage
from tasks.tickets.trends import hour_of
from tests.factories import NOON, make_execution, make_worker
from tests.tasks.tickets.pipeline.conftest import EVIL, HOUR, NOW, make_cluster, make_issue, make_ticket

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

BASE = "/admin/tickets"
TRENDS, LIVE = f"{BASE}/cluster/trends/", f"{BASE}/cluster/pipeline/"
RUN, STOP = f"{LIVE}run/", f"{LIVE}stop/"
VIEW = tuple(f"tickets.view_{name}" for name in ("ticket", "issue", "cluster", "comment", "batch", "usage"))
SEE = (*VIEW, "scheduling.view_execution")
MAY_RUN = (*SEE, "scheduling.run_job")
MAY_STOP = (*SEE, "scheduling.cancel_execution")

type Login = Callable[..., Client]


@pytest.fixture
def login() -> Login:
    """A client of a staff member who has these permissions."""

    def login(*permissions: str, csrf: bool = False) -> Client:
        user = User.objects.create(username=f"u{User.objects.count()}", is_staff=True)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client(enforce_csrf_checks=csrf)
        client.force_login(user)
        return client

    return login


@pytest.fixture
def evil() -> Issue:
    """An issue with markup in all that comes from outside, in a cluster that rises."""
    now = timezone.now()
    cluster = make_cluster(EVIL, terms=[EVIL], is_rising=True, is_new=True, score=5, ratio=6, scored_at=now, size=1)
    HourlyCount.objects.create(cluster=cluster, hour=hour_of(now), count=5)
    ticket = make_ticket(
        subject=EVIL, description=EVIL, status="<b>", tags=[EVIL], channel="<i>", analysis_error=EVIL, opened_at=now
    )
    for number, is_public in enumerate([True, False]):
        Comment.objects.create(
            comment_id=number, ticket=ticket, author_id=1, is_public=is_public, body=EVIL, written_at=now
        )
    return make_issue(EVIL, EVIL, ticket=ticket, cluster=cluster, quote=EVIL, category=EVIL[:100], model="<u>")


def pages_of(issue: Issue) -> list[str]:
    return [
        TRENDS,
        LIVE,
        *(f"{BASE}/{name}/" for name in ("ticket", "issue", "cluster", "batch", "usage")),
        f"{BASE}/ticket/{issue.ticket_id}/change/",
        f"{BASE}/issue/{issue.pk}/change/",
        f"{BASE}/cluster/{issue.cluster_id}/change/",
    ]


def test_markup_from_outside_is_only_text(login: Login, evil: Issue) -> None:
    client = login(*SEE, "tickets.change_cluster")
    for address in pages_of(evil):
        page = client.get(address)
        assert page.status_code == 200, address
        assert "<script>alert" not in page.text, address
        assert "<u>" not in page.text
    assert "&lt;script&gt;" in client.get(TRENDS).text


def test_without_permission_there_is_no_page(login: Login, evil: Issue) -> None:
    for address in pages_of(evil):
        assert login().get(address).status_code == 403, address
        assert Client().get(address).status_code == 302, address


@pytest.mark.parametrize("number", ["0", "999", "x", "9" * 30, "1%00"])
def test_a_row_that_is_not_there_is_not_found(login: Login, number: str) -> None:
    for name in ("ticket", "issue", "cluster"):
        assert login(*SEE).get(f"{BASE}/{name}/{number}/change/").status_code in {302, 404}


def test_a_ticket_shows_its_comments_and_marks_internal_notes(login: Login, evil: Issue) -> None:
    page = login(*VIEW).get(f"{BASE}/ticket/{evil.ticket_id}/change/").text
    assert page.count("Internal note") == 1
    assert page.count(">Public<") == 1
    without = login("tickets.view_ticket").get(f"{BASE}/ticket/{evil.ticket_id}/change/").text
    assert "Internal note" not in without
    assert "Issues found" not in without


def test_a_description_that_is_an_internal_note_is_for_those_who_may_see_comments(login: Login) -> None:
    for is_internal in (False, True):
        ticket = make_ticket(description="Tulip", description_is_internal=is_internal)
        address = f"{BASE}/ticket/{ticket.pk}/change/"
        seeing, without = login(*VIEW).get(address).text, login("tickets.view_ticket").get(address).text
        assert "Tulip" in seeing
        assert ("Tulip" in without) is not is_internal
        assert ("Internal note" in seeing, "Internal note" in without) == (is_internal, is_internal)


def test_a_ticket_is_found_by_its_number(login: Login) -> None:
    make_ticket(ticket_id=2**53 + 1, subject="Low water")
    make_ticket(subject="High water")
    client = login(*VIEW)
    for wanted in ("9007199254740993", "#9007199254740993", "low"):
        page = client.get(f"{BASE}/ticket/", {"q": wanted}).text
        assert "Low water" in page
        assert "High water" not in page
    assert client.get(f"{BASE}/ticket/", {"q": "9" * 40}).status_code == 200


def test_tickets_are_analysed_again_by_those_who_may_run_jobs(login: Login) -> None:
    over = [make_ticket(analysis=state, analysis_attempts=3, analysis_error="x") for state in ("failed", "done")]
    others = [make_ticket(analysis="sent"), make_ticket(analysis="done", is_deleted=True)]
    asked = {"action": "analyse_again", "_selected_action": [ticket.pk for ticket in (*over, *others)]}
    for permissions in (VIEW, ("scheduling.run_job",)):
        login(*permissions).post(f"{BASE}/ticket/", asked)
        assert not Ticket.objects.filter(analysis="pending").exists()
    page = login(*VIEW, "scheduling.run_job").post(f"{BASE}/ticket/", asked, follow=True)
    assert "2 tickets will be analysed again" in page.text
    pending = Ticket.objects.filter(analysis="pending", analysis_attempts=0, analysis_error="")
    assert set(pending) == set(over)


def test_what_local_rules_found_is_marked_as_such(login: Login) -> None:
    make_issue()
    page = login(*VIEW).get(f"{BASE}/issue/").text
    assert "Local rules" in page
    assert "without a language model" in page


def test_issues_are_filtered(login: Login) -> None:
    make_issue("Low water", severity="critical")
    make_issue("High water", cluster=make_cluster())
    client = login(*VIEW)
    assert "High water" not in client.get(f"{BASE}/issue/", {"severity__exact": "critical"}).text
    assert "High water" not in client.get(f"{BASE}/issue/", {"cluster__isempty": "1"}).text


def test_lists_ask_no_question_per_row(login: Login, django_assert_max_num_queries: Any) -> None:
    for number in range(40):
        make_issue(str(number), cluster=make_cluster(str(number)))
        Batch.objects.create(key=str(number), batch_id=str(number), created_at=NOW, size=1)
        Usage.objects.create(day=NOW.date() - timedelta(days=number))
    client = login(*SEE)
    for name in ("ticket", "issue", "cluster", "batch", "usage"):
        with django_assert_max_num_queries(10):
            assert client.get(f"{BASE}/{name}/").status_code == 200
    with django_assert_max_num_queries(16):
        client.get(TRENDS)


def test_quotes_come_newest_first_in_pages(login: Login) -> None:
    cluster = make_cluster()
    for number in range(30):
        make_issue(cluster=cluster, quote=f"Quote {number}.", opened_at=NOW - HOUR * number)
    client, address = login(*VIEW), f"{BASE}/cluster/{cluster.pk}/change/"
    first, second = client.get(address).text, client.get(f"{address}?quotes=2").text
    assert first.index("Quote 0.") < first.index("Quote 24.")
    assert "Quote 25." not in first
    assert "Quote 29." in second
    assert "Page 2 of 2" in client.get(f"{address}?quotes=999").text


# A name that staff give


def test_a_cluster_is_renamed_and_nothing_else_of_it_is_touched(login: Login) -> None:
    cluster = make_cluster(size=3)
    client, address = login(*VIEW, "tickets.change_cluster"), f"{BASE}/cluster/{cluster.pk}/change/"
    assert client.get(address).status_code == 200
    client.post(address, {"name": "The export thing", "size": "99", "is_gone": "on"})
    cluster.refresh_from_db()
    assert (cluster.name, cluster.is_renamed, cluster.size, cluster.is_gone) == ("The export thing", True, 3, False)


def test_a_name_that_stays_is_no_renaming(login: Login) -> None:
    cluster = make_cluster()
    login(*VIEW, "tickets.change_cluster").post(f"{BASE}/cluster/{cluster.pk}/change/", {"name": cluster.name})
    assert not Cluster.objects.get().is_renamed


def test_without_the_permission_a_name_stays(login: Login) -> None:
    cluster = make_cluster()
    answer = login(*VIEW).post(f"{BASE}/cluster/{cluster.pk}/change/", {"name": "Mine"})
    assert answer.status_code == 403
    assert Cluster.objects.get().name == cluster.name


# Trends


def test_while_there_is_nothing_it_is_said_what_to_do(login: Login, configured: Any) -> None:
    client = login(*VIEW)
    configured(ZENDESK_SUBDOMAIN="")
    assert "Set ZENDESK_SUBDOMAIN in the environment" in client.get(TRENDS).text
    configured(ZENDESK_SUBDOMAIN="demo")
    assert "No ticket has been fetched yet" in client.get(TRENDS).text
    ticket = make_ticket()
    assert "no issue has been found" in client.get(TRENDS).text
    make_issue(ticket=ticket)
    assert "not gathered yet" in client.get(TRENDS).text


def test_what_rises_comes_first_and_leads_to_its_cluster(login: Login) -> None:
    top = hour_of(timezone.now())
    calm, rising = make_cluster("Calm", size=90), make_cluster("Rising", is_rising=True, score=4, scored_at=NOW)
    for back in range(20):
        HourlyCount.objects.create(cluster=calm, hour=top - back * HOUR, count=2)
    HourlyCount.objects.create(cluster=rising, hour=top, count=4)
    page = login(*VIEW).get(TRENDS).text
    assert f'<a class="rota-link" href="{BASE}/cluster/{rising.pk}/change/">Rising</a>' in page
    assert page.index(">Rising</a>") < page.index(">Calm</a>")
    assert "44 tickets" in page


# The pipeline


def test_the_panel_is_for_those_who_may_see_runs(login: Login, job: Job) -> None:
    assert "pipeline-state" not in login(*VIEW).get(TRENDS).text
    page = login(*SEE).get(TRENDS).text
    assert "pipeline-state" in page
    assert "<button" not in page[page.index("pipeline-title") : page.index("No clusters yet")]


@pytest.mark.parametrize(
    ("deed", "stages"),
    [("sync", ["sync"]), ("analyze", ["analyze"]), ("pipeline", ["sync", "analyze", "cluster", "trends"])],
)
def test_a_button_starts_a_run(login: Login, job: Job, deed: str, stages: list[str]) -> None:
    answer = login(*MAY_RUN).post(RUN, {"deed": deed, "backfill_days": "", "batch_size": "50"})
    assert (answer.status_code, answer["Location"]) == (302, TRENDS)
    run = Execution.objects.get()
    assert run.arguments == {"stages": stages, "batch_size": 50}
    assert (run.why, run.requested_by) == (Why.RUN_NOW, "u0")


def test_a_second_start_is_refused_in_words(login: Login, job: Job) -> None:
    client = login(*MAY_RUN)
    client.post(RUN, {"deed": "sync"})
    page = client.post(RUN, {"deed": "sync"}, follow=True).text
    assert "A run of the pipeline is already under way" in page
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("given", [{"deed": "tea"}, {}, {"deed": "sync", "backfill_days": "0"}])
def test_what_makes_no_sense_starts_nothing(login: Login, job: Job, given: dict[str, str]) -> None:
    assert "Nothing was started" in login(*MAY_RUN).post(RUN, given, follow=True).text
    assert not Execution.objects.exists()


def test_without_the_job_the_page_says_what_to_do(login: Login) -> None:
    assert "manage.py syncjobs" in login(*MAY_RUN).post(RUN, {"deed": "sync"}, follow=True).text


def test_a_run_is_cancelled(login: Login, job: Job) -> None:
    run = make_execution(job)
    client = login(*MAY_STOP)
    assert "Cancel</button>" in client.get(TRENDS).text
    client.post(STOP)
    run.refresh_from_db()
    assert (run.state, run.cancel_requested_by) == (State.CANCELLED, "u0")
    assert "No run of the pipeline is under way" in client.post(STOP, follow=True).text


def test_doors_need_their_permission_a_post_and_the_csrf_token(login: Login, job: Job) -> None:
    make_execution(job, why=Why.RETRY)
    assert login(*MAY_STOP).post(RUN, {"deed": "sync"}).status_code == 403
    assert login(*MAY_RUN).post(STOP).status_code == 403
    assert login("scheduling.run_job").post(RUN, {"deed": "sync"}).status_code == 403
    assert login(*MAY_RUN).get(RUN).status_code == login(*MAY_STOP).get(STOP).status_code == 405
    assert login(*MAY_RUN, csrf=True).post(RUN, {"deed": "sync"}).status_code == 403
    assert Execution.objects.get().state == State.QUEUED


def test_the_state_is_told_stage_by_stage(login: Login, job: Job) -> None:
    running = {"state": State.RUNNING, "started_at": NOON, "worker": make_worker()}
    run = make_execution(job, progress=0.3, progress_text="analyze 1/5", **running)
    items = {"items_processed": 3, "items_succeeded": 1, "items_failed": 2}
    TaskRecord.objects.create(task_name=run.task, label="analyze", execution=run, progress=0.2, **items)
    page = login(*SEE).get(LIVE).text
    assert 'data-status="running"' in page
    assert "3 items, 2 failed" in page
    assert 'value="20"' in page
    assert "No scheduler is at work" in page
    assert "analyze 1/5" in page


# Drawings


def test_a_line_reaches_from_the_bottom_to_the_highest_count() -> None:
    drawn = line([0, 2, 4])
    assert drawn.points == f"0,{HEIGHT + ROOM}.0 10,{HEIGHT / 2 + ROOM} 20,{float(ROOM)}"
    assert (drawn.highest, drawn.total, drawn.last) == (4, 6, (20, float(ROOM)))
    assert line([0, 0]).points == f"0,{HEIGHT + ROOM}.0 10,{HEIGHT + ROOM}.0"


def test_a_bar_is_as_high_as_all_its_parts() -> None:
    drawn = stack([NOON.date(), NOON.date() + timedelta(days=1)], [("a", "blue", [1, 0]), ("b", "grey", [1, 1])])
    assert [bar.title for bar in drawn.bars] == ["Mon 2 Mar: a 1, b 1", "Tue 3 Mar: b 1"]
    assert drawn.bars[0].parts == [("blue", HIGHEST / 2, HIGHEST / 2), ("grey", 0.0, HIGHEST / 2)]
    assert stack([NOON.date()], []).highest == 0
