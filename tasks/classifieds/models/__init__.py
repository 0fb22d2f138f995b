"""What we keep: categories, listings and their changes; rules, and what they have matched and told."""

from tasks.classifieds.models.listings import Category, Change, Kind, Listing, ListingStatus, Occasion, StrangePage
from tasks.classifieds.models.rules import Delivery, DeliveryState, ExchangeRate, Filters, Match, Rule

__all__ = [
    "Category",
    "Change",
    "Delivery",
    "DeliveryState",
    "ExchangeRate",
    "Filters",
    "Kind",
    "Listing",
    "ListingStatus",
    "Match",
    "Occasion",
    "Rule",
    "StrangePage",
]
