"""New books are those of the last days, those since the last walk that arrived, and those of which nobody told."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tasks.audiobooks import metadata
from tasks.audiobooks.asking import SourcesOut
from tasks.audiobooks.models import Told, Walk
from tasks.demo import books
from tasks.demo.upstream import Upstream
from tests.tasks.audiobooks.shelf import NOW, recorded, shelve

pytestmark = pytest.mark.django_db

type Refresh = Callable[..., None]
type Configure = Callable[..., None]

LATER = NOW + timedelta(days=30)


def test_new_books_are_those_of_the_last_days(db: None, upstream: Upstream) -> None:
    told = {"refreshed_at": NOW - timedelta(days=1)}
    shelve(books.ALL_WORKS[0], added_at=NOW - timedelta(days=8), **told)
    new = shelve(books.ALL_WORKS[1], added_at=NOW - timedelta(days=6), **told)
    untold = shelve(books.ALL_WORKS[2], added_at=NOW - timedelta(days=99))
    with recorded() as entry:
        metadata.refresh_new(entry, run="1", now=NOW)
    assert set(Told.objects.values_list("book", flat=True)) == {new.pk, untold.pk}
    assert Walk.objects.get().pk == "metadata_new"


def test_new_books_are_those_since_the_last_walk_that_arrived(db: None) -> None:
    Walk.objects.create(pk="metadata_new", began_at=NOW - timedelta(days=40), ended_at=NOW - timedelta(days=40))
    told = {"refreshed_at": NOW - timedelta(days=1)}
    shelve(books.ALL_WORKS[0], added_at=NOW - timedelta(days=41), **told)
    new = shelve(books.ALL_WORKS[1], added_at=NOW - timedelta(days=39), **told)
    with recorded() as entry:
        metadata.refresh_new(entry, run="1", now=NOW)
    assert list(Told.objects.values_list("book", flat=True)) == [new.pk]


def test_new_books_of_which_one_source_told_are_asked_about_at_the_other_again(
    db: None, upstream: Upstream, configured: Configure
) -> None:
    configured(GOOGLE_BOOKS_API_KEY="demo")
    for work in books.ALL_WORKS[:3]:
        shelve(work, added_at=NOW - timedelta(days=99))
    upstream.fail("/openlibrary", 503, times=3 * 4)
    with pytest.raises(SourcesOut), recorded() as entry:
        metadata.refresh_new(entry, run="1", now=NOW)
    with recorded() as entry:
        metadata.refresh_new(entry, run="1", now=NOW + timedelta(hours=1))
    assert Told.objects.filter(source="openlibrary").count() == 3
