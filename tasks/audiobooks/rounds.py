"""One round over rows: each is done once, and what has failed is done once more at the end."""

from abc import ABC, abstractmethod

from django.db.models import Model, QuerySet

from tasks.audiobooks import walks
from tasks.audiobooks.models import Walk
from tasks.exceptions import AbortRun, PartsFailed
from tasks.recording import Entry

BATCH = 100  # rows that are in memory at once
ENOUGH = 20  # failures in a row after which the others are not tried once more
MOST_NAMED = 20  # of those that have failed twice


class Round[T: Model](ABC):
    def __init__(self, entry: Entry, walk: Walk) -> None:
        self.entry = entry
        self.walk = walk
        self._failed: list[str] = []  # twice
        self._forgotten = 0  # that failed, and were too many to be tried once more

    @abstractmethod
    def do(self, row: T, *, again: bool) -> None:
        """Raises what has gone wrong with this row; AbortRun or RetryLater when the attempt has to end."""

    def is_out(self) -> bool:
        """Whether nothing can be done for any further row."""
        return False

    def may_pass(self) -> bool:
        """Whether the rows until here need not be passed again."""
        return True

    def go(self, rows: QuerySet[T]) -> None:
        """Do each row that is still ahead."""
        self.entry.expect(walks.ahead(self.walk, rows).count())
        for batch in walks.batches(self.walk, rows, BATCH):
            for row in batch:
                if self.is_out():
                    return
                self._do(row)

    def go_back(self, rows: QuerySet[T]) -> None:
        """Do once more what has failed on the way."""
        in_a_row, again = 0, list(self.walk.left)
        self.entry.expect(len(again))
        for key in again:
            if in_a_row == ENOUGH:
                return
            row = rows.filter(pk=key).first()
            if row is None or self._do_again(row):
                walks.settle(self.walk, key)
                in_a_row = 0
            else:
                in_a_row += 1

    def arrive(self) -> None:
        """Raises PartsFailed with the names of what has failed twice; the next attempt of the run does that alone."""
        walks.arrive(self.walk)
        count = len(self.walk.left) + self._forgotten
        if count:
            names = self._failed[:MOST_NAMED]
            more = f" and {count - len(names)} more" if count > len(names) else ""
            raise PartsFailed(f"Failed, as the log tells: {', '.join(names)}{more}")

    def _do(self, row: T) -> None:
        is_done = False
        try:
            with self.entry.item(str(row)):
                self.do(row, again=False)
                is_done = True
        except AbortRun:  # perhaps because of this row: the next attempt begins behind it, and comes back at the end
            if walks.leave(self.walk, row.pk):
                self._pass(row)
            raise
        if is_done:
            walks.settle(self.walk, row.pk)
        else:
            self._forgotten += not walks.leave(self.walk, row.pk)
        self._pass(row)

    def _pass(self, row: T) -> None:
        if self.may_pass():
            walks.reach(self.walk, row.pk)

    def _do_again(self, row: T) -> bool:
        """Whether it has been done."""
        try:
            with self.entry.item(str(row)):
                self.do(row, again=True)
                return True
        except AbortRun:  # the others come first the next time
            walks.settle(self.walk, row.pk)
            walks.leave(self.walk, row.pk)
            raise
        self._failed.append(str(row))
        return False
