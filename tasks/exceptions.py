"""What tasks raise on purpose; a class's docstring is its default message."""


class TaskError(Exception):
    """The task could not do its work."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class UpstreamError(TaskError):
    """An outside service did not give what it was asked for."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status  # None: there was no answer
        self.code = code  # the service's own word for what is wrong
        self.retryable = retryable  # the same request may succeed later
        self.retry_after = retry_after  # seconds; None: the service names none
        self.body = body  # what it said, cut; for the vendor's file to read, never for a log


class InvalidItem(TaskError):
    """An item is not as its service describes it."""


class AbortRun(TaskError):
    """The run cannot go on; passes through `entry.item()`, which lets no single item do that."""


class NotConfigured(AbortRun):
    """A setting is missing."""


class DeadlineReached(AbortRun):
    """The time for this work is used up."""


class PartsFailed(TaskError):
    """Parts of the run failed; the others did their work."""
