"""Who asks too often is told how long to wait; nobody else is; and without a cache, work goes on."""

import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client, override_settings
from pytest_django import Settings

from project.cache import cache as configured
from tests.factories import NOON
from tests.scheduling.api.test_doorkeeper import ADDRESS, make_token, person

pytestmark = pytest.mark.django_db
REDIS = os.environ.get("TEST_REDIS_URL", "rediscache://127.0.0.1:6379/13")


@pytest.fixture(autouse=True)
def three_a_minute(settings: Settings) -> Iterator[None]:
    settings.SCHEDULING = {**settings.SCHEDULING, "API_RATE": 3}
    cache.clear()
    with time_machine.travel(NOON.replace(second=20), tick=False):
        yield
    cache.clear()


def statuses(client: Client, headers: dict[str, str] | None = None, times: int = 4) -> list[int]:
    return [client.get(ADDRESS, headers=headers).status_code for _ in range(times)]


def test_the_fourth_request_within_a_minute_has_to_wait(client: Client) -> None:
    _, header = make_token(person("view_job", "view_worker"))
    assert statuses(client, header) == [200, 200, 200, 429]
    answer = client.get(ADDRESS, headers=header)
    assert (answer["Content-Type"], answer["Retry-After"]) == ("application/problem+json", "40")
    assert "wait 40 s" in answer.json()["detail"]
    with time_machine.travel(NOON.replace(minute=1), tick=False):
        assert client.get(ADDRESS, headers=header).status_code == 200


def test_each_token_has_its_own_count_and_so_has_a_login(client: Client) -> None:
    user = person("view_job", "view_worker")
    assert statuses(client, make_token(user)[1])[-1] == 429
    assert statuses(client, make_token(user)[1]) == [200, 200, 200, 429]
    client.force_login(user)
    assert statuses(client) == [200, 200, 200, 429]


def test_refusals_count_too(client: Client) -> None:
    _, header = make_token(person(), "run")
    assert statuses(client, header) == [403, 403, 403, 429]


def test_zero_is_no_limit(client: Client, settings: Settings) -> None:
    settings.SCHEDULING = {**settings.SCHEDULING, "API_RATE": 0}
    _, header = make_token(person("view_job", "view_worker"))
    assert set(statuses(client, header, 20)) == {200}


def test_who_guesses_tokens_is_slowed_down_and_nobody_else(client: Client) -> None:
    guesses = [client.get(ADDRESS, headers={"Authorization": f"Bearer rota_{each}"}) for each in range(61)]
    assert [guess.status_code for guess in guesses] == [401] * 60 + [429]
    _, header = make_token(person("view_job", "view_worker"))
    assert client.get(ADDRESS, headers=header).status_code == 200


def test_the_limit_holds_where_no_operation_of_ninja_is(client: Client) -> None:
    _, header = make_token(person())
    answers = [client.get("/api/openapi.json", headers=header).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]


def test_without_its_cache_the_api_goes_on_and_says_so(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("redis")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]  # where nobody answers once it is closed
    _, header = make_token(person("view_job", "view_worker"))
    with override_settings(CACHES={"default": configured(f"rediscache://127.0.0.1:{port}/0")}):
        assert set(statuses(client, header)) == {200}
    assert "the cache of CACHE_URL does not answer (ConnectionError)" in caplog.text


def test_a_shared_cache_counts_for_all_web_processes(client: Client) -> None:
    pytest.importorskip("redis")
    where = urlsplit(REDIS)
    try:
        socket.create_connection((where.hostname or "", where.port or 6379), timeout=1).close()
    except OSError:
        pytest.skip(f"No Redis answers at {REDIS}.")
    _, header = make_token(person("view_job", "view_worker"))
    two = [{"default": {**configured(REDIS), "KEY_PREFIX": f"test-{os.getpid()}"}} for _ in range(2)]
    found = []
    for process in (0, 1, 0, 1):
        with override_settings(CACHES=two[process]):  # a connection of its own, as in another process
            found.append(client.get(ADDRESS, headers=header).status_code)
    assert found == [200, 200, 200, 429]
