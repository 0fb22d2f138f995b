"""Which offer is the book that is meant."""

import pytest

from tasks.audiobooks.matching import Offer, Wanted, bare, choose, same_name

WANTED = Wanted(title="Tides of Salt", authors=["Ada B. Writer"])


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ("Tides of Salt", "TIDES OF SALT"),
        ("Tides of Salt (version 2)", "Tides of Salt"),
        ("The Tides of Salt", "Tides of Salt"),
        ("Tides of Salt, The", "Tides of Salt"),
        ("Tides of Salt: A Novel of the Sea", "Tides of Salt"),
        ("Tides of Salt; or, The Ferryman", "Tides of Salt"),
        ("Les Misérables", "les miserables"),
        ("Größer", "Grosser"),
        ("水の階段", "水の階段"),
        ("Travels, Vol. II", "Travels, Volume 2"),
    ],
)
def test_titles_are_the_same_however_they_are_written(wanted: str, offered: str) -> None:
    assert choose(Wanted(title=wanted, authors=["A. Writer"]), [Offer(title=offered, authors=["A. Writer"])]) == 0


def test_another_subtitle_is_refused() -> None:
    wanted = Wanted(title="Sherlock Holmes: The Sign of Four", authors=["A. Writer"])
    titles = ("Sherlock Holmes: A Study in Scarlet", "Sherlock Holmes - The Sign of Four")
    assert choose(wanted, [Offer(title=title, authors=["A. Writer"]) for title in titles]) == 1


@pytest.mark.parametrize("offered", ["Tides", "Tides of Salt and Sand", "", "Travels", "Salt of Tides"])
def test_another_title_is_refused(offered: str) -> None:
    assert choose(WANTED, [Offer(title=offered, authors=["Ada B. Writer"])]) is None


def test_volumes_are_told_apart() -> None:
    wanted = Wanted(title="Travels, Vol. 2", authors=["A. Writer"])
    offers = [Offer(title=f"Travels, Vol. {number}", authors=["A. Writer"]) for number in (1, 2, 3)]
    assert choose(wanted, offers) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada Writer", "A. Writer", True),
        ("Ada Writer", "Writer, Ada", True),
        ("Ada B. Writer", "Ada Writer", True),
        ("Ada B. Writer", "Ada C. Writer", False),
        ("Ada Bea Writer", "A. B. Writer", True),
        ("Sir Arthur Writer", "Arthur Writer", True),
        ("Émile Sarre", "Emile Sarre", True),
        ("Writer, Ada, 1851-1910", "Ada Writer", True),
        ("Ada Writer", "Bela Writer", False),
        ("Ada Writer", "Writer", False),
        ("Ada Writer", "Ada Reader", False),
        ("Homer", "Homer", True),
        ("", "", False),
        ("Sir", "Sir", True),
    ],
)
def test_names_of_one_person(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same
    assert same_name(other, one) is same


def test_somebody_elses_book_of_that_title_is_refused_however_known() -> None:
    assert choose(WANTED, [Offer(title="Tides of Salt", authors=["Bela Other"], weight=900)]) is None


def test_one_of_several_authors_is_enough() -> None:
    wanted = Wanted(title="Tides of Salt", authors=["Ada Writer", "Bela Other"])
    assert choose(wanted, [Offer(title="Tides of Salt", authors=["Third Person", "Bela Other"])]) == 0


def test_without_an_author_nobody_is_refused_and_without_a_title_everybody() -> None:
    assert choose(Wanted(title="Tides of Salt"), [Offer(title="Tides of Salt", authors=["Who Ever"])]) == 0
    assert choose(Wanted(title="…", authors=["A. Writer"]), [Offer(title="…", authors=["A. Writer"])]) is None


def test_the_same_recording_goes_for_the_title_but_not_for_the_author() -> None:
    wanted = Wanted(title="Gezeiten", authors=["Ada Writer"], recordings=["7"])
    offers = [Offer(title="Tides", authors=[name], recordings=["7", "8"]) for name in ("Bela Other", "A. Writer")]
    assert choose(wanted, offers) == 1


def test_of_several_the_best_is_taken() -> None:
    def offer(key: str, name: str = "A. Writer", weight: int = 0, recordings: tuple[str, ...] = ()) -> Offer:
        return Offer(title="Tides of Salt", authors=[name], key=key, weight=weight, recordings=recordings)

    wanted = Wanted(title="Tides of Salt", authors=["A. Writer"], key="known", recordings=["7"])
    offers = [offer("many", weight=99), offer("exact"), offer("recorded", recordings=("7",)), offer("known")]
    for best in (3, 2, 0):
        assert choose(wanted, offers) == best
        offers.pop(best)
    assert choose(wanted, [offer("loose", "Ada Writer", weight=99), offer("exact")]) == 1
    assert choose(wanted, [offer("first"), offer("second")]) == 0


def test_a_title_is_searched_for_without_what_others_lack() -> None:
    assert bare("Tides of Salt: A Novel (version 2)") == "Tides of Salt"
    assert bare("(untitled)") == "(untitled)"
