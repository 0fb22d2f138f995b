"""manage.py notices, to programs and with exit codes."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from scheduling.management.caller import by
from scheduling.models import Event, State
from tests.factories import make_job
from tests.scheduling.management.terminal import said, told
from tests.scheduling.notices.conftest import Ear, ended, looked, make_rule
from tests.scheduling.notices.conftest import ear as ear
from tests.scheduling.notices.conftest import hook as hook
from tests.scheduling.notices.conftest import scheduling as scheduling

pytestmark = pytest.mark.django_db


def test_a_program_is_told_whether_the_test_arrived(hook: Ear) -> None:
    assert told("notices", "test", "ops") == {"channel": "ops", "delivered": True, "error": ""}
    assert by() in json.dumps(hook.bodies[0], ensure_ascii=False)
    hook.answers = [(500, {})]
    out = StringIO()
    with pytest.raises(CommandError) as end:
        call_command("notices", "test", "ops", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert (end.value.returncode, answer["delivered"]) == (1, False)
    assert "500" in answer["error"]


def test_the_headings_are_those_of_the_other_tables(hook: Ear) -> None:
    assert said("notices", "list").splitlines()[2].split("  ")[0] == "Channel"
    make_rule(Event.FAILED, name="[bold]Nightly[/bold]")
    ended(make_job(id="backup"), State.FAILED)
    looked()
    out = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("notices", "list", stdout=out)
    heads, row = out.getvalue().splitlines()[:2]
    assert (left.value.code, heads.split()) == (1, ["Incident", "What", "About", "Since", "Times", "Rule", "Summary"])
    assert "[bold]Nightly[/bold]" in row
