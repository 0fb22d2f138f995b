"""Audiobooks: a catalogue of the public domain's, what is told of each book, and a library on the disk."""

from django.apps import AppConfig


class AudiobooksConfig(AppConfig):
    name = "tasks.audiobooks"
    verbose_name = "Audiobooks"

    def ready(self) -> None:
        from tasks.audiobooks import checks  # noqa: F401  (registers itself)
