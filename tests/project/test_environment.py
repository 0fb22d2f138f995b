"""How a text from the environment becomes a value, and which texts are refused."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from project import environment


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment; the tests set X in it."""
    monkeypatch.delenv("X", raising=False)
    return monkeypatch


def test_an_empty_value_counts_as_not_given(given: pytest.MonkeyPatch) -> None:
    given.setenv("X", "  ")

    assert environment.text("X", "default") == "default"
    assert environment.flag("X", True) is True
    assert environment.integer("X", 7) == 7


@pytest.mark.parametrize(("text", "value"), [("Yes", True), ("1", True), ("off", False), ("FALSE", False)])
def test_a_switch_is_read_in_the_usual_words(given: pytest.MonkeyPatch, text: str, value: bool) -> None:
    given.setenv("X", text)

    assert environment.flag("X", not value) is value


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "11", "ten", "1e400"])
def test_a_number_that_cannot_be_meant_is_refused(given: pytest.MonkeyPatch, text: str) -> None:
    given.setenv("X", text)

    with pytest.raises(ImproperlyConfigured, match=r"^X must be"):
        environment.number("X", 1, least=0, most=10)


def test_half_a_slot_is_refused(given: pytest.MonkeyPatch) -> None:
    given.setenv("X", "1.5")

    with pytest.raises(ImproperlyConfigured, match=r"whole number, not 1\.5"):
        environment.integer("X", 1)


def test_queues_are_read_with_executor_and_slots(given: pytest.MonkeyPatch) -> None:
    given.setenv("X", " default = processes : 2 ,light=threads:16,")

    assert environment.queues("X", "") == {
        "default": {"executor": "processes", "slots": 2},
        "light": {"executor": "threads", "slots": 16},
    }


@pytest.mark.parametrize(
    "text",
    [
        "default",
        "default=processes",
        "default=processes:0",
        "default=processes:9999",
        "default=fibers:4",
        "light=threads:4",
        "Default=threads:4",
        "default=threads:4, default=threads:4",
        "default=threads:4; light=threads:4",
    ],
)
def test_queues_that_cannot_be_meant_are_refused(given: pytest.MonkeyPatch, text: str) -> None:
    given.setenv("X", text)

    with pytest.raises(ImproperlyConfigured, match=r"^X "):
        environment.queues("X", "")


@pytest.mark.parametrize("text", ["trakt.tv", "ftp://trakt.tv", "https://", "https://trakt.tv:port", "https://[::1"])
def test_an_address_without_scheme_or_host_is_refused(given: pytest.MonkeyPatch, text: str) -> None:
    given.setenv("X", text)

    with pytest.raises(ImproperlyConfigured, match="http://"):
        environment.address("X", "https://api.trakt.tv")


def test_an_address_loses_its_last_slash(given: pytest.MonkeyPatch) -> None:
    given.setenv("X", "https://api.trakt.tv/")

    assert environment.address("X", "") == "https://api.trakt.tv"


def test_a_file_in_a_folder_that_is_not_there_is_refused(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.setenv("X", "logs/scheduler.log")

    with pytest.raises(ImproperlyConfigured, match="does not exist"):
        environment.file_path("X", "", tmp_path)


def test_a_relative_file_is_seen_from_the_root(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.setenv("X", "scheduler.log")

    assert environment.file_path("X", "", tmp_path) == tmp_path / "scheduler.log"


@pytest.mark.parametrize("module", ["no_such_module", "no_such_package.module", "project.no_such_module"])
def test_a_setting_whose_package_is_missing_tells_what_to_install(module: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^X is set, but .* is not installed; .*: pip install 'it>=2'$"):
        environment.package("X", module, "'it>=2'")


def test_a_setting_whose_package_is_there_is_taken() -> None:
    environment.package("X", "sentry_sdk", "'it>=2'")
