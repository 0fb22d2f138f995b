"""Social analytics: what became of the posts of each business, told by LinkedIn, X, Facebook and Instagram."""

from django.apps import AppConfig


class SocialConfig(AppConfig):
    name = "tasks.social"
    verbose_name = "Social analytics"

    def ready(self) -> None:
        from scheduling import tenants
        from tasks.social import checks  # noqa: F401  (registers itself)
        from tasks.social.people import PERMISSIONS, tenants_of

        tenants.register(tenants_of, PERMISSIONS)
