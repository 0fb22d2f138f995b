"""What a cluster is called: by its most central title, and by the terms that set it apart. Pure."""

from collections.abc import Sequence

LONGEST_NAME = 200  # characters, as the column takes
LONGEST_TITLE = 120
TERMS = 3  # in a name


def name_of(title: str, terms: Sequence[str]) -> str:
    """ "Export is empty (csv, export fails)"; terms that the title has anyway are not said again."""
    words = " ".join(title.split())
    short = words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 1].rstrip()}…"
    more = [term for term in terms if term not in words.lower()][:TERMS]
    told = f"{short} ({', '.join(more)})" if short and more else short or ", ".join(terms[:TERMS]) or "Unnamed"
    return told[:LONGEST_NAME]
