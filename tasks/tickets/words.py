"""A text as the words that tell what it is about: without addresses, numbers, quoted replies and little words."""

import re
from collections import Counter

LONGEST = 4_000  # characters that are looked at
LONGEST_WORD = 40
QUOTED = re.compile(r"(?m)^[ \t]{0,9}>.*$|^On .{1,200} wrote:[ \t]*$|^-{2,9} ?Original Message ?-{2,9}$")
ADDRESSES = re.compile(r"https?://\S{1,2000}|www\.\S{1,2000}|\b[\w.+-]{1,64}@[\w.-]{1,255}")
LABELS = re.compile(r"\bKey phrases:")  # of the local extractor
IDS = re.compile(r"\b(?=[\w-]{0,63}\d)[\w-]{1,64}\b|#\w{1,64}")  # whatever has a digit in it
WORD = re.compile(r"[^\W\d_]{2,}(?:['\u2019][^\W\d_]{1,3})?")
_LITTLE = """
    a about after again all also am an and any are as at be because been before being but by can cannot could did do
    does doing done for from further get gets getting got had has have having he hello her here hi him his how i if in
    into is it its itself just me more most my no nor not now of off on once only or other our out over own please she
    should so some such than thank thanks that the their them then there these they this those through to too under
    until up very was we were what when where which while who whom why will with would you your yours dear regards
    kind best hey let us i'm i've it's don't doesn't can't won't didn't isn't customer customers user users says said
    reports reported ticket issue problem
"""
LITTLE = frozenset(_LITTLE.split())  # tell nothing of what a text is about


def clean(text: str) -> str:
    """`text` without what names one customer or one case."""
    for pattern in (QUOTED, ADDRESSES, IDS, LABELS):
        text = pattern.sub(" ", text[:LONGEST])
    return text


def terms(text: str) -> Counter[str]:
    """The words of `text`, with how often.

    Without pairs of words: what people say of one and the same thing has few of them in common, so that they drive
    apart what belongs together (twice as many clusters, of texts whose problems are known).
    """
    found = (word.lower().replace("\u2019", "'") for word in WORD.findall(clean(text)))
    return Counter(word for word in found if word not in LITTLE and len(word) <= LONGEST_WORD)
