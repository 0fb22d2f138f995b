"""Whatever is sent, the answer is one that the OpenAPI document names, and never a failure of the server.

Each operation gets requests that fit its description and others that do not, many of them about rows that are there.
Every request finds the same rows, since what it does is taken back.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, reject
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from project.api import api
from scheduling import store
from scheduling.models import Backfill, Calendar, State
from tasks.models import TaskRecord
from tasks.social.models import Account, Business, Post
from tasks.social.schedule import give, plan
from tasks.social.tasks import ALL, sync_all_businesses_job
from tasks.tickets.stages import DAILY
from tests.factories import ECHO, NOON, make_execution, make_job, make_worker
from tests.scheduling.api.test_doorkeeper import make_token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_connection")]

EXAMPLES = 30 if connection.vendor == "sqlite" else 12  # of each kind, for each operation: thousands in all
KINDS = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = [(method, address) for method, address, _ in api.operations()]
HALF = "\ud800"  # of a character: JSON can write it, an address cannot
HOSTILE = ("\x00", "%", "' OR 1=1 --", "../..", "9" * 30, "-1", "1e999", "", "\u202e", "x" * 3000)


SCHEDULE = {"trigger": "cron", "cron": "30 7 * * 1-5", "timezone": "Europe/Berlin"}
SOUND: dict[str, dict[str, Any]] = {  # bodies that hardly come about by chance
    "POST /api/v1/jobs": {"id": "weekly", "task": ECHO, "schedule": SCHEDULE},
    "PATCH /api/v1/jobs/{job_id}": {"schedule": SCHEDULE},
    "POST /api/v1/jobs/{job_id}/run": {"arguments": {"value": 1}},
    "POST /api/v1/jobs/{job_id}/snooze": {"for": 60},
    "POST /api/v1/triggers/preview": {"schedule": SCHEDULE},
    "POST /api/v1/backfills": {"job": "nightly", "first_at": NOON.isoformat(), "last_at": NOON.isoformat()},
    "POST /api/v1/calendars": {"id": "holidays", "name": "Holidays", "country": "DE"},
    "PUT /api/v1/calendars/{calendar_id}": {"name": "Holidays", "country": "DE"},
}


@pytest.fixture
def there() -> dict[str, list[Any]]:
    """Rows of every kind, and how parameters and fields name them."""
    store.ensure_queues()
    job = make_job(id="nightly", tags=["film"], code_definition={"priority": 9}, calendars=["feasts"])
    Calendar.objects.create(id="feasts", name="Feasts", country="DE")
    unused = Calendar.objects.create(id="unused", name="Nobody keeps it")
    failed = make_execution(
        job, state=State.FAILED, scheduled_for=NOON, started_at=NOON, finished_at=NOON, error_message="It broke."
    )
    queued = make_execution(job)
    backfill = Backfill.objects.create(job=job, first_at=NOON, last_at=NOON)
    record = TaskRecord.objects.create(task_name=ECHO, execution=failed, label="film")
    worker = str(make_worker().pk)
    business, account, post = published()
    return {
        **{"job_id": [job.pk], "job": [job.pk], "task": [ECHO], "queue": ["default"], "name": ["default"]},
        **{"execution_id": [queued.pk, failed.pk], "root": [failed.pk], "state": [["failed"]]},
        **{"worker_id": [worker], "worker": [worker], "record_id": [record.pk]},
        **{"backfill_id": [backfill.pk], "backfill": [backfill.pk]},
        **{"calendar_id": [unused.pk, "feasts"], "calendars": [["feasts"]]},
        **{"business_id": [business.pk], "account_id": [account.pk], "post_id": [post.pk]},
        **{"cron": ["30 7 * * 1-5"], "timezone": ["Europe/Berlin"]},
    }


def published() -> tuple[Business, Account, Post]:
    """A business with a schedule and a post; and the job that syncs all."""
    make_job(id=ALL, task=sync_all_businesses_job.module_path, trigger="manual", next_run_time=None)
    business = Business.objects.create(name="Sea Breeze")
    give(business, plan(), by="test", now=NOON)
    account = Account.objects.create(business=business, platform="x", external_id="1", access_token="secret")
    return business, account, Post.objects.create(account=account, platform_post_id="1", seen_at=NOON, read_at=NOON)


@pytest.fixture
def headers(settings: Settings) -> Iterator[dict[str, str]]:
    """Of a superuser, as often as he likes; what is refused is no news here."""
    logging.disable()
    settings.ALLOWED_HOSTS = ["*"]
    settings.SCHEDULING = {**settings.SCHEDULING, "API_RATE": 0}
    settings.SOCIAL = {**settings.SOCIAL, "X_CLIENT_ID": "demo"}
    boss = User.objects.create_superuser("boss")
    yield make_token(boss, "read", "run", "write")[1]
    logging.disable(logging.NOTSET)


@cache
def described() -> BaseSchema:
    """As it is served; once a process, since it is long."""
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema())))
    schema.app = get_wsgi_application()
    return schema


def test_the_document_is_valid_openapi_and_served(client: Client, headers: dict[str, str]) -> None:
    described().validate()
    assert client.get("/api/openapi.json", headers=headers).json() == described().raw_schema


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
@pytest.mark.parametrize(("method", "address"), OPERATIONS, ids=lambda part: part)
def test_no_request_makes_the_server_fail(
    headers: dict[str, str], there: dict[str, list[Any]], method: str, address: str, kind: GenerationMode
) -> None:
    operation = described()[address][method]
    if address.endswith("/retry"):
        there["execution_id"] = there["root"]  # the one that has ended: chance might choose the other each time
    pipeline = make_job(id=DAILY, task="tasks.tickets.tasks.pipeline", trigger="manual", next_run_time=None)
    if address == "/api/tasks/cancel":
        make_execution(pipeline)
    if kind is GenerationMode.NEGATIVE and not (list(operation.iter_parameters()) or operation.body):
        pytest.skip("It takes nothing that could be wrong.")
    seen = Counter[int]()

    @examples(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=kind), data=st.data())
    def ask(case: Case, data: st.DataObject) -> None:
        make_sense(case, SOUND.get(f"{method} {address}", {}), there, data)
        with transaction.atomic():
            try:
                answer = case.call(headers=headers)
            except UnicodeEncodeError:
                reject()  # half a character, which no client could send
            transaction.set_rollback(True)
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    ask()
    if kind is GenerationMode.POSITIVE:
        assert any(200 <= status < 300 for status in seen), f"nothing got through the door: {seen}"


def make_sense(case: Case, sound: dict[str, Any], there: dict[str, list[Any]], data: st.DataObject) -> None:
    """Let the body be sound but for some fields, and some parameters and fields name what is there, or be hostile."""
    if sound and isinstance(case.body, dict) and data.draw(st.integers(0, 3), label="body") < 3:
        overlaid = data.draw(st.sets(st.sampled_from(sorted(case.body)), max_size=2)) if case.body else set()
        case.body = {**sound, **{name: case.body[name] for name in overlaid}}
    parts: tuple[Any, ...] = (case.path_parameters, case.query, case.body)
    for part in parts:
        for name in list(part) if isinstance(part, dict) else ():
            choice = data.draw(st.integers(0, 9), label=name)
            if name in there and choice < 6 and not (part is case.body and name in sound):
                part[name] = data.draw(st.sampled_from(there[name]))
            elif choice == 9 and part is not case.path_parameters:
                part[name] = data.draw(st.sampled_from(HOSTILE if part is case.query else (*HOSTILE, HALF)))
