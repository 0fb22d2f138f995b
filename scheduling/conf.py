"""Every scheduling setting with its type, default and unit, read from `settings.SCHEDULING`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver


@dataclass(frozen=True, slots=True)
class Lane:
    """A queue as configured: its executor and how many runs it holds at once."""

    name: str
    executor: str  # processes or threads
    slots: int


@dataclass(frozen=True, slots=True)
class Options:
    """The values of `settings.SCHEDULING`; spans are seconds unless they are `timedelta`."""

    queues: tuple[Lane, ...] = (Lane("default", "processes", 4),)
    stop_grace: float = 30.0  # how long running tasks may go on after SIGTERM
    heartbeat: float = 2.0  # between two heartbeats of a worker
    stale_after: float = 8.0  # without a heartbeat, a worker of another host is dead
    poll: float = 1.0  # the longest sleep of the scheduler's loop
    misfire_grace_time: timedelta = timedelta(minutes=15)  # of a new job
    default_timeout: timedelta | None = timedelta(hours=1)  # of a run whose job and task name none
    max_tasks_per_child: int = 500  # then a child process is replaced, which gives memory back
    log_limit: int = 1_000_000  # characters of log kept per run
    kill_grace: float = 1.0  # between asking a run to stop and killing it
    keep_days: int = 30  # of runs whose job does not say; 0 is for ever
    keep_unwell_days: int = 90  # the same of runs that failed, timed out or were lost
    api_rate: int = 600  # requests a minute for each token or user; 0 is no limit
    site_url: str = ""  # where the admin is reached, for links; without a slash at its end
    notice_channels: Mapping[str, str] = field(default_factory=dict)  # name -> address, which is a secret
    notice_secret: str = ""  # signs web hooks; empty: they are not signed
    notice_private: bool = False  # whether web hooks and pings may reach addresses that are not public
    notice_every: float = 5.0  # between two looks for what is to be told
    notice_together: float = 10.0  # how long a line waits for others to share its message
    notice_watch: bool = True  # whether the web process tells when no scheduler is alive
    pings: Mapping[str, str] = field(default_factory=dict)  # name -> address, which is a secret; {job} and {run} in it
    ping_scheduler: str = ""  # asked for each minute while the loop turns; empty: none
    behind_proxy: bool = False  # then X-Forwarded-For tells where a request comes from
    instance: str = "default"  # the name of this installation: its schedulers turn on no other's database
    in_web: bool = False  # whether each web process runs jobs too, in its background
    version: str = "0"  # of this software, shown with each worker
    log_json: bool = False  # whether a program reads the logs: then the scheduler's own words are lines of them too
    redact: tuple[str, ...] = field(default_factory=tuple)  # more names of secrets
    observers: tuple[str, ...] = field(default_factory=tuple)  # paths of observing.Observer classes

    def lane(self, name: str) -> Lane | None:
        """The queue called `name`, or None if it is not configured."""
        return next((lane for lane in self.queues if lane.name == name), None)


@lru_cache(maxsize=1)
def options() -> Options:
    """The settings as typed values; missing keys take their defaults."""
    given: dict[str, Any] = {key.lower(): value for key, value in settings.SCHEDULING.items()}
    if "queues" in given:
        given["queues"] = tuple(Lane(name, lane["executor"], lane["slots"]) for name, lane in given["queues"].items())
    if "misfire_grace_time" in given:
        given["misfire_grace_time"] = timedelta(seconds=given["misfire_grace_time"])
    if "default_timeout" in given:
        given["default_timeout"] = timedelta(seconds=given["default_timeout"]) or None
    for name in ("redact", "observers"):
        given[name] = tuple(given.get(name, ()))
    return Options(**given)


@receiver(setting_changed)
def forget_options(*, setting: str, **_: Any) -> None:
    """Read the settings again after a test has overridden them."""
    if setting == "SCHEDULING":
        options.cache_clear()
