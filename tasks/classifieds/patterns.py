"""Looking for a pattern in a text, in time that grows with the text alone: RE2, and words with mistakes in them."""

from functools import lru_cache

import re2

LONGEST_PATTERN = 200  # characters
LONGEST_SEARCHED = 1_000  # characters of a text that are looked at; no field has as many
MEMORY = 1 << 17  # bytes for a compiled pattern; a larger one takes milliseconds for each listing
FORGIVEN = 5  # characters of the wanted words in which one mistake is forgiven
KEPT = 500  # patterns that are kept compiled


def complaint_of_regex(pattern: str) -> str:
    """What is wrong with a regular expression; empty if nothing is."""
    if len(pattern) > LONGEST_PATTERN:
        return f"A regular expression has at most {LONGEST_PATTERN} characters."
    try:
        _compiled(pattern)
    except re2.error as error:
        return f"This regular expression cannot be read (RE2 knows no look-around and no \\1): {_said(error)}."
    return ""


def matches(pattern: str, text: str) -> bool:
    """Whether the regular expression is found anywhere in `text`, small and capital letters alike."""
    return _compiled(pattern).search(text[:LONGEST_SEARCHED]) is not None


def complaint_of_fuzzy(wanted: str) -> str:
    """What is wrong with words to look for; empty if nothing is."""
    if len(wanted) > LONGEST_PATTERN:
        return f"Words for fuzzy_contains have at most {LONGEST_PATTERN} characters."
    return "" if plainly(wanted) else "fuzzy_contains looks at letters and digits only, and here are none."


def fuzzy_contains(wanted: str, text: str) -> bool:
    """Whether `wanted` is part of `text`, with one mistake forgiven for each five characters of it.

    A mistake is a character that is wrong, missing or too many. Case and all but letters and digits do not count.
    """
    pattern = plainly(wanted)
    return mistakes(pattern, plainly(text[:LONGEST_SEARCHED])) <= len(pattern) // FORGIVEN


def plainly(text: str) -> str:
    """Small letters and digits, with one space where anything else stood between them."""
    return " ".join("".join(each if each.isalnum() else " " for each in text.casefold()).split())


def mistakes(pattern: str, text: str) -> int:
    """By how many edits `pattern` differs from that part of `text` which is most like it.

    Myers' bit-vector algorithm (J. ACM 46, 1999): one step for each character of `text`, whatever `pattern` is.
    """
    if not pattern:
        return 0
    places: dict[str, int] = {}
    for index, each in enumerate(pattern):
        places[each] = places.get(each, 0) | (1 << index)
    everything, last = (1 << len(pattern)) - 1, 1 << (len(pattern) - 1)
    more, less, score = everything, 0, len(pattern)
    best = score
    for each in text:
        same = places.get(each, 0)
        diagonal = (((same & more) + more) ^ more) | same | less
        up, down = less | (everything & ~(diagonal | more)), more & diagonal
        score += bool(up & last) - bool(down & last)
        best = min(best, score)
        up, down = (up << 1) & everything, (down << 1) & everything
        more, less = down | (everything & ~(diagonal | up)), up & diagonal
    return best


@lru_cache(maxsize=KEPT)
def _compiled(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MEMORY
    return re2.compile(pattern, options)


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
