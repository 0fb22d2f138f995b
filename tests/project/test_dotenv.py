"""The .env that script/server writes: Rota's commands work with it as they are, in any shell."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.settings import ROOT
from scheduling.models import Job, LogChunk
from tasks.demo.tmdb import Tmdb
from tasks.demo.trakt import Trakt
from tasks.demo.upstream import Clock, Upstream
from tests.factories import make_execution
from tests.project.start import command

WALK = """
import sys
import django
django.setup()
from scheduling.context import StopSignal
from scheduling.perform import perform
from scheduling.snapshots import Snapshot
snapshot = Snapshot(
    id=int(sys.argv[1]), fence=0, task="tasks.demo.tasks.long_walk", arguments={"minutes": 0.01}, worker="", attempt=1
)
print(perform(snapshot, StopSignal()).state.value)
"""


def dotenv(function: str, path: Path, port: str) -> None:
    """Call a function of script/dotenv.sh."""
    script = 'set -euo pipefail; source script/dotenv.sh; "$@"'
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", script, "bash", function, path, port], cwd=ROOT, env=environment, check=True)


@pytest.fixture
def demo() -> Iterator[Upstream]:
    with Upstream(Trakt(Clock()), Tmdb()) as demo:
        yield demo


@pytest.fixture
def env_file(demo: Upstream, tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    dotenv("write_env", path, demo.url.rpartition(":")[2])
    return path


def settings(env_file: Path) -> dict[str, str]:
    """What a shell has to say beside .env: nothing, but for the tests' own database and folder."""
    folder = env_file.parent
    return {"ENV_FILE": str(env_file), "DATA_DIR": f"{folder}/data", "TRAKT_TOKEN_FILE": f"{folder}/trakt.json"}


@pytest.mark.sqlite_only
def test_it_is_for_its_owner_alone_and_passes_the_deploy_checks(env_file: Path) -> None:
    ended = command("manage.py", "check", "--deploy", "--fail-level", "WARNING", **settings(env_file))

    assert ended.code == 0, ended.errors
    assert "no issues" in ended.out + ended.errors
    assert env_file.stat().st_mode & 0o777 == 0o600


def test_a_command_in_another_shell_finds_the_demo(env_file: Path, database_url: str) -> None:
    ended = command("manage.py", "update_trakt", "--user", "ada", "--force", "--no-enrichment", **settings(env_file))

    assert ended.code == 0, ended.errors
    assert "ada: new 330" in ended.out


@pytest.mark.sqlite_only
def test_the_files_of_the_demo_are_apart_from_real_ones(env_file: Path) -> None:
    assert "DATA_DIR=_demo" in env_file.read_text().splitlines()


@pytest.mark.sqlite_only
def test_the_demo_moves_with_all_its_addresses(env_file: Path, demo: Upstream) -> None:
    before = env_file.read_text()

    dotenv("move_demo", env_file, "9123")

    port = demo.url.rpartition(":")[2]
    mails = f"SMTP_PORT={int(port) + 1}"
    assert env_file.read_text() == before.replace(mails, "SMTP_PORT=9124").replace(port, "9123")
    assert "SMTP_PORT=9124" in env_file.read_text().splitlines()
    assert env_file.read_text().count("9123") == 20
    assert env_file.stat().st_mode & 0o777 == 0o600


def test_only_the_demo_has_a_long_walk_to_cancel(env_file: Path, database_url: str) -> None:
    assert command("manage.py", "syncjobs", **settings(env_file)).code == 0
    walk = Job.objects.get(pk="long_walk")
    assert (walk.next_run_time, walk.parked_reason) == (None, "")

    assert command("manage.py", "syncjobs").code == 0
    walk.refresh_from_db()
    assert walk.parked_reason


def test_the_long_walk_tells_each_step(env_file: Path, database_url: str) -> None:
    execution = make_execution()

    ended = command("-c", WALK, str(execution.pk), **settings(env_file))

    assert ended.out.strip() == "succeeded", ended.errors
    assert "Step 1 of 1" in LogChunk.objects.get(execution_id=execution.pk).text
