"""check_nesting: refuses a page that would keep a parser busy for minutes, by a glance at its tags. Pure.

Parsers take a time that grows with the length of a page times its depth, and nothing stops them half-way. What is
counted here is at least about that depth: an end tag counts only where it surely closes what was opened last.
"""

import re
from dataclasses import dataclass, field

from tasks.exceptions import InvalidItem

DEEPEST = 500  # elements in each other
MOST_WORK = 3_000_000  # the depths at all tags together
ATTRIBUTE = r"""\s++[\w:.-]++(?:="[^"<>]*+")?+"""
TAG = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:{ATTRIBUTE})*+\s*+/>)?+")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


FOREIGN = _names("svg math")  # in these other rules hold
DRAWN = _names("circle defs ellipse g line path polygon polyline rect stop svg symbol use")
VOID = _names("area base br col embed hr img input link meta option param source track wbr")
IMPLIED = _names("li p tbody td tfoot th thead tr")  # the next one of its kind closes it
LIGHT = IMPLIED | _names("abbr cite data dd dt label mark q samp span sub sup time var")
BLOCKS = _names(  # whose end tags close all that is LIGHT in them
    "address article aside blockquote center details dialog div dl fieldset figcaption figure footer header main menu"
    " nav ol pre section summary table ul"
)


def check_nesting(html: str) -> None:
    """Raises InvalidItem."""
    stack, work = _Stack(), 0
    for ends, written, is_empty in TAG.findall(html):
        name = written.lower()
        if stack.foreign:
            stack.take_foreign(name, bool(ends), bool(is_empty))
        elif name not in VOID and not (name in FOREIGN and is_empty):
            stack.end(name) if ends else stack.start(name)
        work += len(stack.opened)
        if len(stack.opened) > DEEPEST or work > MOST_WORK:
            raise InvalidItem(f"its tags are nested more than {DEEPEST} deep, or too many are deep")


@dataclass(slots=True)
class _Stack:
    """The elements that may be open."""

    opened: list[str] = field(default_factory=list)
    foreign: int = 0  # how many of them are FOREIGN
    is_drawing: bool = False  # whether the outermost of those has nothing but shapes so far

    def start(self, name: str) -> None:
        if name in IMPLIED:
            self._close(name, IMPLIED)
        if name in FOREIGN:
            self.foreign, self.is_drawing = 1, True
        self.opened.append(name)

    def end(self, name: str) -> None:
        self._close(name, LIGHT if name in BLOCKS else IMPLIED if name in IMPLIED else frozenset())

    def take_foreign(self, name: str, ends: bool, is_empty: bool) -> None:
        """There every element may be within another; what is no shape may end the drawing, so nothing is sure then."""
        self.is_drawing &= name in DRAWN
        if ends:
            self.foreign -= self._close(name, frozenset()) and name in FOREIGN
        elif not (is_empty and self.is_drawing):
            self.opened.append(name)
            self.foreign += name in FOREIGN

    def _close(self, name: str, through: frozenset[str]) -> bool:
        """Close the last `name`, if there is nothing above it that is not in `through`."""
        last = len(self.opened) - 1
        while last >= 0 and self.opened[last] != name and self.opened[last] in through:
            last -= 1
        found = last >= 0 and self.opened[last] == name
        if found:
            del self.opened[last:]
        return found
