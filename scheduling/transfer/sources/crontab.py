"""A crontab file, as Debian's cron and cronie read it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim

from scheduling import crontab
from scheduling.clocks import zone
from scheduling.exceptions import InvalidTrigger
from scheduling.transfer.sources.found import Found, Moments

SETTING = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z_]\w*)\s*=\s*(.*)""")
PERCENT = re.compile(r"(?<!\\)%")  # ends the command; what follows it is its input
ZONES = ("CRON_TZ",)  # settings that say by which clock the lines below go
REBOOT = "@reboot"


@dataclass(slots=True)
class Surroundings:
    """The settings above a line."""

    timezone: str
    set: dict[str, str] = field(default_factory=dict)


def entries(text: str, timezone: str, *, system: bool) -> Iterator[Found]:
    """Each line that runs something, on the clock of `timezone` or CRON_TZ; `system`: with a column for the user."""
    around = Surroundings(timezone)
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        setting = SETTING.fullmatch(stripped)
        if setting:
            name, value = (part.strip("\"'") for part in setting.groups())
            around.set[name] = value
            around.timezone = (value or timezone) if name in ZONES else around.timezone
        else:
            yield _found(stripped, f"line {number}", around, system)


def _found(line: str, where: str, around: Surroundings, system: bool) -> Found:
    fields = 1 if line.startswith("@") else 5
    parts = line.split(None, fields + system)
    said = " ".join(parts[:fields])
    if len(parts) <= fields + system:
        return Found(where, line, cannot="It has fewer fields than a line of a crontab.")
    command, given = _command(parts[-1])
    notes = list(_notes(around, parts[fields] if system else "", given))
    try:
        if said.lower() == REBOOT:
            notes.append(
                "@reboot is once for each start of the machine; here it is once for each start of the scheduler"
            )
            return Found(where, command, said, schedule="manual", policies={"run_at_startup": True}, notes=tuple(notes))
        place = zone(around.timezone)
        crontab.read(said)
    except InvalidTrigger as error:
        return Found(where, command, said, cannot=str(error))
    schedule = {"cron": said, **({} if around.timezone == "UTC" else {"timezone": around.timezone})}
    return Found(where, command, said, schedule=schedule, moments=_moments(said, place), notes=tuple(notes))


def _command(text: str) -> tuple[str, str]:
    """The command, and what it is given on its standard input."""
    command, *given = PERCENT.split(text)
    return command.replace("\\%", "%").strip(), "\n".join(given).replace("\\%", "%")


def _notes(around: Surroundings, user: str, given: str) -> Iterator[str]:
    if user and user != "root":
        yield f"cron runs it as {user}; a task runs as whoever runs the scheduler"
    if given:
        yield "cron gives it an input after the %, which a task does not get"
    if around.set.get("TZ"):
        yield f"TZ={around.set['TZ']} is for the command; the lines go by {around.timezone}"
    if around.set.get("MAILTO"):
        yield f"its output went to {around.set['MAILTO']}; here it is kept with each run"


def _moments(said: str, place: tzinfo) -> Moments:
    """In the semantics of Debian's cron: what the clocks skip comes right after, what comes twice comes once."""

    def moments(first: datetime, until: datetime) -> Iterator[datetime]:
        text = crontab.MACROS.get(said.lower(), said)
        before = None
        for local in CronSim(text, (first - timedelta(days=1)).astimezone(place)):
            moment = local.astimezone(UTC)
            if moment >= until:
                return
            if moment >= first and moment != before:
                yield moment
            before = moment

    return moments
