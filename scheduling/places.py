"""The public holidays of the world's countries: the only module that knows the library `holidays`."""

from datetime import date
from functools import lru_cache

import holidays
from holidays import registry

LANGUAGE = "en_US"  # as far as a country's holidays are told in it
SMALL = {"and", "of", "the", "da"}  # words in names of countries


@lru_cache(maxsize=1)
def countries() -> dict[str, str]:
    """The names of all known countries by their codes, in alphabetical order: {"AF": "Afghanistan", …}."""
    return {codes[1]: _name(key) for key, codes in sorted(registry.COUNTRIES.items())}


def holidays_of(country: str, subdivision: str, year: int) -> dict[date, str]:
    """The days off of that year with their names, observed ones included; none for a place that is not known."""
    return _holidays(country, subdivision, year) if country in countries() else {}


def read_subdivision(country: str, text: str) -> str:
    """The code of the state or region that `text` names: "by" and "Bayern" are BY in DE.

    Raises ValueError, with those that there are.
    """
    known = _subdivisions(country)
    wanted = text.strip().casefold()
    for code, names in known.items():
        if wanted in (code.casefold(), *(name.casefold() for name in names)):
            return code
    country_name = countries()[country]
    if not known:
        raise ValueError(f"{country_name} has no subdivisions with holidays of their own; leave it empty.")
    told = ", ".join(f"{code} ({names[0]})" if names else code for code, names in known.items())
    raise ValueError(f"{country_name} has no subdivision {text!r}; write one of: {told}.")


@lru_cache(maxsize=1024)
def _holidays(country: str, subdivision: str, year: int) -> dict[date, str]:
    entity = _entity(country)
    if not entity.start_year <= year <= entity.end_year or subdivision not in ("", *_subdivisions(country)):
        return {}
    return dict(holidays.country_holidays(country, subdivision or None, years=year, expand=False, language=LANGUAGE))


@lru_cache(maxsize=64)
def _entity(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country)


def _subdivisions(country: str) -> dict[str, list[str]]:
    """The names of each subdivision by its code."""
    return _entity(country).get_subdivision_aliases()


def _name(key: str) -> str:
    first, *others = key.split("_")
    return " ".join([first.capitalize(), *(word if word in SMALL else word.capitalize() for word in others)])
