"""manage.py notices, the checks at start, the settings, and what the tasks app knows of items."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.checks import WARNING
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from project import environment
from scheduling import checks, redact
from scheduling.models import Event, NoticeRule, State
from scheduling.notices.items import items_of
from tasks.models import TaskRecord
from tests.factories import make_job
from tests.scheduling.notices.conftest import Ear, ended, looked, make_rule

Setting = Callable[..., None]


def said(*words: str) -> str:
    out = StringIO()
    call_command("notices", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_channel_is_tried_from_the_command_line(hook: Ear) -> None:
    assert said("test", "ops") == "ops: delivered.\n"
    assert hook.bodies[0]["notices"][0]["event"] == "test"
    hook.answers = [(500, {})]
    with pytest.raises(CommandError, match=r"ops: not delivered\. It answered 500") as failed:
        said("test", "ops")
    assert failed.value.returncode == 1
    with pytest.raises(CommandError, match="No channel 'nowhere' is configured; there are: ops") as refused:
        said("test", "nowhere")
    assert refused.value.returncode == 2


@pytest.mark.django_db
def test_the_list_says_what_is_wrong_and_its_exit_code_too(hook: Ear) -> None:
    assert "No incident is open." in said("list")
    make_rule(Event.FAILED, name="Nightly")
    ended(make_job(id="backup"), State.FAILED)
    looked()
    out = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("notices", "list", stdout=out)
    assert left.value.code == 1
    assert "backup" in out.getvalue()
    assert "web hook" in out.getvalue()
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("notices", "list", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert (told["incidents"][0]["event"], told["incidents"][0]["subject"]) == ("failed", "job:backup")
    assert told["channels"] == [
        {"name": "ops", "kind": "web hook", "rules": 1, "waiting": 1, "given_up": 0, "complaint": ""}
    ]


def test_a_channel_that_cannot_be_is_told_at_start_and_stops_no_job(scheduling: Setting) -> None:
    scheduling(NOTICE_CHANNELS={"ops": "nonsense://geheim", "fine": "https://hooks.example/x"})
    (found,) = checks.check_channels()
    assert (found.id, found.level) == ("scheduling.W007", WARNING)
    assert "NOTICE_CHANNEL_OPS" in found.msg
    assert "geheim" not in found.msg


@pytest.mark.django_db
def test_what_rules_and_jobs_name_in_vain_is_a_warning(hook: Ear) -> None:
    assert [each.id for each in checks.check_notices(databases=["default"])] == ["scheduling.W005"]
    make_rule(Event.FAILED, channels=["ops", "pager"])
    NoticeRule.objects.create(name="Off", enabled=False, channels=["nowhere"])
    make_job(ping="gone")
    found = checks.check_notices(databases=["default"])
    assert [each.id for each in found] == ["scheduling.W004", "scheduling.W006"]
    assert "NOTICE_CHANNEL_PAGER" in str(found[0].hint)


def test_channels_and_pings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTICE_CHANNEL_OPS", " discord://a/b,c ")
    monkeypatch.setenv("NOTICE_CHANNEL_NIGHT_MAIL", "mailto://x")
    monkeypatch.setenv("NOTICE_CHANNEL_EMPTY", "")
    monkeypatch.setenv("PINGS", "nightly = https://hc-ping.com/uuid, team=https://hc-ping.com/key/{job}")
    assert environment.with_prefix("NOTICE_CHANNEL_") == {"night_mail": "mailto://x", "ops": "discord://a/b,c"}
    assert environment.named_addresses("PINGS") == {
        "nightly": "https://hc-ping.com/uuid",
        "team": "https://hc-ping.com/key/{job}",
    }


@pytest.mark.parametrize(
    "given",
    ["https://hc-ping.com/geheim", "a=ftp://geheim", "a=geheim", "a=https://x/geheim, a=https://y", "A b=https://x"],
)
def test_a_wrong_ping_stops_the_start_without_its_secret(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINGS", given)
    with pytest.raises(ImproperlyConfigured, match="PINGS") as refused:
        environment.named_addresses("PINGS")
    assert "geheim" not in str(refused.value)


def test_the_keys_in_addresses_are_secrets_everywhere(scheduling: Setting) -> None:
    scheduling(
        NOTICE_CHANNELS={
            "ops": "discord://417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7",
            "mail": "mailtos://me:pw%40geheim@x.org",
        },
        PINGS={"n": "https://hc-ping.com/0123456789abcdef-uuid"},
    )
    text = "JHZ7lQml277CDHmQKMHI8qBe7 pw@geheim 0123456789abcdef-uuid hc-ping.com x.org"
    assert redact.redact(text) == f"{redact.DOTS} {redact.DOTS} {redact.DOTS} hc-ping.com x.org"


@pytest.mark.django_db
def test_the_tasks_app_knows_how_many_items_a_run_has_done() -> None:
    first, second, third = (ended(None) for _ in range(3))
    for run, succeeded in ((first, 2), (first, 3), (second, 0)):
        counts: dict[str, Any] = {"items_succeeded": succeeded, "items_failed": 1, "items_processed": succeeded + 1}
        TaskRecord.objects.create(task_name="t", execution=run, **counts)
    assert items_of([first.pk, second.pk, third.pk]) == {first.pk: 5, second.pk: 0}
