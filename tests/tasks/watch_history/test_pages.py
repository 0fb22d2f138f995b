"""The admin pages: who sees what, what Refresh does, and that titles are only text."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.signals import post_save
from django.test import Client
from django.utils import timezone

from scheduling.models import Execution, State
from tasks.files import replacing
from tasks.models import TaskRecord
from tasks.watch_history.conf import options
from tasks.watch_history.files import poster_file
from tasks.watch_history.models import Play, Title, Watcher
from tests.factories import NOON, make_worker

pytestmark = pytest.mark.django_db

WALL = "/admin/watch_history/watcher/ada/posters/"
REFRESH = "/admin/watch_history/watcher/ada/refresh/"
PNG = b"\x89PNG\r\n\x1a\n and so on"
MARKUP = '<script>alert("x")</script>'

type Login = Callable[..., Client]


@pytest.fixture(autouse=True)
def title(configured: dict[str, Any]) -> Title:
    """A title with markup everywhere, which ada has seen."""
    watcher = Watcher.objects.create(name="ada", synced_at=timezone.now() - timedelta(days=2))
    title = Title.objects.create(
        kind="movie", trakt_id=1, title=MARKUP, cast=[MARKUP], genres=[MARKUP], poster_path="/p.png"
    )
    Play.objects.create(
        watcher=watcher,
        history_id=2**53 + 1,
        title=title,
        item_id=1,
        watched_at=timezone.now(),
        episode_title=MARKUP,
        action="watch",
        raw={"title": MARKUP},
    )
    return title


@pytest.fixture
def login() -> Login:
    """A client of a staff member who has these permissions; CSRF is checked as for everyone."""

    def login(*permissions: str, csrf: bool = False) -> Client:
        user = User.objects.create(username=f"u{User.objects.count()}", is_staff=True)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client(enforce_csrf_checks=csrf)
        client.force_login(user)
        return client

    return login


VIEW = ("watch_history.view_watcher", "watch_history.view_title", "watch_history.view_play")
RUN = (*VIEW, "scheduling.run_job")


def keep_poster(title: Title) -> Path:
    path = poster_file(options(), title.poster_path)
    with replacing(path) as file:
        file.write(PNG)
    return path


def test_markup_in_titles_and_names_is_only_text(login: Login) -> None:
    page = login(*VIEW).get(WALL).content.decode()
    assert MARKUP not in page
    assert "&lt;script&gt;" in page


def test_the_wall_asks_no_other_server(login: Login) -> None:
    page = login(*RUN).get(WALL).content.decode()
    assert 'src="http' not in page
    assert 'href="http' not in page


@pytest.mark.parametrize("url", [WALL, "/admin/watch_history/title/1/poster/", "/admin/watch_history/play/"])
def test_without_permission_there_is_no_page(login: Login, title: Title, url: str) -> None:
    url = url.replace("/1/", f"/{title.pk}/")
    assert login().get(url).status_code == 403
    assert Client().get(url).status_code == 302


def test_a_kept_poster_is_served_with_its_own_type(login: Login, title: Title) -> None:
    keep_poster(title)
    answer = login(*VIEW).get(f"/admin/watch_history/title/{title.pk}/poster/")
    assert (answer.content, answer["Content-Type"]) == (PNG, "image/png")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer["Cache-Control"]


def test_a_poster_that_is_missing_or_no_picture_is_not_found(login: Login, title: Title) -> None:
    client, url = login(*VIEW), f"/admin/watch_history/title/{title.pk}/poster/"
    assert client.get(url).status_code == 404
    keep_poster(title).write_bytes(b"<svg onload=alert(1)>")
    assert client.get(url).status_code == 404


def test_refresh_queues_a_run_of_that_user(login: Login) -> None:
    answer = login(*RUN).post(REFRESH)
    assert (answer.status_code, answer["Location"]) == (302, WALL)
    execution = Execution.objects.get()
    assert execution.task == "tasks.watch_history.tasks.update_user_history"
    assert execution.arguments == {"user": "ada", "force": False}
    assert execution.requested_by.startswith("u")


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_refresh_queues_no_second_run_while_one_is_under_way(login: Login, state: State) -> None:
    client = login(*RUN)
    client.post(REFRESH)
    first = Execution.objects.get()
    started = {} if state == State.QUEUED else {"worker": make_worker(), "started_at": NOON}
    Execution.objects.update(state=state, **started)

    page = client.post(REFRESH, {"force": "yes"}, follow=True).content.decode()

    assert Execution.objects.get() == first
    assert "Already under way" in page
    assert f'href="/admin/scheduling/execution/{first.pk}/change/">#{first.pk}</a>' in page


def test_refresh_queues_again_after_the_last_one_and_beside_other_users(login: Login) -> None:
    client = login(*RUN)
    Watcher.objects.create(name="grace")
    client.post(REFRESH)
    client.post(REFRESH.replace("ada", "grace"))
    Execution.objects.update(state=State.CANCELLED, finished_at=timezone.now())
    client.post(REFRESH)
    assert [run.arguments["user"] for run in Execution.objects.order_by("id")] == ["ada", "grace", "ada"]


def test_who_asked_is_known_from_the_first_moment(login: Login) -> None:
    by: list[str] = []

    def note(instance: Execution, **_: Any) -> None:
        by.append(instance.requested_by)

    post_save.connect(note, sender=Execution)
    try:
        login(*RUN).post(REFRESH)
    finally:
        post_save.disconnect(note, sender=Execution)
    assert by == [User.objects.get().username]


def test_refresh_of_young_data_does_nothing_and_offers_force(login: Login) -> None:
    Watcher.objects.update(synced_at=timezone.now())
    client = login(*RUN)
    page = client.post(REFRESH, follow=True).content.decode()
    assert "Nothing was done" in page
    assert "Force refresh" in page
    assert not Execution.objects.exists()
    client.post(REFRESH, {"force": "yes"})
    assert Execution.objects.get().arguments["force"] is True


def test_without_the_permission_to_run_there_is_no_refresh(login: Login) -> None:
    client = login(*VIEW)
    assert "Refresh" not in client.get(WALL).content.decode()
    assert client.post(REFRESH).status_code == 403
    assert not Execution.objects.exists()


def test_refresh_by_get_or_without_the_csrf_token_does_nothing(login: Login) -> None:
    assert login(*RUN).get(REFRESH).status_code == 405
    assert login(*RUN, csrf=True).post(REFRESH).status_code == 403
    assert not Execution.objects.exists()


@pytest.mark.parametrize("name", ["eve", "..%2f..%2fetc%2fx", "a%00b", "x" * 300])
def test_a_name_that_nobody_has_is_not_found(login: Login, name: str) -> None:
    for page in ("posters", "refresh"):
        answer = login(*RUN).post(f"/admin/watch_history/watcher/{name}/{page}/")
        assert answer.status_code in {302, 404}
    assert not Execution.objects.exists()


def test_pages_of_the_wall_follow_each_other(login: Login, title: Title) -> None:
    titles = [Title(kind="show", trakt_id=number, title=f"T{number}") for number in range(100, 170)]
    for row in Title.objects.bulk_create(titles):
        Play.objects.create(
            watcher_id="ada", history_id=row.trakt_id, title=Title.objects.get(trakt_id=row.trakt_id),
            item_id=1, season=1, number=1, watched_at=timezone.now(), action="watch", raw={},
        )  # fmt: skip
    client = login(*VIEW)
    assert "Page 1 of 2" in client.get(WALL).content.decode()
    assert "Page 2 of 2" in client.get(f"{WALL}?page=99999").content.decode()


def test_lists_ask_no_question_per_row(login: Login, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        TaskRecord.objects.create(task_name="a.b", label=str(number))
    client = login(*VIEW, "tasks.view_taskrecord", "scheduling.view_execution")
    urls = ["/admin/tasks/taskrecord/", "/admin/watch_history/play/", "/admin/watch_history/title/", WALL]
    for url in [*urls, "/admin/watch_history/watcher/"]:
        with django_assert_max_num_queries(12):
            assert client.get(url).status_code == 200


def test_a_record_shows_its_log_as_text_and_cannot_be_changed(login: Login) -> None:
    row = TaskRecord.objects.create(task_name="a.b", log_output=MARKUP, error=MARKUP, result={"a": MARKUP})
    client, url = login("tasks.view_taskrecord"), f"/admin/tasks/taskrecord/{row.pk}/change/"
    page = client.get(url).content.decode()
    assert MARKUP not in page
    assert "&lt;script&gt;" in page
    assert client.post(url, {"label": "changed"}).status_code == 403
