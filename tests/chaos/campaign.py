"""A campaign: faults for a while, then quiet until all is settled, and a check of what is left."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.db import Error as DatabaseFailure
from django.db import connection
from django.utils import timezone

from tests.acceptance.rota import Rota
from tests.acceptance.servers import Server
from tests.chaos import effects, ledger
from tests.chaos.cast import Cast, insist
from tests.chaos.checker import Finding, Kind, check
from tests.chaos.crew import ENVIRONMENT, SIZE, Crew
from tests.chaos.evidence import Evidence, Run
from tests.chaos.nemesis import Nemesis

TICK = 0.05  # seconds between two looks at the schedulers
LOOK = 1.0  # seconds between two looks at the ledger
OVERLAP = 500  # rows that are looked at again: they may have ended later than younger ones
PATIENCE = 60.0  # seconds without a run that ends, after which the rest counts as stuck
LAST_STOP = 30.0  # seconds for a calm scheduler to end
QUIET = 2  # schedulers that settle what is left


@dataclass(slots=True)
class Plan:
    """What to do: the same seed draws the same jobs and faults, though no two runs have the same timing."""

    minutes: float = 1.0
    seed: int = 0
    kills_per_minute: float = 48.0  # from outside; failpoints kill besides


@dataclass(slots=True)
class Result:
    """What came of it."""

    figures: dict[str, int]
    findings: list[Finding] = field(default_factory=list)


class Campaign:
    """Three schedulers under faults on the database of `rota`; `server` is stopped at times if it is given."""

    def __init__(self, rota: Rota, plan: Plan, server: Server | None = None) -> None:
        chance = random.Random(plan.seed)  # noqa: S311
        self.plan = plan
        self.rota = rota
        self.file = Path(rota.path("effects"))
        self.crew = Crew(rota, chance, clocks=connection.vendor != "sqlite")
        self.cast = Cast(chance, str(self.file))
        self.nemesis = Nemesis(chance, self.crew, self.cast, plan.kills_per_minute, server)
        self.seen: dict[int, Run] = {}
        self.wall = time.time() - time.monotonic()
        self.look_at = 0.0

    def run(self, tell: Callable[[float, dict[str, int]], None] = lambda share, figures: None) -> Result:
        """Do it all; `tell` hears now and then which share is done, and the figures so far."""
        self.cast.enter()
        for _ in range(SIZE):
            self.crew.hire()
        began = time.monotonic()
        while (share := (time.monotonic() - began) / (60 * self.plan.minutes)) < 1:
            self.nemesis.act()
            self.crew.mind()
            if time.monotonic() >= self.look_at:
                self.look_at = time.monotonic() + LOOK
                self._look()
                tell(share, self.figures())
            time.sleep(TICK)
        self.nemesis.heal()
        self.crew.dismiss()
        self.cast.leave()
        return self._judge(self._settle())

    def figures(self) -> dict[str, int]:
        """What has happened so far."""
        counts = self.crew.counts + self.nemesis.counts
        now = timezone.now()
        counts["moments"] = sum(len(story.due(now)) for story in self.cast.stories.values())
        counts["orders"] = self.cast.steered
        return {"kills": 0, **counts}

    def _look(self) -> None:
        """Learn who is at work, and remember the ends that the ledger tells of: they must not change any more."""
        if self.nemesis.broken:  # it might have to wait for long
            return
        try:
            self.crew.registered = set(ledger.living())
            fresh = ledger.runs(self.cast.stories, after=max(self.seen, default=0) - OVERLAP, final=True)
        except DatabaseFailure:
            connection.close()
            return
        for run in fresh:
            self.seen.setdefault(run.id, run)

    def _settle(self) -> list[str]:
        """Let calm schedulers work off what is left, and end them; returns what still lives, or ended badly."""
        calm = [self.rota.launch("runscheduler", **ENVIRONMENT) for _ in range(QUIET)]
        pids = {process.pid for process in calm}
        left, end = -1, 0.0
        while (now_left := insist(ledger.unsettled)) or set(insist(ledger.living)) != pids:
            if now_left != left:
                left, end = now_left, time.monotonic() + PATIENCE
            if time.monotonic() > end:
                break
            time.sleep(TICK)
        for process in calm:
            process.send_signal(signal.SIGTERM)
        bad = [f"{process.pid} ended with {code}" for process in calm if (code := _wait(process))]
        return bad + [str(pid) for pid in insist(ledger.living)]

    def _judge(self, workers: list[str]) -> Result:
        done, torn = effects.read(self.file)
        evidence = Evidence(
            stories=list(self.cast.stories.values()),
            runs=ledger.runs(self.cast.stories),
            effects=done,
            ended=timezone.now(),
            wall=self.wall,
            seen=self.seen,
            workers=workers,
        )
        findings = check(evidence)
        figures = self.figures()
        figures.update(runs=len(evidence.runs), begun=sum(run.begun for run in evidence.runs), torn=torn)
        figures |= self.crew.at_steps()
        for kind in Kind:
            figures[kind] = sum(finding.kind is kind for finding in findings)
        if findings:
            self._keep(evidence)
        return Result(figures, findings)

    def _keep(self, evidence: Evidence) -> None:
        """Write down what the checker saw, for whoever looks for the cause."""
        text = json.dumps(asdict(evidence), default=str, indent=1)
        Path(self.rota.path("evidence.json")).write_text(text)


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code; that of a kill -9 where nothing else ends it."""
    try:
        return process.wait(LAST_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
