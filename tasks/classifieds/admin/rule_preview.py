"""The preview of a rule while one types: where it is wrong, or what it says and what it would have matched."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from scheduling.admin.preview import check_permission
from tasks.classifieds import trial
from tasks.classifieds.admin.rule_form import RuleForm, with_plain_ends
from tasks.classifieds.conf import options
from tasks.classifieds.expression import InvalidRule
from tasks.classifieds.facts import FIELDS, address_of
from tasks.classifieds.filters import Effective, global_filters
from tasks.classifieds.matching import Watch
from tasks.classifieds.models import Listing
from tasks.classifieds.models.rules import CURRENCIES
from tasks.classifieds.money import Rates
from tasks.classifieds.parsing import parse
from tasks.classifieds.trial import try_out
from tasks.classifieds.wording import describe, price

AROUND = 60  # characters shown on each side of a mistake
EXAMPLES = (
    ("A model below a price", 'title contains "HD800" AND price < 1000'),
    ("One of several", 'title matches "\\bLCD-?[345X]\\b" AND condition NOT contains "parts"'),
    (
        "In euros, from known sellers",
        'title fuzzy_contains "Focal Clear" AND price <= 900 EUR AND seller_reputation >= 10',
    ),
)


@require_POST
def preview_rule(request: HttpRequest, model_admin: ModelAdmin) -> HttpResponse:
    """A fragment on the rule in the form, which is asked for with all the form's fields."""
    check_permission(request, model_admin)
    text = with_plain_ends(request.POST.get("expression", ""))
    try:
        parse(text)
    except InvalidRule as error:
        context = {"error": error, "empty": not text.strip(), **_marked(text, error)}
    else:
        context = _tried(request, RuleForm(request.POST))
    return render(request, "tasks/rule_preview.html", context)


def live() -> SafeString:
    """Where the fragment goes: fetched when the page opens and whenever the form changes, with all of its fields."""
    return format_html(
        '<div class="rota-live" aria-live="polite" hx-post="{}" hx-sync="this:replace"'
        ' hx-trigger="load, input from:#rule_form delay:300ms, change from:#rule_form delay:300ms"></div>',
        reverse("admin:classifieds_rule_preview"),
    )


def examples() -> SafeString:
    """Expressions to start from, for a click, and what can be written at all."""
    chips = format_html_join(
        "", '<button type="button" class="rota-chip" data-expression="{1}" title="{1}">{0}</button>', EXAMPLES
    )
    context = {"chips": chips, "fields": FIELDS, "currencies": CURRENCIES}
    return render_to_string("tasks/rule_examples.html", context)


def _tried(request: HttpRequest, form: RuleForm) -> dict[str, Any]:
    rule = form.draft()
    rates, today = Rates.stored(), timezone.now().date()
    watch = Watch(rule, parse(rule.expression), Effective.of(rule, global_filters()))
    done = try_out(watch, rates, trial.SECONDS)
    site, now = options().headfi_url, timezone.now()
    may_see = request.user.has_perm("classifieds.view_listing")
    return {
        "words": describe(watch.expression, rule.currency),
        "trial": done,
        "most": trial.MOST,
        "doubts": rates.doubts(today),
        "listings": [_shown(listing, site, now) for listing in done.latest] if may_see else [],
        "more": done.matched - len(done.latest),
        "may_see": may_see,
    }


def _shown(listing: Listing, site: str, now: Any) -> dict[str, Any]:
    return {
        "title": listing.title,
        "url": address_of(listing, site),
        "price": price(listing.price, listing.currency),
        "category": listing.category.name,
        "seen": columns.distance(listing.first_seen_at, now),
    }


def _marked(text: str, error: InvalidRule) -> dict[str, Any]:
    """The line of the mistake in three parts, and where a text field has it."""
    first = text.rfind("\n", 0, error.start) + 1
    last = text.find("\n", error.start)
    line_end = len(text) if last < 0 else last
    end = min(error.end, line_end)
    return {
        "before": text[first : error.start][-AROUND:],
        "mistake": text[error.start : end],
        "after": text[end:line_end][:AROUND],
        "selection": (_units(text[: error.start]), _units(text[: error.end])),
    }


def _units(text: str) -> int:
    """The length of `text` as scripts in a browser count it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
