"""Who may come in: a token within its scopes, or a login with CSRF; either way the user's permissions apply."""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from scheduling import store
from scheduling.api.limits import FAILURES, spend
from scheduling.api.problems import LOG_IN, UNAUTHENTICATED, Problem, answer
from scheduling.conf import options
from scheduling.models import Scope, Token
from scheduling.tenants import tenants_of

View = Callable[..., HttpResponseBase]
LONGEST_WHO = 150  # of the columns that name who did something


class TokenAuth(HttpBearer):
    """`Authorization: Bearer rota_…`"""

    openapi_description = (
        "Made in the admin or by `manage.py tokens create`; counts within its scopes: read, run, write."
    )

    def __init__(self, permissions: tuple[str, ...], scope: Scope, *, tenants: bool) -> None:
        super().__init__()
        self.permissions = permissions
        self.scope = scope
        self.tenants = tenants

    def __call__(self, request: HttpRequest) -> Any:
        """None where the header is of another kind, as of a proxy that asks for a password: then a login may count.

        Not ninja's own, which writes a header of another kind into the log.
        """
        kind, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        return self.authenticate(request, text.strip()) if kind.lower() == self.openapi_scheme else None

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """The token, which ninja puts on the request as `auth`.

        Raises Problem: 401 if the token does not count, 403 if it may not do this, 429.
        """
        found = _known(request, token)
        spend(f"token-{found.pk}", options().api_rate)
        store.use_token(found, now=timezone.now(), address=client_address(request))
        if self.scope not in found.scopes:
            said = {"WWW-Authenticate": f'Bearer realm="rota", error="insufficient_scope", scope="{self.scope}"'}
            detail = f"The token {found} has the scopes {', '.join(found.scopes)}; this needs {self.scope}."
            raise Problem(403, "The token may not do this.", detail, kind="insufficient-scope", headers=said)
        _permit(found.user, self.permissions, tenants=self.tenants)
        request.user = found.user
        return found


class LoginAuth(APIKeyCookie):
    """The session of someone who logged in at the admin; what changes something needs the CSRF token too."""

    param_name = settings.SESSION_COOKIE_NAME
    openapi_description = "The cookie of a login; what changes something needs the header X-CSRFToken too."

    def __init__(self, permissions: tuple[str, ...], *, tenants: bool) -> None:
        super().__init__(csrf=True)
        self.permissions = permissions
        self.tenants = tenants

    def __call__(self, request: HttpRequest) -> Any:
        """Without a session there is nothing to forge: that is a 401, not a failed CSRF check."""
        return self.authenticate(request, None) if request.user.is_authenticated else None

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """The user. Raises Problem: 403 without CSRF or a permission, 429."""
        if check_csrf(request):
            raise Problem(403, "Does this come from our own pages?", FORGED, kind="csrf")
        spend(f"user-{request.user.pk}", options().api_rate)
        _permit(request.user, self.permissions, tenants=self.tenants)
        return request.user


def needs(*permissions: str, scope: Scope, tenants: bool = True) -> list[Any]:
    """The `auth` of an operation: whoever comes must have all `permissions`, and a token the `scope`.

    Without `tenants` it is about what is the installation's own, and closed to people who are confined to tenants.
    """
    return [TokenAuth(permissions, scope, tenants=tenants), LoginAuth(permissions, tenants=tenants)]


def guarded(*permissions: str, scope: Scope = Scope.READ) -> Callable[[View], View]:
    """The same doorkeeper for a plain view."""

    def decorate(view: View) -> View:
        @wraps(view)
        def doorkeeper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refused = _refused(request, needs(*permissions, scope=scope))
            return refused or view(request, *args, **kwargs)

        return doorkeeper

    return decorate


def guarded_page(view: View) -> View:
    """The same for a page that people open: a browser in which nobody is logged in is led to the login, and back."""
    for_programs = guarded()(view)

    @wraps(view)
    def usher(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        browser = "text/html" in request.headers.get("Accept", "") and "Authorization" not in request.headers
        if browser and not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return for_programs(request, *args, **kwargs)

    return usher


def who(request: HttpRequest) -> str:
    """Who acts, for the record: the user, and the token through which he came."""
    token, name = getattr(request, "auth", None), str(request.user.get_username())
    through = f" ({token.hint}…)" if isinstance(token, Token) else ""
    return f"{name[: LONGEST_WHO - len(through)]}{through}"


def client_address(request: HttpRequest) -> str | None:
    """Where a request comes from: what the proxy has seen, if there is one; None where that cannot be said.

    Only the last part of X-Forwarded-For is the proxy's own; those before it are whatever the client has sent.
    """
    told = [request.META.get("REMOTE_ADDR", "")]
    if options().behind_proxy:
        told.insert(0, request.headers.get("X-Forwarded-For", "").rpartition(",")[2])
    for each in told:
        try:
            return str(ip_address(each.strip().partition("%")[0]))  # a zone of IPv6 fits no column
        except ValueError:
            continue
    return None


def _known(request: HttpRequest, text: str) -> Token:
    """The token with this text, if it counts."""
    found = store.find_token(text)
    refusal = found.refusal(timezone.now()) if found else "This token is not known here."
    if found is not None and not refusal:
        return found
    spend(f"failures-{client_address(request)}", FAILURES)
    said = {"WWW-Authenticate": f'{UNAUTHENTICATED["WWW-Authenticate"]}, error="invalid_token"'}
    raise Problem(401, "The token does not count.", refusal, kind="invalid-token", headers=said)


def _refused(request: HttpRequest, ways: list[Any]) -> HttpResponse | None:
    try:
        if any(way(request) for way in ways):
            return None
        raise Problem(401, "Who is asking?", LOG_IN, kind="login", headers=UNAUTHENTICATED)
    except Problem as problem:
        return answer(request, problem)


def _permit(user: Any, permissions: tuple[str, ...], *, tenants: bool) -> None:
    lacking = [each for each in permissions if not user.has_perm(each)]
    if lacking:
        detail = f"{user.get_username()} lacks the permission {lacking[0]}; whoever manages users can give it."
        raise Problem(403, "Not allowed.", detail, kind="forbidden")
    if not tenants and tenants_of(user) is not None:
        detail = f"This is the installation's own, and {user.get_username()} is of a tenant."
        raise Problem(403, "Not allowed.", detail, kind="forbidden")


FORGED = "With a login, send the value of the cookie csrftoken as the header X-CSRFToken; or use a token."
