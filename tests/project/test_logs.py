"""A log record becomes one line that nobody can forge, with the run that it belongs to."""

import json
import logging
import sys
from pathlib import Path

import pytest

from project.logs import JSONFormatter, Redacting, SharedRotatingFileHandler, TextFormatter
from scheduling.models import LogChunk
from scheduling.redact import redact
from tests.factories import make_execution
from tests.project.start import command

FORGERIES = {
    "newline": "done\n2026-03-01T02:00:00.000Z ERROR forged",
    "carriage return": "done\rforged",
    "terminal colours": "\x1b[31mred\x1b[0m",
    "next line": "done\x85forged",
    "line separator": "done\u2028forged",
    "backwards text": "\u202edetsurt",
    "half a character": "\ud800",
}
RUN_THAT_LOGS = """
import logging, sys
import django
django.setup()
from scheduling.logs import captured
from scheduling.snapshots import Snapshot
with captured(Snapshot(id=int(sys.argv[1]), fence=0, task="", arguments={}, worker="", attempt=1)):
    logging.getLogger(sys.argv[2]).info("so far, so good")
"""


def record(message: str, **context: object) -> logging.LogRecord:
    made = logging.LogRecord("tasks.demo", logging.INFO, __file__, 1, message, (), None)
    made.created = 1_772_330_400.123
    made.__dict__.update(context)
    return made


def failed(message: str) -> logging.LogRecord:
    made = record("the run failed")
    try:
        raise ValueError(message)
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def test_a_line_tells_moment_level_logger_and_run() -> None:
    line = TextFormatter().format(record("done", job="nightly", execution=42, worker="web-1"))

    assert line == "2026-03-01T02:00:00.123Z INFO tasks.demo [nightly 42 web-1] done"


def test_what_belongs_to_no_run_shows_dashes() -> None:
    assert TextFormatter().format(record("done")).endswith("[- - -] done")


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("formatter", [TextFormatter(), JSONFormatter()], ids=["text", "json"])
def test_no_message_makes_a_second_line(formatter: logging.Formatter, forgery: str) -> None:
    for made in (record(forgery), record("done", job=forgery)):
        line = formatter.format(made)

        assert len(line.splitlines()) == 1
        assert line.isprintable()


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_a_traceback_is_indented_and_harmless(forgery: str) -> None:
    first, *others = TextFormatter().format(failed(forgery)).split("\n")

    assert first.endswith("the run failed")
    assert others
    assert all(line.startswith("    ") and line.isprintable() for line in others)


def test_letters_of_any_language_stay_readable() -> None:
    assert TextFormatter().format(record("Amélie 千と千尋")).endswith("Amélie 千と千尋")


def test_json_tells_the_same_in_fields() -> None:
    entry = json.loads(JSONFormatter().format(record("done", job="nightly", execution=42)))

    assert entry == {
        "time": "2026-03-01T02:00:00.123Z",
        "level": "INFO",
        "logger": "tasks.demo",
        "message": "done",
        "job": "nightly",
        "execution": 42,
        "worker": None,
    }


@pytest.mark.parametrize("kind", [TextFormatter, JSONFormatter])
def test_no_secret_reaches_a_line(kind: type[Redacting]) -> None:
    said = "password=hunter22 and Authorization: Bearer abcdefgh1234"
    made = failed(said)
    made.msg = said
    made.__dict__["job"] = made.__dict__["path"] = "token=hunter22"
    line = kind(redact).format(made)
    assert "hunter22" not in line
    assert "abcdefgh1234" not in line
    assert "ValueError" in line
    assert len(json.loads(line)["traceback"].splitlines()) > 1 if kind is JSONFormatter else "\n" in line


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_command_logs_no_secret(style: str) -> None:
    log = "import django, logging; django.setup(); logging.getLogger('tasks').warning('key: %s', 'correct-horse-1')"
    ended = command("-c", log, LOG_FORMAT=style, OTHER_API_KEY="correct-horse-1")
    assert "key: " in ended.errors
    assert "correct-horse-1" not in ended.errors


@pytest.mark.django_db(transaction=True)
def test_where_a_program_reads_all_that_a_scheduler_says_is_json(database_url: str) -> None:
    ended = command("manage.py", "runscheduler", "--once", "--skip-initial", LOG_FORMAT="json")
    lines = [json.loads(line)["message"] for line in (ended.out + ended.errors).splitlines()]
    assert any(line.startswith("Rota ") and "; Queues " in line for line in lines)
    assert "Stopped." in lines


def test_json_keeps_the_traceback() -> None:
    entry = json.loads(JSONFormatter().format(failed("no such user")))

    assert entry["traceback"].endswith("ValueError: no such user")


def test_two_writers_share_a_file_that_one_of_them_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedRotatingFileHandler, "SIZE", 200)
    path = tmp_path / "scheduler.log"
    writers = [SharedRotatingFileHandler(str(path)), SharedRotatingFileHandler(str(path))]

    for turn in range(20):
        writers[turn % 2].emit(record(f"line {turn:02} {'.' * 40}"))

    for writer in writers:
        writer.close()
    kept = "".join(part.read_text() for part in sorted(tmp_path.glob("scheduler.log*"), reverse=True))
    numbers = [int(line.split()[1]) for line in kept.splitlines()]
    assert path.stat().st_size <= 200
    assert numbers == list(range(numbers[0], 20))


@pytest.mark.parametrize(("level", "on_console"), [("WARNING", False), ("INFO", True), ("DEBUG", True)])
@pytest.mark.parametrize("name", ["tasks.demo", "django.request"])
def test_the_level_of_the_console_is_not_that_of_a_runs_own_log(
    database_url: str, name: str, level: str, on_console: bool
) -> None:
    execution = make_execution()

    ended = command("-c", RUN_THAT_LOGS, str(execution.pk), name, LOG_LEVEL=level)

    assert ended.code == 0, ended.errors
    assert "so far, so good" in LogChunk.objects.get(execution_id=execution.pk).text
    assert ("so far, so good" in ended.errors) == on_console


@pytest.mark.parametrize(("level", "shown"), [("DEBUG", True), ("INFO", False)])
def test_debug_reaches_the_console_when_it_is_asked_for(level: str, shown: bool) -> None:
    log_debug = "import django, logging; django.setup(); logging.getLogger('tasks.demo').debug('in detail')"

    assert ("in detail" in command("-c", log_debug, LOG_LEVEL=level).errors) == shown
