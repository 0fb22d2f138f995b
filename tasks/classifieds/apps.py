"""Head-Fi's classifieds: listings, rules over them, notices of what they match."""

from django.apps import AppConfig


class ClassifiedsConfig(AppConfig):
    name = "tasks.classifieds"
    verbose_name = "Classifieds"

    def ready(self) -> None:
        from tasks.classifieds import checks  # noqa: F401  (registers itself)
