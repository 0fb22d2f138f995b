"""The admin pages of categories, listings and strange pages."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tasks.classifieds.admin.price_chart import line, points
from tasks.classifieds.models import Category, Change, Listing, StrangePage
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]

LISTING = "/admin/classifieds/listing/"
CATEGORY = "/admin/classifieds/category/"
STRANGE = "/admin/classifieds/strangepage/"
MARKUP = '<script>alert("x")</script>'
HOUR = timedelta(hours=1)

type Login = Callable[..., Client]


@pytest.fixture
def login() -> Login:
    def login(*names: str) -> Client:
        user = User.objects.create(username=f"u{User.objects.count()}", is_staff=True)
        wanted = Permission.objects.filter(content_type__app_label="classifieds", codename__in=names)
        user.user_permissions.add(*wanted)
        client = Client()
        client.force_login(user)
        return client

    return login


@pytest.fixture
def listing() -> Listing:
    """A listing with markup everywhere, whose price has changed twice."""
    category, _ = Category.objects.get_or_create(slug="dacs.8", name="DACs")
    row = make_listing(category, 7, title=MARKUP, seller=MARKUP, ships_to=MARKUP, price=Decimal(900), currency="USD")
    Change.objects.create(listing=row, field="price", old="1,200.00 USD", new="1,000.00 USD", seen_at=NOON + HOUR)
    Change.objects.create(listing=row, field="title", old=MARKUP, new=MARKUP, seen_at=NOON + HOUR)
    Change.objects.create(listing=row, field="price", old="1,000.00 USD", new="900.00 USD", seen_at=NOON + 2 * HOUR)
    return row


def make_listing(category: Category, number: int, **values: Any) -> Listing:
    given = {"path": f"/classifieds/x.{number}/", "title": f"L{number}", "content_hash": "x"} | values
    return Listing.objects.create(
        listing_id=number, category=category, first_seen_at=NOON, last_seen_at=NOON + 4 * HOUR, **given
    )


def test_the_pages_of_a_listing_show_markup_as_text(login: Login, listing: Listing) -> None:
    client = login("view_listing", "view_category")
    for url in (LISTING, f"{LISTING}{listing.pk}/change/"):
        page = client.get(url).content.decode()
        assert MARKUP not in page
        assert "&lt;script&gt;" in page


def test_a_listing_shows_its_price_as_a_line_and_its_changes(login: Login, listing: Listing) -> None:
    page = login("view_listing").get(f"{LISTING}{listing.pk}/change/").content.decode()
    assert "price: 1,200.00 USD → 1,000.00 USD" in page
    assert "<polyline" in page
    assert 'aria-label="From 1,200.00 USD to 900.00 USD"' in page


def test_the_line_goes_down_in_steps(listing: Listing) -> None:
    found = points(listing, list(listing.changes.all()))
    assert [int(price) for _, price in found] == [1200, 1000, 900]
    assert line(found, NOON + 4 * HOUR) == "8.0,8.0 154.0,8.0 154.0,77.3 300.0,77.3 300.0,112.0 592.0,112.0"


def test_prices_in_other_currencies_and_none_are_left_out_of_the_line(listing: Listing) -> None:
    Change.objects.filter(field="price").update(old="", new="5.00 EUR")
    assert points(listing, list(listing.changes.all())) == []


@pytest.mark.parametrize(
    ("path", "is_linked"),
    [
        ("/classifieds/x.7/", True),
        ("@evil.example/classifieds/", False),
        ("/classifieds/../logout", False),
        ("//evil.example/", False),
    ],
)
def test_a_listing_links_to_the_classifieds_and_nowhere_else(
    login: Login, listing: Listing, configured: dict[str, Any], path: str, is_linked: bool
) -> None:
    Listing.objects.update(path=path)
    page = login("view_listing").get(f"{LISTING}{listing.pk}/change/").content.decode()
    assert (f'href="{configured["HEADFI_URL"]}' in page) is is_linked
    assert "evil.example" not in page


def test_lists_ask_no_question_per_row(login: Login, django_assert_max_num_queries: Any) -> None:
    for number in range(12):
        category = Category.objects.create(slug=f"c.{number}", name=f"C{number}")
        make_listing(category, number + 1, price=Decimal(5))
        StrangePage.objects.create(url="u", status=403, why="w", body="b", seen_at=NOON)
    client = login("view_listing", "view_category", "view_strangepage", "change_category")
    for url in (
        LISTING,
        CATEGORY,
        STRANGE,
        f"{LISTING}?category__slug__exact=c.3&q=L4",
        f"{LISTING}?status__exact=sold",
    ):
        with django_assert_max_num_queries(14):
            assert client.get(url).status_code == 200


def test_nobody_changes_a_listing_by_hand(login: Login, listing: Listing) -> None:
    client = login("view_listing", "change_listing")
    assert client.post(f"{LISTING}{listing.pk}/change/", {"title": "Other"}).status_code == 403
    assert client.get(f"{LISTING}add/").status_code == 403
    assert client.post(f"{LISTING}{listing.pk}/delete/", {"post": "yes"}).status_code == 403


def test_whether_a_category_is_watched_is_decided_in_its_list(login: Login) -> None:
    Category.objects.create(slug="dacs.8", name="DACs", scan_path="/classifieds/categories/dacs.8/?page=2")
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-slug": "dacs.8", "_save": "Save"}
    assert login("view_category").post(CATEGORY, form).status_code in {200, 403}
    assert Category.objects.get().is_watched
    assert login("view_category", "change_category").post(CATEGORY, form).status_code == 302
    row = Category.objects.get()
    assert (row.is_watched, row.name, row.scan_path) == (False, "DACs", "/classifieds/categories/dacs.8/?page=2")


def test_a_category_page_changes_nothing_else(login: Login) -> None:
    Category.objects.create(slug="dacs.8", name="DACs")
    url = f"{CATEGORY}dacs.8/change/"
    client = login("view_category", "change_category")
    assert client.get(url).status_code == 200
    assert client.post(url, {"name": "Other", "slug": "x.1"}).status_code == 302
    assert (Category.objects.get().name, Category.objects.get().is_watched) == ("DACs", False)


def test_a_strange_page_is_shown_as_text(login: Login) -> None:
    row = StrangePage.objects.create(url="https://x.example/", status=403, why="w", body=MARKUP, seen_at=timezone.now())
    client = login("view_strangepage")
    page = client.get(f"{STRANGE}{row.pk}/change/").content.decode()
    assert MARKUP not in page
    assert "&lt;script&gt;" in page
    assert client.post(f"{STRANGE}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert (
        login("view_strangepage", "delete_strangepage").post(f"{STRANGE}{row.pk}/delete/", {"post": "yes"}).status_code
        == 302
    )
    assert not StrangePage.objects.exists()


@pytest.mark.parametrize("url", [LISTING, CATEGORY, STRANGE])
def test_without_permission_there_is_no_page(login: Login, url: str) -> None:
    assert login().get(url).status_code == 403
    assert Client().get(url).status_code == 302
