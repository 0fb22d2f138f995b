"""Pages of the audiobooks: the wall, series and authors with their gaps, downloads, top lists."""

from tasks.audiobooks.admin.books import BookAdmin
from tasks.audiobooks.admin.downloads import DownloadAdmin
from tasks.audiobooks.admin.editions import EditionAdmin, RankAdmin
from tasks.audiobooks.admin.gaps import GapAdmin
from tasks.audiobooks.admin.genres import GenreAdmin
from tasks.audiobooks.admin.series import AuthorAdmin, SeriesAdmin

__all__ = [
    "AuthorAdmin",
    "BookAdmin",
    "DownloadAdmin",
    "EditionAdmin",
    "GapAdmin",
    "GenreAdmin",
    "RankAdmin",
    "SeriesAdmin",
]
