"""Titles and names made comparable: case, accents, articles, subtitles and version marks do not matter."""

import re
import unicodedata

LONGEST_TITLE = 500  # characters of a key, as its column holds
LONGEST_NAME = 200
LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
ACCENTS = re.compile("[\u0300-\u036f]+")
APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
SUBTITLE = re.compile(r"\s*[:;]\s|\s[-\u2013\u2014]\s|[,;]\s+or\b|\u2014")
ARTICLE_BEHIND = re.compile(r",\s+(?:the|an?|le|la|les|der|die|das|el|los|las|il)\s*$", re.I)
ARTICLE = re.compile(r"^(?:the|an?|le|la|les|un|une|der|die|das|ein|eine|el|los|las|il) +(?=.)")
FIRST_ARTICLE = re.compile(r"^(?:the|an?) +(?=\S)", re.I)
VERSION = re.compile(r"\s*[(\[]\s*(?:version|reading)\s+[0-9]{1,3}\b[^()\[\]]*[)\]]", re.I)
VOLUME = re.compile(r"\b(?:vol|volume|part|band|tome|teil|parte)\b[. ]{0,3}([0-9]{1,4}|[ivxlc]{1,7})\b")
YEARS = re.compile(r",?\s*\(?\b[0-9]{3,4}\??\s{0,3}(?:[-\u2013]\s{0,3}(?:[0-9]{3,4}\??)?)?\)?\s*$")
ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


def title_key(title: str) -> str:
    """The same for all recordings and editions of a work; a volume of several keeps its number."""
    title = title[:LONGEST_TITLE]
    bare = ARTICLE_BEHIND.sub("", BRACKETS.sub(" ", title))
    main = SUBTITLE.split(bare.strip(), maxsplit=1)[0]
    words = ARTICLE.sub("", _words(main)) if _words(main) else _words(title)
    volume = _volume(title)
    if volume and not words.endswith(volume):
        words = f"{VOLUME.sub('', words).strip()} {volume}".strip()
    return re.sub(" +", " ", words)[:LONGEST_TITLE].strip()


def same_work(one: str, other: str) -> bool:
    """Whether titles that have one key can be those of one work: of two subtitles, one must begin with the other."""
    mine, theirs = subtitle(one), subtitle(other)
    return not mine or not theirs or f"{mine} ".startswith(f"{theirs} ") or f"{theirs} ".startswith(f"{mine} ")


def subtitle(title: str) -> str:
    """Its words, made comparable; those that number a volume belong to the key, and are left out."""
    main, *rest = SUBTITLE.split(BRACKETS.sub(" ", title[:LONGEST_TITLE]).strip(), maxsplit=1)
    words = VOLUME.sub("", _words(rest[0])) if rest and _words(main) else ""
    return ARTICLE.sub("", " ".join(words.split()).removeprefix("or "))


def name_key(name: str) -> str:
    """The same for "Writer, A." and "A. Writer", with or without the years of a life."""
    name = YEARS.sub("", name[:LONGEST_NAME].strip())
    last, comma, first = BRACKETS.sub(" ", name).partition(",")
    return _words(f"{first} {last}" if comma and "," not in first else name)[:LONGEST_NAME].strip()


def last_name(name: str) -> str:
    """ "Writer" of "A. Writer" and of "Writer, A."; empty for nobody."""
    return name.partition(",")[0].rpartition(" ")[2].strip()


def without_version(title: str) -> str:
    """The title of the work that a recording such as "Tides of Salt (version 2)" is of."""
    return VERSION.sub("", title).strip() or title


def without_article(title: str) -> str:
    """The title as lists that go by the first real word begin it."""
    return FIRST_ARTICLE.sub("", title.strip())


def _volume(title: str) -> str:
    """How all say that it is the second volume, whatever this one says; empty for a whole work."""
    found = VOLUME.search(_words(title))
    if not found:
        return ""
    return f"volume {int(found[1]) if found[1].isdecimal() else _roman(found[1])}"


def _roman(text: str) -> int:
    values = [ROMAN[letter] for letter in text]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def _words(text: str) -> str:
    """Letters and digits of any script, folded, with single spaces."""
    folded = ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold())).translate(LETTERS)
    folded = APOSTROPHES.sub("", unicodedata.normalize("NFC", folded)).replace("&", " and ")
    return " ".join("".join(letter if _is_word(letter) else " " for letter in folded).split())


def _is_word(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LNM"
