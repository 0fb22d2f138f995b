"""Filters come before the expression; a rule's own replace the global ones."""

from typing import Any

import pytest

from tasks.classifieds.filters import Effective, global_filters
from tasks.classifieds.models import Filters, Kind, Listing, Rule

LISTING = {
    "kind": Kind.SALE,
    "status": "active",
    "ships_to": "CONUS, Canada",
    "seller_reputation": 5,
    "category_id": "a.1",
}


def passes(listing: dict[str, Any] | None = None, usual: dict[str, Any] | None = None, **own: Any) -> bool:
    return Effective.of(Rule(**own), Filters(**(usual or {}))).passes(Listing(**{**LISTING, **(listing or {})}))


def test_without_filters_everything_passes() -> None:
    assert passes()
    assert passes({"kind": "", "status": "sold", "ships_to": "", "seller_reputation": None})


@pytest.mark.parametrize(
    ("filters", "listing", "expected"),
    [
        ({"listing_types": ["for sale"]}, {}, True),
        ({"listing_types": ["For Sale/Trade"]}, {}, False),
        ({"listing_types": ["For Sale"]}, {"kind": ""}, False),
        ({"ships_to": ["worldwide", "conus"]}, {}, True),
        ({"ships_to": ["Europe"]}, {}, False),
        ({"ships_to": ["Europe"]}, {"ships_to": ""}, True),
        ({"exclude_status": ["active"]}, {}, False),
        ({"exclude_status": ["active"]}, {"status": ""}, False),
        ({"exclude_status": ["sold", "closed"]}, {}, True),
        ({"min_seller_reputation": 5}, {}, True),
        ({"min_seller_reputation": 6}, {}, False),
        ({"min_seller_reputation": 1}, {"seller_reputation": None}, False),
    ],
)
def test_a_filter_says_the_same_for_all_and_for_one(filters: Any, listing: Any, expected: bool) -> None:
    assert passes(listing, usual=filters) is expected
    assert passes(listing, **filters) is expected


@pytest.mark.parametrize(
    ("usual", "off"),
    [
        ({"listing_types": ["Trade Only"]}, {"listing_types": []}),
        ({"ships_to": ["Europe"]}, {"ships_to": []}),
        ({"exclude_status": ["active"]}, {"exclude_status": []}),
        ({"min_seller_reputation": 9}, {"min_seller_reputation": 0}),
    ],
)
def test_a_rule_may_switch_a_global_filter_off(usual: Any, off: Any) -> None:
    assert not passes(usual=usual)
    assert passes(usual=usual, **off)


def test_categories_are_a_rules_own() -> None:
    assert passes(categories=["a.1", "b.2"])
    assert passes(categories=[])
    assert not passes(categories=["b.2"])


@pytest.mark.parametrize("broken", ["text", {"a": 1}, [1, None], 5])
def test_a_broken_column_filters_nothing_and_breaks_nothing(broken: Any) -> None:
    assert passes(listing_types=broken)
    assert passes(ships_to=broken)


def test_what_is_sold_is_left_out_from_the_beginning(db: None) -> None:
    assert global_filters().exclude_status == ["sold", "closed"]
    assert global_filters().pk == global_filters().pk == 1
