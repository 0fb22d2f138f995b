"""Texts that stand encrypted in the database."""

import json
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection
from django.db.models import F

from tasks.sealed import CannotUnseal, Sealed
from tasks.social.models import Account, Business

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

TOKEN = "a-token-that-nobody-may-see-ü"
OTHER = "another-secret-key-that-is-long-enough-0123456789-abcdef"


@pytest.fixture
def account() -> Account:
    business = Business.objects.create(name="Quay")
    return Account.objects.create(business=business, platform="x", external_id="1", access_token=TOKEN)


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM social_account")
        return str(cursor.fetchone()[0])


def test_the_database_has_no_plain_text(account: Account) -> None:
    assert TOKEN not in stored()
    assert Account.objects.get().access_token == TOKEN


def test_the_same_text_never_looks_the_same(account: Account) -> None:
    first = stored()
    account.save()
    assert stored() != first


def test_an_empty_text_stays_empty(account: Account) -> None:
    account.access_token = ""
    account.save()
    assert stored() == ""
    assert Account.objects.get().access_token == ""


def test_it_does_not_show_itself(account: Account) -> None:
    token = Account.objects.get().access_token
    assert isinstance(token, Sealed)
    assert TOKEN not in f"{token!r} { {'token': token} }"


def test_a_former_key_still_reads_and_the_new_one_seals(account: Account, settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OTHER, [settings.SECRET_KEY]
    found = Account.objects.get()
    assert found.access_token == TOKEN
    found.save()
    settings.SECRET_KEY_FALLBACKS = []
    assert Account.objects.get().access_token == TOKEN


def test_without_the_key_it_says_what_to_do(account: Account, settings: Any) -> None:
    settings.SECRET_KEY = OTHER
    found = Account.objects.get()
    with pytest.raises(CannotUnseal, match="SECRET_KEY_FALLBACKS"):
        str(found.access_token)
    before = stored()
    found.save()
    assert stored() == before, "who saves the rest leaves it as it is"


def test_what_was_tampered_with_is_refused(account: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE social_account SET access_token = %s", [stored()[:-6] + "AAAAA="])
    with pytest.raises(CannotUnseal):
        str(Account.objects.get().access_token)


def test_a_dump_has_no_plain_text_and_is_read_back(account: Account) -> None:
    dump = serializers.serialize("json", Account.objects.all())
    assert TOKEN not in json.loads(dump)[0]["fields"].values()
    assert "gAAAA" in dump
    account.delete()
    for row in serializers.deserialize("json", dump):
        row.save()
    assert Account.objects.get().access_token == TOKEN
    assert TOKEN not in stored()
    assert Account.objects.get().refresh_token == ""


def test_what_cannot_be_unsealed_is_dumped_and_read_back_as_it_is(account: Account, settings: Any) -> None:
    key, before = settings.SECRET_KEY, stored()
    settings.SECRET_KEY = OTHER
    dump = serializers.serialize("json", Account.objects.all())
    Account.objects.all().delete()
    for row in serializers.deserialize("json", dump):
        row.save()
    assert stored() == before
    settings.SECRET_KEY = key
    assert Account.objects.get().access_token == TOKEN


@pytest.mark.parametrize(
    "lookup",
    [
        {"access_token": TOKEN},
        {"access_token__in": [TOKEN]},
        {"access_token__contains": "a"},
        {"access_token__gt": ""},
        {"access_token__iexact": ""},
        {"access_token": F("refresh_token")},
    ],
)
def test_it_cannot_be_searched_for(account: Account, lookup: dict[str, Any]) -> None:
    with pytest.raises(FieldError):
        list(Account.objects.filter(**lookup))


def test_one_may_ask_whether_there_is_any(account: Account) -> None:
    assert Account.objects.filter(refresh_token="").exclude(access_token="").get() == account
    assert not Account.objects.filter(access_token__isnull=True).exists()
    assert not Account.objects.filter(access_token=None).exists()
