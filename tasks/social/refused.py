"""Names of figures that a platform has refused: known from then on, by all workers, and left out."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from tasks.social.figures import text
from tasks.social.models import RefusedMetric

type Report = Callable[[str], None]  # says it in the record of the sync


class Wanted:
    """Which figures to ask one platform for."""

    def __init__(self, platform: str, version: str, report: Report) -> None:
        self._platform, self._version, self._report = platform, version, report
        self._refused: dict[str, set[str]] = {}

    def names(self, kind: str, known: Sequence[str]) -> list[str]:
        """Those of `known`, in that order, that were not refused for objects of that kind."""
        if kind not in self._refused:
            rows = RefusedMetric.objects.filter(platform=self._platform, version=self._version, kind=kind)
            self._refused[kind] = set(rows.values_list("name", flat=True))
        return [name for name in known if name not in self._refused[kind]]

    def refuse(self, kind: str, names: Collection[str], message: str, now: datetime) -> None:
        """Leave these out from now on."""
        self._refused.setdefault(kind, set()).update(names)
        told = {"message": text(message, 500), "refused_at": now}
        for name in sorted(names):
            key = {"platform": self._platform, "version": self._version, "kind": kind, "name": name}
            RefusedMetric.objects.get_or_create(**key, defaults=told)
            self._report(f"{self._platform} {self._version} refuses the figure {name} of {kind}: it is left out.")
