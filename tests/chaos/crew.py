"""The schedulers of a campaign: each with a temper of its own, and another one in its place as soon as it is dead."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import libfaketime
import psutil

from tests.acceptance.rota import Rota
from tests.chaos.failpoints import STEPS

SIZE = 3
AGE = 6.0  # seconds from its start after which any scheduler is worth a fault
QUEUES = ["light", "light,default"]  # without processes it starts in half the time
ENVIRONMENT = {
    "QUEUES": "default=processes:2, light=threads:8",
    "HEARTBEAT": "1",
    "STALE_AFTER": "6",
    "STOP_GRACE": "2",
    "KILL_GRACE": "0.5",
    "LOG_LEVEL": "WARNING",
    "PYTHONFAULTHANDLER": "1",  # where a process was that died of a fault of its own
}
CALM, FUSED = "", "fused"
FLAKY = "*.before_commit:raise:0.1,*.after_commit:raise:0.1"
SLOW = "*.before_commit:sleep=0.3:0.05,*.after_commit:sleep=0.3:0.05"
TEMPERS = {CALM: 6, FUSED: 11, FLAKY: 2, SLOW: 1}  # failpoints, and how often they are met
OFTEN, SELDOM = 0.2, 0.7  # how probably a fuse blows at a step that each turn comes to, and at another one
EACH_TURN = {
    *(f"{verb}.{side}" for verb in ("fire", "skip", "claim", "finish") for side in ("before", "after")),
    *(f"{part}.{side}" for part in ("start", "task") for side in ("before", "after")),
    *(f"{verb}.{side}_commit" for verb in ("claim", "finish") for side in ("before", "after")),
}


@dataclass(slots=True, eq=False)
class Member:
    """A scheduler process."""

    process: "subprocess.Popen[bytes]"
    elsewhere: bool  # as if on another host, where only its heartbeat tells whether it lives
    clock: Path | None  # the file that sets its clock
    fused: bool  # about to die or to stand still by itself
    born: float = field(default_factory=time.monotonic)
    frozen: bool = False
    leaving: bool = False
    killed: bool = False


class Crew:
    """Starts the schedulers and counts how they end."""

    def __init__(self, rota: Rota, chance: random.Random, *, clocks: bool) -> None:
        self.rota = rota
        self.chance = chance
        self.clocks = clocks  # whether their clocks may be set: not where they have no other
        self.members: list[Member] = []
        self.counts: Counter[str] = Counter()
        self.registered: set[int] = set()  # processes that are known to the database
        self.fuses = cycle(chance.sample(STEPS, len(STEPS)))  # so that each step has its turn
        self.log = Path(rota.path("deaths"))
        self.started = 0

    def hire(self) -> None:
        """One more scheduler, of a temper at random, and one in three as if on another host."""
        self.started += 1
        kernel = f"kernel-{self.started}" if self.started % SIZE == 0 else ""
        clock = Path(self.rota.path(f"clock-{self.started}")) if self.clocks and self.chance.random() < 0.3 else None
        points = self._failpoints("stop=8" if kernel and self.chance.random() < 0.5 else "kill")
        environment = {**ENVIRONMENT, "FAILPOINTS": points, "FAILPOINTS_LOG": str(self.log), "KERNEL": kernel}
        if clock:
            environment |= own_clock(clock)
        queues = self.chance.choice(QUEUES)
        process = self.rota.launch("runscheduler", "--queues", queues, **environment)
        self.members.append(Member(process, bool(kernel), clock, fused=points not in TEMPERS))

    def mind(self) -> None:
        """Put another one in the place of each that has ended."""
        for member in [member for member in self.members if member.process.poll() is not None]:
            self.members.remove(member)
            self.counts[self._cause(member)] += 1
            if not member.leaving:
                self.hire()

    def kill(self) -> None:
        if member := self._anyone():
            member.killed = True
            member.process.kill()

    def kill_child(self) -> None:
        """kill -9 of a process that a scheduler has started: a child of its pool, or where these come from."""
        if member := self._anyone():
            with suppress(psutil.NoSuchProcess):
                if children := psutil.Process(member.process.pid).children(recursive=True):
                    self.chance.choice(children).kill()
                    self.counts["child_kills"] += 1

    def deploy(self) -> None:
        """A gentle stop, with the next version there at once."""
        if member := self._anyone():
            member.leaving = True
            member.process.terminate()
            self.hire()

    def freeze(self) -> Member | None:
        """Suspend one, of another host if there is one; it is up to the caller to let it go on."""
        ripe = sorted(self._ripe(), key=lambda member: member.elsewhere)
        member = ripe[-1] if ripe else None
        if member:
            member.frozen = True
            member.process.send_signal(signal.SIGSTOP)
        return member

    def thaw(self, member: Member) -> None:
        member.frozen = False
        member.process.send_signal(signal.SIGCONT)

    def a_clock(self) -> Path | None:
        """The file that sets the clock of a scheduler which has one of its own."""
        own = [member.clock for member in self._ripe() if member.clock]
        return self.chance.choice(own) if own else None

    def dismiss(self) -> None:
        """kill -9 of all."""
        for member in self.members:
            member.process.kill()
            member.process.wait()
        self.members.clear()

    def at_steps(self) -> Counter[str]:
        """How many processes have died, and how many have stopped for a while, at failpoints."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter(f"{line.split()[1]}s_at_steps" for line in lines)

    def _anyone(self) -> Member | None:
        ripe = self._ripe()
        return self.chance.choice(ripe) if ripe else None

    def _ripe(self) -> list[Member]:
        """Those that are at work, and have no fault yet."""
        late = time.monotonic() - AGE
        ready = {each for each in self.members if each.process.pid in self.registered and not each.fused}
        at_work = [each for each in self.members if each in ready or each.born < late]
        return [each for each in at_work if not (each.frozen or each.leaving or each.killed)]

    def _cause(self, member: Member) -> str:
        code = member.process.returncode
        if code == -signal.SIGKILL:
            return "kills"
        return "deploys" if member.leaving and code in (0, -signal.SIGTERM) else f"exits_{code}"

    def _failpoints(self, action: str) -> str:
        temper = self.chance.choices(list(TEMPERS), list(TEMPERS.values()))[0]
        return _fuse(next(self.fuses), action) if temper == FUSED else temper


def _fuse(step: str, action: str) -> str:
    return f"{step}:{action}:{OFTEN if step in EACH_TURN else SELDOM}"


def own_clock(file: Path) -> dict[str, str]:
    """The environment of a process whose time of day goes by `file`; its monotonic clocks are true."""
    set_clock(file, 0)
    preload: dict[str, str] = libfaketime.get_reload_information()[1]
    return {**preload, "FAKETIME_TIMESTAMP_FILE": str(file)}


def set_clock(clock: Path, seconds: int) -> None:
    """Let the time of day that goes by the file `clock` be `seconds` ahead of the true one."""
    draft = clock.with_suffix(".draft")
    draft.write_text(f"{seconds:+d}\n")
    os.replace(draft, clock)
