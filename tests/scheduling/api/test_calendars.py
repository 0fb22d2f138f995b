"""Calendars over REST: made, changed and deleted with their windows, and each change written down."""

from typing import Any

import pytest

from scheduling.models import Calendar, Change, Window
from tests.factories import make_job
from tests.scheduling.api.caller import Caller, ids, queries, wrong_fields

pytestmark = pytest.mark.django_db
MAY = ("view_calendar", "add_calendar", "change_calendar", "delete_calendar", "view_job")
NIGHT = {"name": "Night", "cron": "0 22 * * *", "duration": 28_800}
MOVE = {"name": "Move", "start_at": "2026-05-01T08:00:00+02:00", "end_at": "2026-05-01T10:00:00+02:00"}
GERMANY: dict[str, Any] = {"name": "Germany", "country": "DE", "timezone": "Europe/Berlin", "windows": [NIGHT, MOVE]}


@pytest.fixture
def caller() -> Caller:
    return Caller(*MAY)


def made(caller: Caller, pk: str = "germany", **changes: Any) -> Any:
    answer = caller.post("calendars", **{**GERMANY, "id": pk, **changes})
    assert answer.status_code == 201, answer.content
    return answer


def test_a_calendar_is_made_with_its_windows(caller: Caller) -> None:
    answer = made(caller, subdivision="Bayern")
    told = caller.get(answer["Location"]).json()
    assert told == answer.json()
    assert (told["id"], told["country"], told["subdivision"], told["jobs"]) == ("germany", "DE", "BY", [])
    night, move = told["windows"]
    assert (night["cron"], night["duration"], night["start_at"]) == ("0 22 * * *", 28_800, None)
    assert (move["start_at"], move["end_at"]) == ("2026-05-01T06:00:00Z", "2026-05-01T08:00:00Z")
    change = Change.objects.get(subject="calendar germany")
    assert (change.action, change.by, change.fields["country"]) == ("created", caller.who, [None, "DE"])


def test_what_it_answers_can_be_sent_back(caller: Caller) -> None:
    told = made(caller).json()
    body = {name: told[name] for name in ("name", "country", "subdivision", "timezone", "windows")}
    assert caller.put("calendars/germany", **body).json() == told
    assert [change.action for change in Change.objects.filter(subject="calendar germany")] == ["created"]


def test_a_change_replaces_the_windows_and_tells_what_was_before(caller: Caller) -> None:
    made(caller)
    told = caller.put("calendars/germany", name="Austria", country="AT", windows=[MOVE]).json()
    assert (told["name"], told["country"], told["timezone"]) == ("Austria", "AT", "UTC")
    assert [window.name for window in Window.objects.all()] == ["Move"]
    change = Change.objects.filter(subject="calendar germany").latest("id")
    assert (change.action, change.by, change.fields["country"]) == ("changed", caller.who, ["DE", "AT"])
    assert [len(each) for each in change.fields["windows"]] == [2, 1]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"country": "XX"}, ["country"]),
        ({"country": "DE", "subdivision": "Tirol"}, ["subdivision"]),
        ({"timezone": "Mars/Olympus"}, ["timezone"]),
        ({"name": ""}, ["name"]),
        ({"nmae": "x"}, ["nmae"]),
        ({"windows": [NIGHT, {"name": "x", "cron": "61 * * * *", "duration": 60}]}, ["windows.1.cron"]),
        ({"windows": [{"name": "x", "cron": "0 1 * * *"}]}, ["windows.0"]),
        ({"windows": [{**MOVE, "end_at": MOVE["start_at"]}]}, ["windows.0"]),
        ({"windows": [{**NIGHT, "duration": -1}]}, ["windows.0.duration"]),
        ({"windows": [{**NIGHT, "name": ""}, {**NIGHT, "until": 1}]}, ["windows.1.until"]),
    ],
)
def test_what_is_wrong_is_named(caller: Caller, body: dict[str, Any], fields: list[str]) -> None:
    made(caller)
    assert wrong_fields(caller.post("calendars", **{**GERMANY, "id": "other", **body})) == fields
    assert wrong_fields(caller.put("calendars/germany", **{**GERMANY, **body})) == fields
    assert list(Calendar.objects.values_list("pk", flat=True)) == ["germany"]
    assert Window.objects.count() == 2


