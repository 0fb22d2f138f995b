"""What platforms tell becomes figures, whatever it is."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.social import figures as words
from tasks.social.facebook import parse_figures as of_facebook
from tasks.social.figures import LONGEST_RAW, Figures, Listed, Trouble
from tasks.social.instagram import parse_figures as of_instagram
from tasks.social.linkedin import parse_figures as of_linkedin
from tasks.social.x import parse_figures as of_x

POST = Listed(post_id="1", kind="post")


def nothing(*odd: Any) -> list[tuple[Any, None]]:
    """Values of which nothing is made."""
    return [(value, None) for value in odd]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        (0, 0),
        (7.0, 7),
        (2**63 - 1, 2**63 - 1),
        *nothing(None, True, -1, 2**63, "many", "", [], {}, float("nan"), float("inf"), "9" * 5000),
    ],
)
def test_numbers_are_counted_and_nothing_else_is(value: Any, number: int | None) -> None:
    assert words.count(value) == number


@pytest.mark.parametrize(
    ("value", "share"),
    [
        (0.069, 0.069),
        ("0.5", 0.5),
        (0, 0),
        *nothing(None, True, -0.1, "x", float("nan"), "1e999", []),
    ],
)
def test_a_ratio_is_a_number(value: Any, share: float | None) -> None:
    assert words.ratio(value) == share


def test_engagement_is_made_of_what_is_told() -> None:
    assert words.engagement({"impressions": 200, "likes": 10, "comments": None}) == 0.05
    assert words.engagement({"impressions": 200, "likes": 10}, 20) == 0.1
    assert words.engagement({"impressions": 200}) is None
    assert words.engagement({"impressions": 0, "likes": 1}) is None
    assert words.engagement({"likes": 1}) is None


@pytest.mark.parametrize(
    ("value", "when"),
    [
        ("2026-09-10T10:00:00.000Z", datetime(2026, 9, 10, 10, tzinfo=UTC)),
        ("2026-09-10T12:00:00+0200", datetime(2026, 9, 10, 10, tzinfo=UTC)),
        ("2026-09-10T10:00:00", datetime(2026, 9, 10, 10, tzinfo=UTC)),
        (1_789_034_400_000, datetime(2026, 9, 10, 10, tzinfo=UTC)),
        ("1789034400000", datetime(2026, 9, 10, 10, tzinfo=UTC)),
        *nothing(None, "", "soon", [], {}, 10**30, -(10**30), float("nan")),
    ],
)
def test_moments_are_read_from_both_ways_of_writing_them(value: Any, when: datetime | None) -> None:
    assert words.moment(value) == when


@pytest.mark.parametrize(
    "odd", [None, "", "a b", "../x", "a/b", "a,b", "a&b", "ü", "x" * 101, True, [], {}, 1.5, "\x00"]
)
def test_what_may_not_stand_in_an_address_is_no_id(odd: Any) -> None:
    with pytest.raises(ValueError, match="no id"):
        words.identity(odd)


def test_ids_are_texts() -> None:
    assert words.identity(2**53 + 1) == "9007199254740993"
    assert words.identity("urn:li:share:71") == "urn:li:share:71"


def test_texts_are_such_as_every_database_takes() -> None:
    assert words.text("a\0b\ud800") == "a␀b?"
    assert words.text("京" * 5000) == "京" * words.LONGEST_TEXT
    assert words.text(7) == words.text(None) == ""


@pytest.mark.parametrize("odd", ["javascript:alert(1)", "//x", "data:x", None, 7, "https://x/" + "y" * 600])
def test_only_an_address_of_the_web_is_kept(odd: Any) -> None:
    assert words.address(odd) == ""
    assert words.address("https://www.instagram.com/p/1/") == "https://www.instagram.com/p/1/"


@pytest.mark.parametrize(
    "odd",
    [
        {"a": "x" * LONGEST_RAW},
        {"a": "\0"},
        {"a": ["\ud800"]},
        {"a": float("inf")},
        {"a": [float("nan")]},
        {"a": {1, 2}},
        {"a": 10**5000},
        {"a": json.loads("[" * 40 + "]" * 40)},
    ],
)
def test_of_figures_that_no_database_takes_the_numbers_are_kept(odd: dict[str, Any]) -> None:
    assert words.storable({**odd, "likes": "7"}) == {"likes": 7}


def test_linkedin_tells_its_own_ratio() -> None:
    told = of_linkedin(
        {
            "impressionCount": 1200,
            "uniqueImpressionsCount": "810",
            "clickCount": 31,
            "likeCount": None,
            "engagement": 0.07,
        }
    )
    assert isinstance(told, Figures)
    assert (told.impressions, told.reach, told.clicks, told.likes, told.engagement) == (1200, 810, 31, None, 0.07)
    assert isinstance(of_linkedin(None), Trouble)


def test_x_tells_its_author_more() -> None:
    public = {"retweet_count": 5, "quote_count": 1, "reply_count": 2, "like_count": 23, "impression_count": 100}
    told = of_x({"id": "1", "public_metrics": public, "non_public_metrics": {"url_link_clicks": 9, "engagements": 45}})
    assert (told.shares, told.comments, told.likes, told.clicks, told.engagement) == (6, 2, 23, 9, 0.45)
    assert of_x({"id": "1", "public_metrics": "none", "organic_metrics": {"stars": 1}}).unknown == {"stars"}


def test_facebook_sums_up_reactions() -> None:
    told = of_facebook(
        POST, {"post_media_view": 340, "post_reactions_by_type_total": {"like": 8, "love": "1", "x": None}}
    )
    assert (told.impressions, told.likes, told.shares) == (340, 9, None)
    listed = Listed(post_id="1", told={"reactions": 4, "comments": 2, "shares": 1})
    told = of_facebook(listed, {"post_reactions_by_type_total": []})
    assert (told.likes, told.comments, told.shares, told.impressions) == (4, 2, 1, None)


def test_instagram_falls_back_on_what_the_list_tells() -> None:
    reel = Listed(post_id="1", kind="REELS", told={"like_count": 3, "comments_count": 1})
    told = of_instagram(reel, {"views": 50, "total_interactions": 5})
    assert (told.video_views, told.likes, told.comments, told.saves, told.engagement) == (50, 3, 1, None, 0.1)
    assert of_instagram(reel, {}).impressions is None
