"""What the tests of scheduling share."""

import pytest
from django.db import connections


@pytest.fixture
def kept_connection(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that call perform(): what it closes after a task is a connection in a transaction; here, the test's."""
    monkeypatch.setitem(connections["default"].settings_dict, "AUTOCOMMIT", False)
    monkeypatch.setattr(connections["default"], "close_at", None)
