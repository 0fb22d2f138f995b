"""The page of the REST API and the page that shows a token, in a real browser under our policy of content."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from scheduling import store
from scheduling.models import Queue, Token

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Window = Callable[..., Page]


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_tried_out_by_a_login_is_done(window: Window, width: int) -> None:
    store.ensure_queues()
    page = window(width)
    page.goto("/api/docs")
    operation = page.locator("#operations-queues-pause_queue")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("input[placeholder=name]").fill("default")
    operation.locator("textarea").fill('{"reason": "From the page."}')
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").first).to_have_text("Code")
    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    assert Queue.objects.get(pk="default").paused_reason == "From the page."
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_token_goes_first_on_the_page_too(window: Window) -> None:
    store.ensure_queues()
    page = window()
    page.goto("/admin/scheduling/token/add/")
    page.get_by_label("Name").fill("Reader")
    page.get_by_role("button", name="Save", exact=True).click()
    text = page.get_by_label("Token", exact=True).input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert store.find_token(text) == Token.objects.get(name="Reader")
    page.goto("/api/docs")
    page.get_by_role("button", name="Authorize").click()
    page.locator("#auth-bearer-value").fill(text)
    page.locator(".auth-btn-wrapper .authorize").first.click()
    page.locator(".auth-btn-wrapper .btn-done").first.click()
    with page.expect_response("**/api/v1/queues") as asked:
        operation = page.locator("#operations-queues-list_queues")
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
    assert asked.value.status == 200
    assert asked.value.request.headers["authorization"] == f"Bearer {text}"
    assert Token.objects.get(name="Reader").last_used_at is not None