def test_an_id_is_taken_once_and_has_a_form(caller: Caller) -> None:
    made(caller)
    answer = caller.post("calendars", **GERMANY, id="germany")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "id")
    assert wrong_fields(caller.post("calendars", **GERMANY, id="a b")) == ["id"]


def test_one_that_jobs_keep_stays(caller: Caller) -> None:
    made(caller)
    job = make_job(calendars=["germany"])
    answer = caller.delete("calendars/germany")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:rota:calendar-in-use")
    assert job.pk in answer.json()["detail"]
    job.delete()
    assert caller.delete("calendars/germany").status_code == 204
    assert not Calendar.objects.exists()
    assert Change.objects.filter(subject="calendar germany").latest("id").action == "deleted"


def test_it_tells_what_it_excludes_next(caller: Caller) -> None:
    made(caller)
    told = caller.get("calendars/germany/ahead").json()
    assert len(told["holidays"]) == len(told["windows"]) == 10
    assert told["holidays"][0]["all_day"]
    assert told["windows"][0]["name"] == "Night"


def test_one_that_cannot_be_read_any_more_excludes_nothing(caller: Caller) -> None:
    Calendar.objects.create(id="old", name="Old", country="DE", timezone="Mars/Olympus")
    assert caller.get("calendars/old/ahead").json() == {"holidays": [], "windows": []}


def test_the_list_takes_no_more_queries_for_more(caller: Caller) -> None:
    made(caller, "b")
    few = queries(lambda: caller.get("calendars"))
    made(caller, "a")
    job = make_job(calendars=["a"])
    assert queries(lambda: caller.get("calendars")) == few
    assert ids(caller.get("calendars")) == ["a", "b"]
    assert caller.get("calendars").json()["items"][0]["jobs"] == [job.pk]


def test_jobs_are_named_only_to_who_may_see_them(caller: Caller) -> None:
    made(caller)
    blind = Caller("view_calendar")
    assert blind.get("calendars/germany").json()["jobs"] is None
    assert blind.get("calendars").json()["items"][0]["jobs"] is None


def test_one_that_is_not_there_is_a_404(caller: Caller) -> None:
    assert caller.get("calendars/none").status_code == 404
    assert caller.put("calendars/none", **GERMANY).status_code == 404
    assert caller.delete("calendars/none").status_code == 404
    assert caller.get("calendars/none/ahead").status_code == 404


@pytest.mark.parametrize(("method", "body"), [("PUT", GERMANY | {"country": "AT"}), ("DELETE", None)])
def test_what_somebody_else_changed_is_not_overwritten(caller: Caller, method: str, body: Any) -> None:
    made(caller)
    tag = caller.get("calendars/germany")["ETag"]
    Window.objects.filter(name="Night").update(cron="0 23 * * *")  # in the admin, say
    answer = caller.send(method, "calendars/germany", body, If_Match=tag)
    assert (answer.status_code, answer.json()["type"]) == (412, "urn:rota:stale-calendar")
    assert Calendar.objects.get().country == "DE"
    weak = f"W/{caller.get('calendars/germany')['ETag']}"
    assert caller.send(method, "calendars/germany", body, If_Match=weak).status_code < 300


def test_a_job_that_takes_a_calendar_refuses_nobodys_change_of_it(caller: Caller) -> None:
    tag = made(caller)["ETag"]
    make_job(calendars=["germany"])
    assert caller.send("GET", "calendars/germany", If_None_Match=tag).status_code == 200
    answer = caller.send("PUT", "calendars/germany", GERMANY | {"country": "AT"}, If_Match=tag)
    assert answer.status_code == 200
    assert answer["ETag"] == caller.get("calendars/germany")["ETag"] != tag
    assert caller.send("GET", "calendars/germany", If_None_Match=answer["ETag"]).status_code == 304


def test_each_change_needs_its_permission_and_the_scope_write(caller: Caller) -> None:
    made(caller)
    looking = Caller("view_calendar")
    running = Caller(*MAY, scopes=("read", "run"))
    for who in (looking, running):
        assert who.post("calendars", **GERMANY, id="x").status_code == 403
        assert who.put("calendars/germany", **GERMANY).status_code == 403
        assert who.delete("calendars/germany").status_code == 403
    assert Calendar.objects.get().name == "Germany"
