"""Tasks for the engine's tests: each does one thing that real tasks do, or should not do."""

import ctypes
import faulthandler
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.tasks import task

from scheduling.exceptions import RetryLater
from tasks.recording import record

logger = logging.getLogger(__name__)


def mark(path: str, text: str = "ran") -> None:
    """Append a line to `path` in one write, so that several processes may do so at once."""
    with Path(path).open("a") as file:
        file.write(f"{text}\n")


@task
def echo(value: Any = None) -> Any:
    return value


@task(takes_context=True)
def note(context: Any, path: str, text: str = "") -> None:
    mark(path, text or f"{context.job_id} {context.scheduled_for} {context.attempt}")


@task
async def echo_later(value: Any = None) -> Any:
    return value


@task(takes_context=True)
def sleep(context: Any, seconds: float, path: str = "") -> str:
    """Log and tell progress while sleeping; marks its beginning and its end in `path`."""
    if path:
        mark(path, "begin")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        logger.info("still %.1f s", left)
        context.progress(seconds - left, seconds, f"{left:.1f} s to go")
        time.sleep(min(0.1, left))
    context.progress(1)
    if path:
        mark(path, "end")
    return "rested"


@task
def ticks(path: str, seconds: float) -> None:
    """Mark who lives, and when, without a word to the database."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        mark(path, f"{os.getpid()} {time.monotonic()}")
        time.sleep(0.05)


@task(idempotent=True, max_attempts=1)
def sleep_idempotent(seconds: float, path: str) -> None:
    mark(path, "begin")
    time.sleep(seconds)
    mark(path, "end")


@task
def fail(message: str = "as told") -> None:
    raise ValueError(message)


@task(takes_context=True, max_attempts=3, backoff=timedelta(seconds=0))
def fail_until(context: Any, attempt: int) -> int:
    if context.attempt < attempt:
        raise ValueError(f"attempt {context.attempt}")
    return int(context.attempt)


@task(takes_context=True, max_attempts=2, backoff=timedelta(hours=9))
def later(context: Any, seconds: float) -> str:
    if context.attempt == 1:
        raise RetryLater(timedelta(seconds=seconds), "the service asked us to come back")
    return "done"


@task
def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task
def leave() -> None:
    sys.exit(3)


@task
def hang_in_c() -> None:
    """Deaf to signals handled in Python: the interpreter never gets its turn."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
    ctypes.PyDLL(None).sleep(60)


@task
def stubborn(path: str, seconds: float = 60) -> None:
    """Starts a program of its own, and refuses to stop."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    mark(path, str(child.pid))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.1)
        except BaseException as error:
            mark(path, type(error).__name__)


@task
def returns_a_set() -> Any:
    return {1, 2}


@task
def says(lines: int = 1, text: str = "hello") -> None:
    for number in range(lines):
        logger.info("%s %d", text, number)


@task
def eats_memory() -> int:
    return len(bytearray(10**12))


@task
def rest(seconds: float, path: str) -> str:
    """Marks its beginning and its end, and has no need of the database."""
    mark(path, "begin")
    time.sleep(seconds)
    mark(path, "end")
    return "rested"


@task
def breaks_the_interpreter() -> None:
    faulthandler.disable()
    ctypes.string_at(0)


@task
def vanishes() -> None:
    os._exit(3)


@task
def closes_its_files() -> None:
    os.closerange(3, 256)


@task
def ends_its_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


@task
def forks(path: str) -> str:
    """Both go on, and come back from here."""
    copy = os.fork() == 0
    if copy:
        time.sleep(0.5)
    mark(path, "copy" if copy else "original")
    logger.info("I am the %s", "copy" if copy else "original")
    return "copy" if copy else "original"


@task
def ignores_the_end(seconds: float, path: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mark(path, "begin")
    os.kill(os.getpid(), signal.SIGTERM)
    os.killpg(0, signal.SIGTERM)
    time.sleep(seconds)
    mark(path, "end")


@task
def shouts(megabytes: int) -> None:
    line = "a line that goes on and on " * 400
    for _ in range(megabytes * 1_000_000 // len(line)):
        logger.info(line)


@task
def says_everywhere(secret: str) -> None:
    """Logs by itself, from a thread of its own, and of an error."""
    logger.info("by itself, password=%s", secret)
    thread = threading.Thread(target=logger.info, args=("in a thread",))
    thread.start()
    thread.join()
    try:
        raise ValueError(f"password={secret}")
    except ValueError:
        logger.exception("of an error")


@task(takes_context=True)
def tells_its_password(context: Any, password: str) -> None:
    """Says what it was given in each way that a task has to say something."""
    logger.info("by itself: %s", password)
    thread = threading.Thread(target=logger.info, args=("in a thread: %s", password))
    thread.start()
    thread.join()
    context.progress(1, 1, f"signed in by {password}")
    with record(context) as entry:
        entry.log(f"signed in by {password}")
        entry.result = {"used": password}
    raise ValueError(f"bad {password}, or {[password]}, at /?p={quote(password)}")
