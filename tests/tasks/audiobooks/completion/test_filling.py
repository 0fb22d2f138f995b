"""What fills a gap among what is here already."""

from typing import cast

import pytest

from tasks.audiobooks.catalogue import Catalogue
from tasks.audiobooks.filling import Filler, last_name_of
from tasks.audiobooks.models import Author, Book, Edition
from tasks.audiobooks.titles import name_key, title_key
from tasks.audiobooks.wishes import Wish
from tests.tasks.audiobooks.shelf import NOW

pytestmark = pytest.mark.django_db
AUTHOR = "Conan Marsh"


@pytest.mark.parametrize(
    ("title", "is_found"),
    [
        ("Sherwood Holm: A Study in Salt", True),
        ("Sherwood Holm", True),
        ("Sherwood Holm: The Sign of the Weir", False),
    ],
)
def test_works_that_differ_in_their_subtitles_fill_no_gap_of_each_other(title: str, is_found: bool) -> None:
    here = "Sherwood Holm: A Study in Salt"
    book = Book.objects.create(title=here, key=title_key(here))
    book.authors.add(Author.objects.create(name=AUTHOR, key=name_key(AUTHOR)))
    Edition.objects.create(book=book, source_id="1", title=here, content_hash="", seen_at=NOW)
    found = Filler(cast(Catalogue, None), NOW).here(Wish(key="OL1W", title=title, authors=(AUTHOR,)))
    assert (found is not None) is is_found


@pytest.mark.parametrize(("name", "last"), [("A. Writer", "Writer"), ("Writer, A.", "Writer"), ("", "")])
def test_a_last_name_is_read_either_way(name: str, last: str) -> None:
    assert last_name_of(name) == last
