"""`from tasks.tickets import background_worker`, once the apps are loaded."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Not imported above, since models cannot be while Django loads this app."""
    if name == "background_worker":
        return import_module("tasks.tickets.worker").background_worker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
