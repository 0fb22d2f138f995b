"""Settings that stop this workload from running, said at start."""

from importlib.util import find_spec
from typing import Any

from django.core.checks import CheckMessage, Error, register

from tasks.classifieds.conf import options
from tasks.classifieds.markup import UnusableMarkup, load


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    """Silent about what is not in use."""
    found = options()
    problems: list[CheckMessage] = []
    try:
        load(found.headfi_file)
    except UnusableMarkup as error:
        hint = "Mend the file that HEADFI_FILE names, or leave that setting empty."
        problems.append(Error(f"Categories and selectors: {error}", hint=hint, id="classifieds.E001"))
    if found.fetcher == "browser":
        problems += _check_browser(found.browser_program)
    return problems


def _check_browser(program: str | None) -> list[CheckMessage]:
    """What FETCHER=browser needs."""
    problems: list[CheckMessage] = []
    if find_spec("playwright") is None:
        hint = "Install it with: pip install 'rota[browser]'"
        problems.append(Error("FETCHER is browser, and Playwright is not installed.", hint=hint, id="classifieds.E002"))
    if program is None:
        hint = "Install the package chromium, or say in CHROMIUM where it is."
        problems.append(Error("FETCHER is browser, and there is no Chromium.", hint=hint, id="classifieds.E003"))
    return problems
