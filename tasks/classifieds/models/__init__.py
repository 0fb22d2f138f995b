"""What we keep: categories, listings and their changes; rules, and what they have matched and told."""

from tasks.classifieds.models.listings import (
    LONGEST_PAGE,
    Category,
    Change,
    Kind,
    Listing,
    ListingStatus,
    Occasion,
    Pause,
    ScanClaim,
    StrangePage,
)
from tasks.classifieds.models.rules import (
    ClosedChannel,
    Delivery,
    DeliveryState,
    ExchangeRate,
    Filters,
    Match,
    Rule,
)

__all__ = [
    "LONGEST_PAGE",
    "Category",
    "Change",
    "ClosedChannel",
    "Delivery",
    "DeliveryState",
    "ExchangeRate",
    "Filters",
    "Kind",
    "Listing",
    "ListingStatus",
    "Match",
    "Occasion",
    "Pause",
    "Rule",
    "ScanClaim",
    "StrangePage",
]
