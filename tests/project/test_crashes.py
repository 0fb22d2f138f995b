"""A page that crashes tells the admins, or whoever debugs it, what happened; never a secret."""

from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.project.start import SECRET, command

CRASH = """
import json, os, sys
import django
django.setup()
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import path

def crash(request):
    channel = dict(settings.SCHEDULING["NOTICE_CHANNELS"])
    password = "from-a-variable"
    padding = ["x" * 4085, settings.SCHEDULING["NOTICE_CHANNELS"]["ops"]]
    try:
        raise KeyError("cannot send on " + settings.SCHEDULING["NOTICE_CHANNELS"]["ops"])
    except KeyError as error:
        raise ValueError("no way to " + settings.SCHEDULING["PINGS"]["nightly"]) from error

from project.urls import urlpatterns as ours
settings.ROOT_URLCONF = "__main__"
urlpatterns = [path("crash", crash), *ours]
page = Client(raise_request_exception=False).post(
    "/crash?colour=teal&token=from-the-address", {"shape": "round", "password": "from-the-form"},
    secure=True, SERVER_NAME="localhost", NOTICE_CHANNEL_OPS=os.environ["NOTICE_CHANNEL_OPS"],
    headers={"Accept": sys.argv[1], "Authorization": "Bearer from-a-header-1", "Cookie": "sessionid=from-a-cookie"},
)
print(page.status_code, page.text)
"""
SECRETS = {
    "NOTICE_CHANNEL_OPS": "discord://417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7",
    "NOTICE_CHANNEL_SHORT": "slack://short-one",
    "PINGS": "nightly=https://hc-ping.example/0123456789abcdef-uuid",
    "PING_SCHEDULER": "https://hc-ping.example/short-two",
    "NOTICE_SECRET": "from-notice-secret",
    "EMAIL_URL": "smtp://me:from-email-url@localhost:2525",
}
HIDDEN = [
    "417429632418316298", "JHZ7lQml277", "short-one", "0123456789abcdef", "short-two", "from-notice-secret", SECRET,
    "from-email-url", "from-a-variable", "from-the-address", "from-the-form", "from-a-header-1", "from-a-cookie",
]  # fmt: skip


def mailed(folder: Path) -> str:
    (mail,) = folder.iterdir()
    read = message_from_string(mail.read_text(), policy=policy.default)
    assert isinstance(read, EmailMessage)
    return f"{read['Subject']}\n{read.get_content()}"


def test_the_mail_of_a_crash_tells_all_but_the_secrets(tmp_path: Path) -> None:
    given = SECRETS | {"ADMINS": "ops@example.org", "EMAIL_URL": f"filemail:///{tmp_path}/mails"}
    ended = command("-c", CRASH, "text/html", **given)
    assert ended.out.startswith("500"), ended.errors
    mail = mailed(tmp_path / "mails")
    assert "no way to ••••••" in mail
    assert "cannot send on ••••••" in mail
    assert "teal" in mail
    assert "round" in mail
    assert "NOTICE_EVERY" in mail
    assert [secret for secret in HIDDEN if secret in mail] == []
    assert [secret for secret in HIDDEN if secret in ended.errors] == []


@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
def test_the_page_of_debug_tells_all_but_the_secrets(kind: str) -> None:
    page = command("-c", CRASH, kind, DEBUG="true", **SECRETS).out
    assert page.startswith("500")
    assert "no way to ••••••" in page
    assert "teal" in page
    assert "NOTICE_EVERY" in page
    assert [secret for secret in HIDDEN if secret in page] == []
