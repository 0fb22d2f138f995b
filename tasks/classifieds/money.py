"""Rates: amounts of different currencies side by side, by the stored and dated exchange rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext

from tasks.classifieds.facts import Money
from tasks.classifieds.models import ExchangeRate

STALE_AFTER = timedelta(days=30)
BASE = "USD"  # what the stored rates are in
EXACT = Context(prec=80)  # no amount and rate that can be stored is rounded


@dataclass(slots=True)
class Rates:
    """What a unit of each currency is worth; notes which were asked for, so that their age can be told."""

    in_usd: Mapping[str, Decimal]
    as_of: Mapping[str, date] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)

    @classmethod
    def stored(cls) -> "Rates":
        rows = list(ExchangeRate.objects.all())
        return cls({row.currency: row.in_usd for row in rows}, {row.currency: row.as_of for row in rows})

    def sides(self, one: Money, other: Money) -> tuple[Decimal, Decimal] | None:
        """Two numbers that compare as the amounts do; None if a currency or its rate is not known."""
        if not one.currency or not other.currency:
            return None
        if one.currency == other.currency:
            return one.amount, other.amount
        first, second = self._rate(one.currency), self._rate(other.currency)
        if first is None or second is None:
            return None
        with localcontext(EXACT):
            return one.amount * first, other.amount * second

    def doubts(self, today: date) -> list[str]:
        """Sentences on the rates that were asked for: those that are missing, and those that are old."""
        missing = [
            f"There is no exchange rate of {currency}: amounts in it count as unknown."
            for currency in sorted(self.lacking)
        ]
        old = [
            f"The exchange rate of {currency} is {(today - self.as_of[currency]).days} days old."
            for currency in sorted(self.used)
            if currency in self.as_of and today - self.as_of[currency] > STALE_AFTER
        ]
        return missing + old

    def _rate(self, currency: str) -> Decimal | None:
        if currency == BASE:
            return Decimal(1)
        found = self.in_usd.get(currency)
        (self.lacking if found is None else self.used).add(currency)
        return found
