"""login: connects Rota with a Trakt account by the device flow, in which its owner types a code at Trakt."""

from collections.abc import Callable
from contextlib import closing

from tasks.exceptions import AbortRun, UpstreamError
from tasks.http import Deadline
from tasks.watch_history.conf import Options
from tasks.watch_history.sign_in import SignIn
from tasks.watch_history.tokens import TokenFile

PENDING, TOO_FAST = 400, 429
SLOWER = 5.0  # seconds that are added when Trakt is asked too often
LONGEST = 1800.0  # seconds; a code is shorter-lived than that
REFUSALS = {
    404: "Trakt does not know the code it gave.",
    409: "This code was used before.",
    410: "The code was not typed in time.",
    418: "The owner of the account said no.",
}


def login(options: Options, show: Callable[[str, str], object], sleep: Callable[[float], object]) -> None:
    """Store a token once the owner has typed the code that `show` got together with an address.

    `sleep` gets seconds, as often as Trakt wants to be asked. Raises AbortRun.
    """
    with closing(SignIn(options, Deadline(LONGEST))) as sign_in:
        code = sign_in.device_code()
        show(str(code["verification_url"]), str(code["user_code"]))
        interval, left = float(code["interval"]), float(code["expires_in"])
        while left > 0:
            sleep(interval)
            left -= interval
            try:
                TokenFile(options.trakt_token_file).store(sign_in.device_token(str(code["device_code"])))
                return
            except UpstreamError as error:
                interval = _next_interval(error, interval)
    raise AbortRun(REFUSALS[410])


def _next_interval(error: UpstreamError, interval: float) -> float:
    """How long to wait until Trakt may be asked again. Raises AbortRun if that is of no use."""
    if error.status in REFUSALS:
        raise AbortRun(REFUSALS[error.status]) from error
    if error.status == TOO_FAST:
        return interval + SLOWER
    if error.status == PENDING or error.retryable:
        return interval
    raise error
