"""audiowatch init: a row for each category, and what is still missing before the first scan."""

from typing import Any

from rich.text import Text

from scheduling.management.composed import add_deed
from scheduling.management.telling import plural, put, put_json
from tasks.classifieds import positions
from tasks.classifieds.conf import options
from tasks.classifieds.management.audiowatch.told import refusing
from tasks.classifieds.markup import load

CODES = "Exit code 0: the categories are known. 2: their file cannot be used."


def add_parsers(deeds: Any) -> None:
    add_deed(deeds, "init", act, "make the categories known, and say what is still missing", CODES)


def act(given: dict[str, Any], out: Any) -> None:
    configured = options()
    with refusing():
        markup = load(configured.headfi_file)
    new, missing = positions.know_categories(markup.categories), configured.missing()
    if given["json"]:
        put_json(out, {"categories": len(markup.categories), "new": new, "missing": missing})
        return
    put(out, Text(f"{plural(len(markup.categories), 'category', 'categories')}, {new} of them new."))
    if missing:
        put(out, Text(f"Before the first scan, set {' and '.join(missing)} in the environment or in .env."))
    else:
        put(out, Text("Ready. Try it with: manage.py audiowatch run --once"))
