"""The addresses outside the admin, and the headers that every answer carries."""

import pytest
from django.test import Client
from pytest_django import Settings


@pytest.mark.parametrize("path", ["/health", "/health/"])
def test_health_answers_without_a_database(client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_health_answers_plain_http_where_all_else_is_redirected(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert Client().get("/health").status_code == 200
    assert Client().get("/admin/")["Location"] == "https://testserver/admin/"


def test_health_only_tells(client: Client) -> None:
    assert client.post("/health").status_code == 405


def test_a_host_that_is_not_ours_is_refused(client: Client) -> None:
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 400


def test_the_root_leads_to_the_admin(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"


@pytest.mark.django_db
def test_a_page_says_what_browsers_may_do_with_it(client: Client) -> None:
    answer = client.get("/admin/login/")

    policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["form-action"] == policy["base-uri"] == "'self'"
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert "http" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
