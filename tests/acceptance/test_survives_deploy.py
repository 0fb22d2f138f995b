"""A deploy in the middle of everything: one scheduler is told to stop, the next one starts at once, and takes over."""

from datetime import timedelta

from scheduling.models import UNWELL, Cause, Execution, State, Worker
from tests.acceptance.books import NOTED, check_moments, open_books
from tests.acceptance.rota import Rota

GRACE = 1.5  # seconds that the old scheduler gives its runs
SOON = timedelta(seconds=2)


def ask(rota: Rota, task: str, name: str, seconds: float, queue: str = "default") -> Execution:
    idempotent = task == "sleep_idempotent"
    arguments = {"seconds": seconds, "path": rota.path(name)}
    return rota.ask(task, id=name, arguments=arguments, queue=queue, idempotent=idempotent, priority=1)


def begun(rota: Rota, runs: list[Execution]) -> bool:
    return all(rota.lines(str(run.job_id)) for run in runs)


def test_a_deploy_in_the_middle_of_everything(rota: Rota) -> None:
    old = rota.start("--workers", "4", STOP_GRACE=str(GRACE))
    open_books(rota)
    rota.until(lambda: rota.lines(NOTED))
    short = [ask(rota, "rest", f"short-{queue}", GRACE - 0.5, queue) for queue in ("default", "light")]
    long = [ask(rota, "rest", "delicate", 60), ask(rota, "sleep", "listens", 60, "light")]
    deaf = ask(rota, "rest", "deaf", 60, "light")  # in a thread, which only the end of the process ends
    harmless = ask(rota, "sleep_idempotent", "harmless", 8)
    rota.until(lambda: begun(rota, [*short, *long, deaf, harmless]))
    waiting = [ask(rota, "rest", f"waits-{number}", 1) for number in range(8)]

    old.terminate()
    rota.start("--workers", "8")
    ready = Worker.objects.latest("started_at").started_at
    assert old.wait(GRACE + 10) == 0

    assert [rota.ended(run).state for run in [*short, *waiting]] == [State.SUCCEEDED] * 10
    assert all(run.started_at and run.started_at < ready + SOON for run in waiting)
    assert [rota.ended(run).state for run in [*long, deaf, harmless]] == [State.LOST] * 4
    assert {run.cause for run in [*long, deaf, harmless]} == {Cause.INTERRUPTED}
    again = rota.ended(Execution.objects.get(root=harmless))
    assert again.state == State.SUCCEEDED
    assert again.started_at is not None
    assert harmless.finished_at is not None
    assert again.started_at < max(ready, harmless.finished_at) + SOON
    assert rota.lines("harmless") == ["begin", "begin", "end"]
    assert set(Execution.objects.filter(state__in=UNWELL)) == {*long, deaf, harmless}
    check_moments(rota)
