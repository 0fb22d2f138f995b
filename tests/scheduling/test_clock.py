"""The clock of the database's server is everyone's clock."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from scheduling.clock import Clock

pytestmark = pytest.mark.django_db


def test_without_a_difference_the_time_is_this_hosts() -> None:
    clock = Clock()
    clock.compare()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=0.5)
    assert clock.now().tzinfo is UTC


def test_a_host_whose_clock_is_wrong_goes_by_the_databases() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no clock but ours")
    clock, right = Clock(), datetime.now(UTC)
    with time_machine.travel(right + timedelta(hours=1)):
        assert abs(clock.compare() + timedelta(hours=1)) < timedelta(seconds=5)
        assert abs(clock.now() - right) < timedelta(seconds=5)
    assert clock.compare() == timedelta()
