"""A program that asks the API with a token, within the permissions that a test names."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduling import store

JSON = "application/json"
ALL = ("read", "run", "write")
_numbers = count(1)


class Caller:
    """Asks below /api/v1/."""

    def __init__(self, *permissions: str, scopes: tuple[str, ...] = ALL, superuser: bool = False) -> None:
        self.name = f"caller-{next(_numbers)}"
        self.user = User.objects.create_user(self.name, is_superuser=superuser)
        for each in permissions:
            app, _, codename = each.rpartition(".")
            found = Permission.objects.get(codename=codename, content_type__app_label=app or "scheduling")
            self.user.user_permissions.add(found)
        token, text = store.create_token(self.user, scopes, by="test", now=timezone.now())
        self.who = f"{self.name} ({token.hint}…)"  # as the record has it
        self.headers = {"Authorization": f"Bearer {text}"}
        self.client = Client()

    def get(self, path: str, **query: Any) -> Any:
        accept = query.pop("accept", JSON)
        return self.client.get(_address(path), query, headers={**self.headers, "Accept": accept})

    def post(self, path: str, **body: Any) -> Any:
        """Without any body if nothing is given."""
        if not body:
            return self.client.generic("POST", _address(path), headers=self.headers)
        return self.client.post(_address(path), body, content_type=JSON, headers=self.headers)

    def put(self, path: str, **body: Any) -> Any:
        return self.client.put(_address(path), body, content_type=JSON, headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(_address(path), headers=self.headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Any request; `If_Match="…"` is the header If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = "" if body is None else json.dumps(body)
        address, given = _address(path), {**self.headers, **named}
        return self.client.generic(method, address, content, content_type=JSON, headers=given)

    def pages(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The items of all pages, from the first cursor to the last."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, **query).json()
            found += page["items"]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]


def ids(answer: Any) -> list[Any]:
    """The ids of the rows in the answer of a list, in order."""
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["items"]]


def wrong_fields(answer: Any) -> list[str]:
    """The fields that a refusal names."""
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return [each["field"] for each in answer.json()["errors"]]


def queries(ask: Callable[[], Any]) -> int:
    """How many queries it takes; asked once before, so that what is remembered does not count."""
    ask()
    with CaptureQueriesContext(connection) as found:
        assert ask().status_code == 200
    return len(found)


def _address(path: str) -> str:
    return path if path.startswith("/") else f"/api/v1/{path}"
