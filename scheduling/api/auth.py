"""Who may come in: a token within its scopes, or a login with CSRF; either way the user's permissions apply."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from ninja.security import APIKeyCookie, HttpBearer

from scheduling import store
from scheduling.api.limits import FAILURES, spend
from scheduling.api.problems import LOG_IN, UNAUTHENTICATED, Problem, answer
from scheduling.models import Scope

View = Callable[..., HttpResponseBase]


class TokenAuth(HttpBearer):
    """`Authorization: Bearer rota_…`"""

    def __init__(self, permissions: tuple[str, ...], scope: Scope) -> None:
        super().__init__()
        self.permissions = permissions
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """The token's user. Raises Problem: 401 if the token does not count, 403 if it may not do this."""
        now, address = timezone.now(), request.META.get("REMOTE_ADDR")
        found = store.find_token(token)
        refusal = found.refusal(now) if found else "This token is not known here."
        if found is None or refusal:
            spend(f"failures-{address}", FAILURES)
            said = {"WWW-Authenticate": f'{UNAUTHENTICATED["WWW-Authenticate"]}, error="invalid_token"'}
            raise Problem(401, "The token does not count.", refusal, kind="invalid-token", headers=said)
        if self.scope not in found.scopes:
            said = {"WWW-Authenticate": f'Bearer realm="rota", error="insufficient_scope", scope="{self.scope}"'}
            detail = f"The token {found} has the scopes {', '.join(found.scopes)}; this needs {self.scope}."
            raise Problem(403, "The token may not do this.", detail, kind="insufficient-scope", headers=said)
        _permit(found.user, self.permissions)
        store.use_token(found, now=now, address=address)
        request.user = found.user
        request.spender = f"token-{found.pk}"  # type: ignore[attr-defined]
        return found.user


class LoginAuth(APIKeyCookie):
    """The session of someone who logged in at the admin; what changes something needs the CSRF token too."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, permissions: tuple[str, ...]) -> None:
        super().__init__(csrf=True)
        self.permissions = permissions

    def __call__(self, request: HttpRequest) -> Any:
        """Without a session there is nothing to forge: that is a 401, not a failed CSRF check."""
        return super().__call__(request) if request.user.is_authenticated else None

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        _permit(request.user, self.permissions)
        return request.user


def needs(*permissions: str, scope: Scope) -> list[Any]:
    """The `auth` of an operation: whoever comes must have all `permissions`, and a token the `scope`."""
    return [TokenAuth(permissions, scope), LoginAuth(permissions)]


def guarded(*permissions: str, scope: Scope = Scope.READ) -> Callable[[View], View]:
    """The same doorkeeper for a plain view."""

    def decorate(view: View) -> View:
        @wraps(view)
        def doorkeeper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refused = _refused(request, needs(*permissions, scope=scope))
            return refused or view(request, *args, **kwargs)

        return doorkeeper

    return decorate


def _refused(request: HttpRequest, ways: list[Any]) -> HttpResponse | None:
    try:
        if any(way(request) for way in ways):
            return None
        raise Problem(401, "Who is asking?", LOG_IN, kind="login", headers=UNAUTHENTICATED)
    except Problem as problem:
        return answer(request, problem)


def _permit(user: Any, permissions: tuple[str, ...]) -> None:
    lacking = [each for each in permissions if not user.has_perm(each)]
    if lacking:
        detail = f"{user.get_username()} lacks the permission {lacking[0]}; whoever manages users can give it."
        raise Problem(403, "Not allowed.", detail, kind="forbidden")
