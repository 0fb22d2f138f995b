"""The form of a rule in a real browser: a mistake is shown where it is, then what the rule finds, and it is saved."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tasks.classifieds.models import Filters, Rule
from tests.tasks.classifieds.rules.conftest import make_listing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Window = Callable[..., Page]
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def listings(transactional_db: None) -> None:
    Filters.objects.create(pk=1, listing_types=["For Sale"])
    for number in range(7):
        make_listing(f"ACME HP-900 number {number} {EVIL if number == 3 else ''}")
    make_listing("Something else entirely")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_rule_is_written(window: Window, listings: None, configure: Any, width: int) -> None:
    configure(DISCORD_WEBHOOK_URL="https://discord.example/api/webhooks/1/x")
    page = window(width)
    page.goto("/admin/classifieds/rule/add/")
    page.locator("#id_name").fill("Any HP-900")
    expression = page.locator("#id_expression")
    expression.fill('title contains "hp-900"\nAND prise < 1000')
    expect(page.get_by_text("Line 2, column 5: prise is no field. Did you mean price?")).to_be_visible()
    expect(page.locator("mark")).to_have_text("prise")
    page.get_by_role("button", name="Go there").click()
    page.keyboard.type("price")
    expect(expression).to_have_value('title contains "hp-900"\nAND price < 1000')
    expect(page.get_by_text("It would have matched 7 of the latest 8 listings.")).to_be_visible()
    expect(page.get_by_role("link", name="ACME HP-900 number 3 <script>")).to_be_visible()
    page.get_by_label("Discord").check()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/classifieds/rule/")
    rule = Rule.objects.get()
    assert (rule.name, rule.channels, rule.listing_types) == ("Any HP-900", ["discord"], None)
    assert rule.expression == 'title contains "hp-900"\nAND price < 1000'
