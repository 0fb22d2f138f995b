"""A rule in words: what will happen, said before it does."""

from collections.abc import Sequence

from scheduling.models import Event, NoticeRule
from scheduling.notices import channels
from scheduling.planning import spoken

BREAKING = ", but that no scheduler is alive"


def describe(rule: NoticeRule) -> list[str]:
    """Sentences: who is told of what, how often, and when not."""
    who = _listed([_channel(name) for name in rule.channels]) or "Nobody"
    what = _listed(_what(rule), "or")
    if not what:
        return ["It tells nothing yet: choose at least one event."]
    told = [f"{who} {'is' if len(rule.channels) < 2 else 'are'} told when {what}."]
    if Event.RECOVERED in rule.events:
        told.append("That it is well again is told once, too.")
    often = f"again every {spoken(rule.repeat_after)} while it goes on" if rule.repeat_after else "no second time"
    told.append(f"Each job is told of once until it is well again, {often}; several are told in one message.")
    if rule.quiet_from is not None and rule.quiet_until is not None and rule.quiet_from != rule.quiet_until:
        hours = f"{rule.quiet_from:%H:%M} and {rule.quiet_until:%H:%M} ({rule.timezone})"
        but = Event.SILENT in rule.events and rule.silent_breaks_quiet
        told.append(f"Between {hours} nothing is sent{BREAKING if but else ''}; it follows when they end.")
    return told if rule.enabled else ["It is switched off, and tells nothing. Otherwise:", *told]


def scope(rule: NoticeRule) -> str:
    """Which jobs the rule is about."""
    parts = []
    if rule.jobs:
        parts.append(f"{'the job' if len(rule.jobs) == 1 else 'one of the jobs'} {_listed(rule.jobs, 'or')}")
    if rule.tags:
        parts.append(f"a job tagged {_listed(rule.tags, 'or')}")
    return " or ".join(parts) or "any job"


def _what(rule: NoticeRule) -> list[str]:
    runs = f"a run of {scope(rule)}"
    long = f"than {spoken(rule.longer_than)}" if rule.longer_than is not None else "than usual"
    said = {
        Event.FAILED: f"{runs} failed, timed out or was lost for good",
        Event.FAILING: f"{scope(rule)} did not succeed {rule.in_a_row} times in a row",
        Event.MISSED: f"a moment of {scope(rule)} was missed",
        Event.LATE: f"{runs} is more than {spoken(rule.late_by)} late",
        Event.LONG: f"{runs} takes longer {long}{_times(rule) if rule.longer_than is None else ''}",
        Event.EMPTY: f"{runs} succeeded with 0 items",
        Event.FEW: f"{runs} did {rule.factor:g} times fewer items than usual",
        Event.SILENT: f"no scheduler has turned its loop for {spoken(rule.silent_for)}",
    }
    if rule.events == [Event.RECOVERED]:
        return [f"{scope(rule)} is well again after a failure"]
    return [said[event] for event in said if event in rule.events]


def _times(rule: NoticeRule) -> str:
    return f" ({rule.factor:g} times, and more than its runs differ by)"


def _channel(name: str) -> str:
    return f"{name} ({channels.kind(name)})" if name in channels.names() else f"{name} (not configured)"


def _listed(words: Sequence[str], last: str = "and") -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)
