"""Every error that scheduling raises on purpose; a class's docstring is its default message."""

from datetime import timedelta


class SchedulingError(Exception):
    """Something in the schedule is not as it must be."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class InvalidTrigger(SchedulingError):
    """This trigger can never name a moment."""

    def __init__(self, message: str = "", field: str = "cron") -> None:
        super().__init__(message)
        self.field = field  # the field of `triggers.Schedule` that must be mended


class InvalidArguments(SchedulingError):
    """These arguments do not fit the task."""


class InvalidJob(SchedulingError):
    """The columns of this job do not fit together."""

    def __init__(self, message: str = "", field: str = "") -> None:
        super().__init__(message)
        self.field = field  # the column to mend; empty where that is not one alone


class Confined(SchedulingError):
    """This is not for people who are confined to a tenant."""


class UnderWay(SchedulingError):
    """A run of this job is queued or running already."""


class UnknownTask(SchedulingError):
    """No task of this name is registered in the installed apps."""


class StaleJob(SchedulingError):
    """The job was changed by someone else meanwhile; load it again and repeat the change."""


class StaleCalendar(SchedulingError):
    """The calendar was changed by someone else meanwhile; load it again and repeat the change."""


class InvalidRange(SchedulingError):
    """This range has no moments that could be made up for."""

    def __init__(self, message: str = "", field: str = "") -> None:
        super().__init__(message)
        self.field = field  # of `Backfill`, the one to mend; empty where that is for the caller to choose


class CalendarInUse(SchedulingError):
    """Jobs keep this calendar."""


class KeyReused(SchedulingError):
    """This key was sent with another request before; take a new key for a new request."""


class NothingToSkip(SchedulingError):
    """The job has no next run that could be skipped."""


class InvalidToken(SchedulingError):
    """A token like this would open no door."""


class NothingToRun(SchedulingError):
    """No moment is left to be made up for."""


class ImpossibleStep(SchedulingError):
    """A run cannot go from its state to that one; `scheduling.states` has the table."""


class NotDelivered(SchedulingError):
    """The message did not arrive."""

    def __init__(self, message: str = "", *, final: bool = False, retry_in: float | None = None) -> None:
        super().__init__(message)
        self.final = final  # no further attempt would help
        self.retry_in = retry_in  # seconds that the other side has asked for


class WorkerFenced(SchedulingError):
    """This worker was declared dead by another one; it must stop at once."""


class Stopped(BaseException):
    """The run was told to stop: cancelled, or out of time.

    Not an `Exception`, so that a task's own `except Exception` does not swallow it.
    """


class RetryLater(Exception):
    """Raised by a task: run me again after `delay`, whatever the back-off says.

    Counts as an attempt: it needs `max_attempts` above the present attempt.
    """

    def __init__(self, delay: timedelta, reason: str = "") -> None:
        if not isinstance(delay, timedelta):
            raise TypeError(f"RetryLater takes a timedelta, not {delay!r}: of what unit?")
        super().__init__(reason or f"asked to be run again in {delay}")
        self.delay = delay
