"""Titles and names made comparable: case, accents, articles, subtitles and version marks do not matter."""


def title_key(title: str) -> str:
    raise NotImplementedError


def name_key(name: str) -> str:
    raise NotImplementedError
