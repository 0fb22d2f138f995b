"""Quiet hours: when what is to be told now may be sent."""

from datetime import datetime, time, timedelta, tzinfo

from scheduling.clocks import zone
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Event, NoticeRule


def quiet_until(rule: NoticeRule, event: str, moment: datetime) -> datetime | None:
    """The end of the quiet hours of `rule` in which `moment` lies; None where it lies in none."""
    if rule.quiet_from is None or rule.quiet_until is None:
        return None
    if event == Event.SILENT and rule.silent_breaks_quiet:
        return None
    try:
        return end_of(rule.quiet_from, rule.quiet_until, zone(rule.timezone), moment)
    except InvalidTrigger:  # a zone that this host does not know keeps nothing back
        return None


def end_of(start: time, end: time, place: tzinfo, moment: datetime) -> datetime | None:
    """As `quiet_until`; the hours may go over midnight, and two equal times are no hours at all."""
    local = moment.astimezone(place)
    clock = local.timetz().replace(tzinfo=None)
    if start < end:
        inside, day = start <= clock < end, local.date()
    else:
        inside, day = clock >= start or clock < end, local.date() + timedelta(days=clock >= start)
    if not inside or start == end:
        return None
    return datetime.combine(day, end, place).astimezone(moment.tzinfo)
