"""Book, Author, Series, Genre; Edition (a recording), Rank; Told (who said what), Pause; Gap; Download, Usage; Walk."""

from tasks.audiobooks.models.books import Author, Book, BookQuerySet, Genre, Series, Told
from tasks.audiobooks.models.downloads import Download, DownloadQuerySet, DownloadState, Part, Usage
from tasks.audiobooks.models.editions import LIBRIVOX, Edition, Rank
from tasks.audiobooks.models.gaps import Gap, GapState, Stand
from tasks.audiobooks.models.pauses import Pause
from tasks.audiobooks.models.walks import Walk

__all__ = [
    "LIBRIVOX",
    "Author",
    "Book",
    "BookQuerySet",
    "Download",
    "DownloadQuerySet",
    "DownloadState",
    "Edition",
    "Gap",
    "GapState",
    "Genre",
    "Part",
    "Pause",
    "Rank",
    "Series",
    "Stand",
    "Told",
    "Usage",
    "Walk",
]
