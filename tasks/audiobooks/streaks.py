"""How often in a row a service has failed, and from when on that counts as an outage."""

from dataclasses import dataclass, field

from tasks.exceptions import UpstreamError

OUT_AFTER = 3  # failures in a row
ODD_AFTER = 20  # in a row in which it says that the question is a bad one
REFUSED = frozenset({401, 403})  # it will refuse all that follows too


@dataclass(slots=True)
class Streak:
    items: list[int] = field(default_factory=list)  # of which it was asked in vain
    _hard: int = 0  # of these failures those that are not about the item

    def is_out_after(self, item: int, error: UpstreamError) -> bool:
        """Count one more failure; whether it is an outage now."""
        self.items.append(item)
        self._hard += error.retryable or error.status in REFUSED
        return self._hard >= OUT_AFTER or len(self.items) >= ODD_AFTER

    def end(self) -> None:
        """It has answered."""
        self.items.clear()
        self._hard = 0
