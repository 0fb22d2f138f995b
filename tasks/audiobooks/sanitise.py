"""HTML from outside as HTML that may be shown: a few tags without attributes, built anew around escaped text.

Nothing of the original is passed on but its text, so that what is not understood cannot do harm. It is read once from
front to back: a hostile text takes as long as any other of its length.
"""

import re
from html import escape, unescape

LONGEST = 50_000  # characters that are read
DEEPEST = 10  # tags within each other
TOKEN = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})(?=[\s/>])([^<>]*)>|<[!?/][^<>]*>")
BLOCKS = frozenset({"p", "ul", "ol", "blockquote"})
SAME = {
    **{name: name for name in (*BLOCKS, "li", "em", "strong")},
    **dict.fromkeys(("div", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "tr", "dt", "dd"), "p"),
    **{"b": "strong", "i": "em", "cite": "em"},
}
DROPPED = frozenset({"script", "style", "head", "title", "template", "iframe", "object", "svg", "math", "textarea"})
NO_CHARACTER = re.compile(r"&#(?=x?[0-9a-f]{9})", re.I)  # a number that Python may refuse to read
EMPTY = re.compile(r"<(p|ul|ol|li|em|strong|blockquote)>\s*</\1>")
BLANK_LINE = re.compile(r"\n\s*\n")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def clean(html: str) -> str:
    """What of `html` may be shown; empty if there is no text in it. Plain text gets its paragraphs."""
    html = CONTROLS.sub("", _without_comments(html[:LONGEST]).replace("\r\n", "\n"))
    if not TOKEN.search(html):
        paragraphs = [_text(part).strip() for part in BLANK_LINE.split(html)]
        return "".join(f"<p>{part}</p>" for part in paragraphs if part) if len(paragraphs) > 1 else paragraphs[0]
    built = _Builder()
    for position, token in _tokens(html):
        built.text(html[position : token.start() if token else None])
        if token and token[2]:
            built.tag(token[2].lower(), closes=bool(token[1]))
    return EMPTY.sub("", EMPTY.sub("", built.ended())).strip()


class _Builder:
    """What is shown so far, and which tags are open in it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open: list[str] = []
        self._dropping = ""  # the element whose content is left out

    def text(self, raw: str) -> None:
        if raw and not self._dropping:
            self._parts.append(_text(raw))

    def tag(self, name: str, *, closes: bool) -> None:
        if self._dropping or name in DROPPED:
            self._drop(name, closes=closes)
        elif name in {"br", "hr"}:
            self._parts.append("<br>")
        elif (same := SAME.get(name)) and closes:
            self._close(same)
        elif same:
            self._begin(same)

    def ended(self) -> str:
        while self._open:
            self._end()
        return "".join(self._parts)

    def _drop(self, name: str, *, closes: bool) -> None:
        if not self._dropping:
            self._dropping = "" if closes else name
        elif closes and name == self._dropping:
            self._dropping = ""

    def _begin(self, name: str) -> None:
        if name == "li" and not {"ul", "ol"} & set(self._open):
            name = "p"
        if name in BLOCKS:
            while self._open and self._open[-1] not in {"ul", "ol", "li", "blockquote"}:
                self._end()
        elif name == "li":
            while self._open[-1] not in {"ul", "ol"}:
                self._end()
        if len(self._open) < DEEPEST:
            self._open.append(name)
            self._parts.append(f"<{name}>")

    def _close(self, name: str) -> None:
        while name in self._open:
            if self._end() == name:
                return

    def _end(self) -> str:
        name = self._open.pop()
        self._parts.append(f"</{name}>")
        return name


def _tokens(html: str) -> list[tuple[int, re.Match[str] | None]]:
    """Each tag with where the text before it begins; at last the text behind all of them, with None."""
    found: list[tuple[int, re.Match[str] | None]] = []
    position = 0
    for token in TOKEN.finditer(html):
        found.append((position, token))
        position = token.end()
    return [*found, (position, None)]


def _without_comments(html: str) -> str:
    kept, position = [], 0
    while (start := html.find("<!--", position)) >= 0:
        kept.append(html[position:start])
        end = html.find("-->", start + 4)
        position = end + 3 if end >= 0 else len(html)
    return "".join([*kept, html[position:]])


def _text(raw: str) -> str:
    """Escaped once, whatever it was escaped before."""
    return escape(CONTROLS.sub("", unescape(NO_CHARACTER.sub("&amp;#", raw))).replace("\xa0", " "), quote=False)
