"""The demo: what it leaves for a newcomer, and the mails that it shows."""

import smtplib
import socket
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone

from scheduling.models import Execution
from tasks.audiobooks.models import Genre
from tasks.classifieds.models import Rule
from tasks.demo.cast import Cast, mailbox
from tasks.demo.furniture import BOOKS_FIRST, furnish
from tasks.demo.mailbox import Mailbox
from tasks.demo.upstream import Clock, Request
from tasks.social.models import Account, Business
from tasks.tickets.models import Ticket
from tasks.tickets.stages import DAILY

PAGE = Request("GET", "/mail", "/mail", {}, {}, b"")


@pytest.fixture
def port() -> int:
    """One that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def demo(settings: Any, port: int) -> None:
    here = "http://127.0.0.1:1"
    site = {"DISCORD_WEBHOOK_URL": f"{here}/api/webhooks/1/demo", "CONTACT": "demo", "HEADFI_URL": here}
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, **site, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": port}
    account = {"ZENDESK_URL": here, "ZENDESK_SUBDOMAIN": "demo", "ZENDESK_OAUTH_TOKEN": "demo"}
    settings.TICKETS = {**settings.TICKETS, **account}
    settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, "CONTACT": "demo", "LIBRIVOX_URL": f"{here}/librivox"}
    settings.SOCIAL = {**settings.SOCIAL, "X_URL": f"{here}/x/2", "X_CLIENT_ID": "demo"}


def test_it_leaves_rules_and_a_first_run_once(demo: None, db: None) -> None:
    cast = Cast(Clock())
    furnish(cast)
    furnish(cast)
    assert Rule.objects.filter(channels=["discord", "mail"]).count() == 2
    assert Execution.objects.filter(job=DAILY).count() == 1
    assert Genre.objects.filter(is_enabled=True).count() == 3
    assert Execution.objects.filter(job__in=BOOKS_FIRST).count() == len(BOOKS_FIRST)
    assert Account.objects.count() == 8
    assert Execution.objects.filter(job="sync_all_businesses").count() == 1


def test_it_leaves_alone_what_is_there(demo: None, db: None) -> None:
    now = timezone.now()
    Rule.objects.create(name="Mine", expression="price < 5")
    Ticket.objects.create(ticket_id=1, opened_at=now, changed_at=now, generated_at=1, content_hash="", synced_at=now)
    Business.objects.create(name="Mine")
    Genre.objects.create(name="Mine")
    furnish(Cast(Clock()))
    assert Rule.objects.count() == Business.objects.count() == 1
    assert not Genre.objects.filter(is_enabled=True).exists()
    assert not Execution.objects.exists()


def test_it_leaves_nothing_where_real_services_are_configured(db: None) -> None:
    furnish(Cast(Clock()))
    assert mailbox() is None
    assert not Rule.objects.exists()
    assert not Execution.objects.exists()


def test_mails_are_taken_and_shown_escaped(port: int) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "demo@localhost", "newcomer@localhost", "A <b>DAC</b>"
    mail.set_content("It is <i>new</i>.")
    with Mailbox(port) as box:
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as smtp:
            smtp.login("demo@localhost", "demo")
            smtp.send_message(mail)
        shown = box.reply(PAGE).body.decode()
    assert "A &lt;b&gt;DAC&lt;/b&gt;" in shown
    assert "It is &lt;i&gt;new&lt;/i&gt;." in shown


def test_only_the_demo_may_send_mails(port: int) -> None:
    with Mailbox(port), smtplib.SMTP("127.0.0.1", port, timeout=5) as smtp, pytest.raises(smtplib.SMTPException):
        smtp.login("demo@localhost", "other")
