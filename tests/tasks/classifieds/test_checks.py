"""What `manage.py check` says about the settings of the classifieds, and which files of selectors it takes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.classifieds.checks import check_settings
from tasks.classifieds.markup import OURS, UnusableMarkup, load, read

pytestmark = pytest.mark.usefixtures("configured")


def ours() -> dict[str, Any]:
    return dict(yaml.safe_load(OURS.read_text()))


def test_good_settings_are_not_talked_of() -> None:
    assert check_settings() == []


def test_the_file_that_comes_with_rota_has_ten_categories() -> None:
    assert len(load().categories) == 10


def test_another_file_is_used_where_it_is_named(tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({**ours(), "categories": {"dacs.8": "Converters"}}))
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "HEADFI_FILE": str(file)}
    assert check_settings() == []
    assert load(str(file)).categories == {"dacs.8": "Converters"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is no YAML"),
        ("!!python/object/apply:os.system ['true']", "is no YAML"),
        ("[]", "must be a mapping"),
        ("x" * 200_000, "bigger than"),
    ],
)
def test_a_file_that_is_none_is_an_error(tmp_path: Path, settings: Any, text: str, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "HEADFI_FILE": str(file)}
    (error,) = check_settings()
    assert (error.id, said in error.msg) == ("classifieds.E001", True)


def test_a_file_that_is_missing_is_an_error(tmp_path: Path, settings: Any) -> None:
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "HEADFI_FILE": str(tmp_path / "none.yaml")}
    (error,) = check_settings()
    assert "cannot be read: No such file" in error.msg


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"categories": {}}, "1 to 100"),
        ({"categories": {"../x": "X"}}, "no slug"),
        ({"categories": {"dacs.8": ""}}, "the name of dacs.8"),
        ({"selectors": {"title": ".x"}}, "selectors has no cover"),
        ({"selectors": {**ours()["selectors"], "title": "a["}}, "selectors.title is no CSS selector"),
        ({"selectors": {**ours()["selectors"], "title": 5}}, "selectors.title must be a text"),
        ({"selectors": {**ours()["selectors"], "titel": "a"}}, "'titel', which means nothing here"),
        ({"pairs": {"ship": "listing_id"}}, "pairs must lead"),
        ({"over": {"gone": "deleted"}}, "over must lead"),
        ({"currencies": ["US$"]}, "currencies must be"),
        ({"currencies": "USD"}, "currencies must be"),
        ({"signs": {"$": "XXX"}}, "signs must lead"),
        ({"seller_prefix": None, "pairs": []}, "pairs must be a mapping"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UnusableMarkup) as caught:
        read({**ours(), **change})
    assert said in str(caught.value)


def test_a_browser_that_is_not_there_is_an_error(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "FETCHER": "browser", "CHROMIUM": "/no/such/chromium"}
    monkeypatch.setattr("tasks.classifieds.checks.find_spec", lambda _: None)
    assert [error.id for error in check_settings()] == ["classifieds.E002", "classifieds.E003"]
