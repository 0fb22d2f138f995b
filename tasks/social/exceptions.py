"""What a platform refuses, by what follows from it; a class's docstring is its default message."""

from datetime import datetime

from tasks.exceptions import AbortRun, TaskError


class Refused(TaskError):
    """The platform refuses this."""

    def __init__(self, message: str = "", *, code: str = "") -> None:
        super().__init__(message)
        self.code = code  # the platform's own word for it


class TokenRefused(Refused):
    """The access token is not accepted; a new one may be."""


class EnteredAnew(Refused):
    """Its tokens were entered anew meanwhile."""


class NeedsAuthorisation(Refused):
    """No token that the platform accepts can be had: the account has to be connected again."""


class NotPermitted(Refused):
    """The token is good, but may not read this."""


class Held(Refused):
    """A limit of the platform is reached: nobody asks before `until`."""

    def __init__(self, message: str, until: datetime, *, everyone: bool, code: str = "") -> None:
        super().__init__(message, code=code)
        self.until = until
        self.everyone = everyone  # the limit is one of our app, so that it holds for all accounts


class TakenOver(AbortRun):
    """Another sync of this business goes on in the place of this one, which was silent for too long."""


class Removed(AbortRun):
    """It was removed meanwhile."""


class NothingSynced(TaskError):
    """Nothing could be read from any account."""
