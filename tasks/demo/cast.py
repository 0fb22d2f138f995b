"""The services of the demo: who plays, and in which order they are asked."""

from dataclasses import dataclass, field

from tasks.classifieds.conf import options as classifieds
from tasks.demo.archive import Archive
from tasks.demo.audnexus import Audnexus
from tasks.demo.discord import Discord
from tasks.demo.google_books import GoogleBooks
from tasks.demo.headfi import HeadFi
from tasks.demo.librivox import LibriVox
from tasks.demo.linkedin import LinkedIn
from tasks.demo.mailbox import Mailbox
from tasks.demo.messages import Messages
from tasks.demo.meta import Meta
from tasks.demo.openlibrary import OpenLibrary
from tasks.demo.tmdb import Tmdb
from tasks.demo.trakt import Trakt
from tasks.demo.upstream import HOST, Clock, Service
from tasks.demo.x import X
from tasks.demo.zendesk import Zendesk

BYTES_PER_SECOND = 60_000  # of a file, so that one sees it come


@dataclass(slots=True)
class Cast:
    """All services; those that give tokens by their names, for who furnishes the demo."""

    clock: Clock
    trakt: Trakt = field(init=False)
    linkedin: LinkedIn = field(init=False)
    x: X = field(init=False)
    meta: Meta = field(init=False)

    def __post_init__(self) -> None:
        self.trakt = Trakt(self.clock)
        self.linkedin = LinkedIn(self.clock)
        self.x = X(self.clock)
        self.meta = Meta(self.clock)

    def services(self, post: Mailbox | None) -> list[Service]:
        """Those that are more particular about their addresses than Trakt go before it."""
        clock = self.clock
        social: list[Service] = [self.linkedin, self.x, self.meta]
        files = Archive(bytes_per_second=BYTES_PER_SECOND)
        books: list[Service] = [LibriVox(clock, coming=12), files, OpenLibrary(clock), GoogleBooks(), Audnexus()]
        others: list[Service] = [Zendesk(clock), Messages(clock), HeadFi(clock), Discord(clock), Tmdb(), self.trakt]
        return [*([post] if post else []), *social, *books, *others]


def mailbox() -> Mailbox | None:
    """What takes the mails, if they are sent to this machine."""
    configured = classifieds()
    return Mailbox(configured.smtp_port) if configured.smtp_host == HOST else None
