"""The files of this workload: histories and raw answers as JSON, posters.

Only names of the strict form of a Trakt user reach a path, and posters are called by a hash.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.exceptions import AbortRun
from tasks.files import replacing
from tasks.watch_history.conf import USER_NAME, Options


def history_file(options: Options, user: str) -> Path:
    return _file_of(options, "trakt_history", user)


def raw_file(options: Options, user: str) -> Path:
    return _file_of(options, "trakt_raw", user)


def poster_file(options: Options, poster_path: str) -> Path:
    return options.data_dir / "posters" / sha256(poster_path.encode()).hexdigest()


def write_items(path: Path, head: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> None:
    """Replace `path` by one JSON object: `head`, and `items` one a line, never all in memory."""
    with replacing(path) as file:
        file.write(json.dumps(head, ensure_ascii=False).removesuffix("}").encode())
        file.write(b', "items": [')
        for index, item in enumerate(items):
            file.write(b",\n" if index else b"\n")
            file.write(json.dumps(item, ensure_ascii=False).encode())
        file.write(b"\n]}\n")


def _file_of(options: Options, stem: str, user: str) -> Path:
    if not USER_NAME.fullmatch(user):
        raise AbortRun(f"{user[:60]!r} is no Trakt user name.")
    return options.data_dir / (f"{stem}.json" if user == options.primary_user else f"{stem}_{user}.json")
