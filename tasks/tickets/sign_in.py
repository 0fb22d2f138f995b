"""How we sign in at Zendesk: by an OAuth client, by a token of one, or by e-mail address and API token."""

from base64 import b64encode
from threading import Lock

from tasks.exceptions import AbortRun, UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, as_json
from tasks.tickets.conf import Options

RATE = Rate(per_second=0.2, burst=5)  # a token lasts for hours


class SignIn:
    """The credential for the time of one run.

    The token of an OAuth client is kept in memory alone. Each run asks for its own, which ends nobody else's, so
    the lock that several threads of a run need is one of this process.
    """

    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._options = options
        self._lock = Lock()
        self._has_client = bool(options.zendesk_client_id and options.zendesk_client_secret)
        self._token = "" if self._has_client else options.zendesk_oauth_token
        self._api = Client(
            "Zendesk sign-in",
            options.zendesk_url,
            headers={"User-Agent": options.user_agent},
            rate=RATE,
            credential=options.zendesk_client_id,
            deadline=deadline,
        )

    def close(self) -> None:
        self._api.close()

    @property
    def name(self) -> str:
        """Whose requests these are: Zendesk counts them by account and user."""
        return self._options.zendesk_client_id or self._options.zendesk_email or "oauth"

    def header(self) -> dict[str, str]:
        """The Authorization of a request. Raises AbortRun if there is no token to be had."""
        with self._lock:
            if self._has_client and not self._token:
                self._token = self._fetch()
        if self._token:
            return {"Authorization": f"Bearer {self._token}"}
        pair = f"{self._options.zendesk_email}/token:{self._options.zendesk_api_token}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def renew(self, refused: dict[str, str]) -> bool:
        """Whether another try may help: a new token for the one that Zendesk `refused` is there."""
        with self._lock:
            if not self._has_client:
                return False
            if refused["Authorization"] == f"Bearer {self._token}":
                self._token = self._fetch()
            return True

    def _fetch(self) -> str:
        asked = {
            "grant_type": "client_credentials",
            "client_id": self._options.zendesk_client_id,
            "client_secret": self._options.zendesk_client_secret,
            "scope": "read",
        }
        try:
            return self._api.post("/oauth/tokens", _token, data=asked, retries=True)
        except UpstreamError as error:
            if error.retryable:
                raise
            told = "Zendesk gives the OAuth client no token: check ZENDESK_CLIENT_ID and ZENDESK_CLIENT_SECRET."
            raise AbortRun(told) from error


def _token(answer: Answer) -> str:
    found = as_json(answer)
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise UpstreamError("sent no token")
    return token
