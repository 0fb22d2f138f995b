"""Looks for issues without a model: sentences that speak of trouble, sorted by key words. Pure; its rules are data."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tasks.tickets.extract import LONGEST, Found, squeezed
from tasks.tickets.models import Severity
from tasks.tickets.reading import HEADING
from tasks.tickets.words import LITTLE

MOST_ISSUES = 3  # of one ticket; more would be the same in other words
ENOUGH = 2  # points with which a sentence speaks of trouble
LONGEST_TITLE = 80  # characters
PHRASES = 5  # in a summary
# Beginnings of words, in small letters.
TROUBLE: Mapping[int, Sequence[str]] = {
    2: (
        *(
            "broken",
            "bug",
            "cannot",
            "can't",
            "can no longer",
            "charged twice",
            "crash",
            "defect",
            "does not",
            "doesn't",
        ),
        *(
            "do not arrive",
            "error",
            "exception",
            "fail",
            "freez",
            "garbage",
            "hang",
            "is missing",
            "locked out",
            "lost",
        ),
        *("never end", "never receive", "no longer", "not work", "stuck", "time out", "timeout", "times out", "twice"),
        *("unable", "won't", "wrong", "no rows", "empty", "has been sent", "is so slow", "very slow", "nothing but"),
    ),
    1: (
        *("again and again", "complain", "contains nothing", "difference", "forever", "incorrect", "loop", "misses"),
        *("never", "no webhook", "nothing", "old data", "problem", "refuse", "slow", "strange", "suddenly", "although"),
        *("weird", "minutes", "without a", "since the update", "since the last", "days", "closes"),
    ),
}
CATEGORIES: Mapping[str, Sequence[str]] = {
    "account": ("account", "locked out", "log in", "login", "password", "sign in", "two-factor"),
    "billing": ("bank", "bill", "card", "cent", "charge", "payment", "price", "refund", "subscription", "tax"),
    "crash": ("closes", "crash", "freez"),
    "data": ("csv", "data", "download", "export", "import", "rows"),
    "documents": ("document", "letter", "pdf", "print", "umlaut"),
    "integration": ("api", "integration", "webhook"),
    "notifications": ("email", "mail", "notification", "reminder"),
    "performance": ("minutes", "performance", "slow", "time out", "timeout", "times out"),
    "sync": ("does not arrive", "sync"),
    "usability": ("button", "confusing", "display", "layout", "screen"),
}
OTHER = "other"
SEVERITIES: Mapping[Severity, Sequence[str]] = {  # the first that fits counts
    Severity.CRITICAL: ("cannot work", "data loss", "locked out", "outage", "sign in", "urgent", "whole team"),
    Severity.HIGH: ("charged", "crash", "empty", "error 500", "fail", "no longer", "refund"),
    Severity.LOW: ("colour", "cosmetic", "minor", "one cent", "rounding", "typo"),
}
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s)[^.!?\n]*)*[.!?]*")
_WORD = re.compile(r"[^\W_][\w'-]*")


def issues_in(subject: str, text: str) -> list[Found]:
    """The issues that `text` tells of, which begins with `subject`; at most one of each category."""
    best: dict[str, tuple[int, str]] = {}
    for sentence in _sentences(text.removeprefix(subject)):
        score = points(sentence)
        category = category_of(sentence)
        if score >= ENOUGH and score > best.get(category, (0, ""))[0]:
            best[category] = score, sentence
    if len(best) > 1:
        best.pop(OTHER, None)  # most likely the same again, in vaguer words
    strongest = sorted(best.items(), key=lambda item: -item[1][0])[:MOST_ISSUES]
    told = squeezed(subject)
    return [
        _found(told if told and not rank else sentence, category, sentence)
        for rank, (category, (_, sentence)) in enumerate(strongest)
    ]


def points(sentence: str) -> int:
    """How much a sentence speaks of trouble."""
    return sum(worth * len(set(pattern.findall(sentence.lower()))) for worth, pattern in _TROUBLE.items())


def category_of(sentence: str) -> str:
    """The category with the most key words in `sentence`; the first of several."""
    counts = {name: len(set(pattern.findall(sentence.lower()))) for name, pattern in _CATEGORIES.items()}
    name = max(counts, key=lambda name: counts[name])
    return name if counts[name] else OTHER


def severity_of(sentence: str) -> Severity:
    fitting = (severity for severity, pattern in _SEVERITIES.items() if pattern.search(sentence.lower()))
    return next(fitting, Severity.MEDIUM)


def key_phrases(text: str) -> list[str]:
    """What stands between the little words of `text`; the longest and most frequent first."""
    phrases = [" ".join(phrase) for clause in re.split(r"[,;:.!?()\n]", text.lower()) for phrase in _runs(clause)]
    counts = Counter(phrases)
    return sorted(counts, key=lambda phrase: (-counts[phrase] * len(phrase.split()), phrases.index(phrase)))[:PHRASES]


def _runs(clause: str) -> Iterator[list[str]]:
    run: list[str] = []
    for word in [*_WORD.findall(clause), ""]:
        if word and word not in LITTLE and len(run) < 3:
            run.append(word)
        elif run:
            yield run
            run = [word] if word and word not in LITTLE else []


def _sentences(text: str) -> Iterator[str]:
    """The sentences of the customer: without our headings, and what a mail program repeats."""
    for line in text.splitlines():
        if not line.startswith((HEADING, ">")):
            yield from filter(None, (squeezed(found) for found in _SENTENCE.findall(line)))


def _found(title: str, category: str, sentence: str) -> Found:
    quote = sentence[: LONGEST["quote"]].strip()
    phrases = ", ".join(key_phrases(sentence))
    return Found(
        title=_shortened(title),
        category=category,
        severity=severity_of(sentence),
        summary=f"{quote} Key phrases: {phrases}."[: LONGEST["summary"]],
        quote=quote,
    )


def _shortened(text: str) -> str:
    """At most LONGEST_TITLE characters, cut between words."""
    if len(text) <= LONGEST_TITLE:
        return text
    return text[:LONGEST_TITLE].rpartition(" ")[0] or text[:LONGEST_TITLE]


def _beginnings(words: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})")


_TROUBLE = {worth: _beginnings(words) for worth, words in TROUBLE.items()}
_CATEGORIES = {name: _beginnings(words) for name, words in CATEGORIES.items()}
_SEVERITIES = {severity: _beginnings(words) for severity, words in SEVERITIES.items()}
