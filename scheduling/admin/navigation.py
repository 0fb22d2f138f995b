"""What the sidebar leads to: scheduling first, then the other apps, as far as one may see their pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

OWN = "scheduling"
ICONS = {
    "Job": "event_repeat",
    "Execution": "history",
    "Backfill": "fast_rewind",
    "Worker": "memory",
    "Queue": "low_priority",
    "Calendar": "event_busy",
    "Incident": "warning",
    "NoticeRule": "notifications",
    "Notice": "outbox",
    "Token": "key",
    "TaskRecord": "fact_check",
    "Watcher": "visibility",
    "Title": "movie",
    "Play": "play_circle",
    "Category": "category",
    "Listing": "sell",
    "Rule": "rule",
    "Filters": "filter_alt",
    "Match": "target",
    "Delivery": "outgoing_mail",
    "ExchangeRate": "currency_exchange",
    "StrangePage": "broken_image",
    "Ticket": "confirmation_number",
    "Issue": "bug_report",
    "Cluster": "hub",
    "Batch": "inventory_2",
    "Usage": "data_usage",
    "Book": "menu_book",
    "Author": "ink_pen",
    "Series": "stacks",
    "Genre": "theater_comedy",
    "Edition": "headphones",
    "Rank": "leaderboard",
    "Gap": "extension",
    "Download": "download",
    "Business": "storefront",
    "Account": "account_circle",
    "Post": "article",
    "Sync": "sync",
    "RefusedMetric": "block",
    "Member": "badge",
    "User": "person",
    "Group": "group",
}
ORDER = ("Job", "Execution", "Backfill", "Queue", "Worker", "Calendar", "Incident", "NoticeRule", "Notice", "Token")
LAST = "auth"


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of links for django-unfold's sidebar."""
    apps = admin.site.get_app_list(request)
    own = [model for app in apps if app["app_label"] == OWN for model in app["models"]]
    own.sort(key=lambda model: ORDER.index(model["object_name"]))
    others = sorted((app for app in apps if app["app_label"] != OWN), key=lambda app: app["app_label"] == LAST)
    dashboard = {"title": "Dashboard", "icon": "monitoring", "link": reverse("admin:index")}
    api = {"title": "REST API", "icon": "api", "link": reverse("api:openapi-view")}
    return [
        {"items": [dashboard, *map(_link, own), api]},
        *({"title": app["name"], "separator": True, "items": list(map(_link, app["models"]))} for app in others),
    ]


def _link(model: dict[str, Any]) -> dict[str, Any]:
    name = model["object_name"]
    return {"title": model["name"], "icon": ICONS.get(name, "table_rows"), "link": model["admin_url"]}
