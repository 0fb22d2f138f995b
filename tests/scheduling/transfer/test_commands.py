"""`manage.py jobs export` and `import`: what they say, and how they end."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from scheduling.models import Calendar, Change, Job
from tests.factories import make_job

pytestmark = pytest.mark.django_db


def said(*command: str) -> str:
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def written(folder: Path, text: str) -> str:
    file = folder / "jobs.yaml"
    file.write_text(text)
    return str(file)


def test_what_is_exported_is_imported_without_a_change(tmp_path: Path) -> None:
    make_job(id="films", calendars=["shop"])
    make_job(id="books")
    Calendar.objects.create(id="shop", name="Shop", country="DE")
    file = tmp_path / "jobs.yaml"
    assert said("jobs", "export", "-o", str(file)) == ""
    assert file.read_text() == said("jobs", "export")
    assert said("jobs", "import", str(file), "--dry-run") == "Nothing to change: 3 unchanged.\n"
    Job.objects.all().delete()
    Calendar.objects.all().delete()
    assert "Done: 3 created." in said("jobs", "import", str(file))
    assert Change.objects.filter(job="films", reason=f"import of {file}").exists()
    assert said("jobs", "export") == file.read_text()


def test_jobs_are_chosen_by_id_and_by_tag() -> None:
    make_job(id="films", tags=["nightly", "media"])
    make_job(id="books", tags=["media"])
    assert said("jobs", "export", "books").count("- id:") == 1
    assert "id: films" in said("jobs", "export", "--tag", "nightly", "--tag", "media")
    assert said("jobs", "export", "--tag", "none").endswith("jobs: []\n")
    with pytest.raises(CommandError, match=r"Did you mean films\?"):
        said("jobs", "export", "filns")


def test_secrets_are_left_out_unless_asked_for_and_their_file_is_for_its_owner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_job(id="films", arguments={"value": {"password": "hunter2hunter2"}})
    assert "password: !secret" in said("jobs", "export")
    assert "Left out of 1 job: what looks secret" in capsys.readouterr().err
    file = tmp_path / "private.yaml"
    said("jobs", "export", "--with-secrets", "-o", str(file))
    assert "hunter2hunter2" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in said("jobs", "export", "--json")


def test_a_dry_run_tells_what_would_change_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_job(id="films", name="Films", priority=5, description="one\ntwo")
    make_job(id="zoo", name="Zoo")
    text = said("jobs", "export", "films").replace("priority: 5", "priority: 7").replace("two", "three")
    new = "  - id: books\n    task: tests.workload.tasks.echo\n    schedule: {interval: 15m}\n"
    file = written(tmp_path, text + new)
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("jobs", "import", file, "--dry-run", "--prune", stdout=out)
    assert ended.value.code == 1
    assert out.getvalue().splitlines() == [
        "~ job films: changed",
        "    description: 'one\\ntwo' → 'one\\nthree'",
        "    priority: 5 → 7",
        "+ job books: created",
        "  + name: Books",
        "  + task: tests.workload.tasks.echo",
        "  + schedule:",
        "  +   interval: 15m",
        "- job zoo: removed",
        "It would be: 1 created, 1 changed, 1 removed.",
    ]
    assert set(Job.objects.values_list("pk", flat=True)) == {"films", "zoo"}
    assert "Done: 1 created, 1 changed, 1 removed." in said("jobs", "import", file, "--prune")
    assert set(Job.objects.values_list("pk", flat=True)) == {"films", "books"}


def test_a_program_is_told_as_json(tmp_path: Path) -> None:
    make_job(id="films", name="Films", priority=5)
    file = written(tmp_path, said("jobs", "export").replace("priority: 5", "jitter: 1m"))
    told = json.loads(said("jobs", "import", file, "--json"))
    assert told["applied"] is True
    assert told["jobs"]["changed"] == [{"id": "films", "fields": {"jitter": [None, "1m"], "priority": [5, None]}}]


def test_what_cannot_be_is_refused_with_2_and_every_problem(tmp_path: Path) -> None:
    file = written(tmp_path, "version: 1\njobs:\n  - id: a\n  - id: b\n    schedule: never\n    task: x\n")
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"(?s)line 3: job a: .*line 5: job b: .*4 problems; nothing") as refused:
        call_command("jobs", "import", file, "--json", stdout=out)
    assert refused.value.returncode == 2
    assert {problem["about"] for problem in json.loads(out.getvalue())["problems"]} == {"job a", "job b"}


def test_a_document_comes_from_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    make_job(id="films")
    monkeypatch.setattr("sys.stdin", io.StringIO(said("jobs", "export")))
    assert said("jobs", "import", "-") == "Nothing to change: 1 unchanged.\n"


@pytest.mark.parametrize("command", [("import", "/none.yaml"), ("export", "-o", "/none/jobs.yaml")])
def test_a_file_that_cannot_be_had_is_refused(command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="cannot be") as refused:
        said("jobs", *command)
    assert refused.value.returncode == 2
