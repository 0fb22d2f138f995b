"""Tokens: made here and shown once, listed with their last use, revoked; never changed."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from scheduling import store
from scheduling.admin import columns
from scheduling.admin.ask import Question, asked
from scheduling.admin.base import ModelAdmin, action
from scheduling.admin.fields import MomentField
from scheduling.models import Scope, Token

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Token]
else:
    BaseForm = forms.ModelForm

SCOPES = (
    (Scope.READ, "Read: look at what its user may see"),
    (Scope.RUN, "Run: run now, cancel, retry, pause, resume, skip, backfill"),
    (Scope.WRITE, "Write: create, change and delete"),
)
LASTS = (
    ("1", "1 day"),
    ("7", "1 week"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "1 year"),
    ("", "Until it is revoked"),
)
USUAL = "90"  # days
REVOKING = "Programs that use it are turned away from now on; a revoked token never counts again."


class TokenForm(BaseForm):
    """What a new token may do, and for how long; cleaned it has `scopes` and `expires_at`."""

    scopes = forms.MultipleChoiceField(
        choices=SCOPES,
        initial=[Scope.READ],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Within these, what its user is permitted to do: never more.",
    )
    lasts = forms.ChoiceField(
        label="It counts for",
        required=False,
        choices=LASTS,
        initial=USUAL,
        widget=UnfoldAdminSelectWidget,
    )
    until = MomentField(label="Or until this moment", required=False, help_text="On your own clock.")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        given["expires_at"] = _end(given)
        if given["expires_at"] and given["expires_at"] <= timezone.now():
            self.add_error("until", "This moment has passed; choose one that is still to come.")
        if given.get("user") and not given["user"].is_active:
            self.add_error("user", "This user is not active: no token of his counts.")
        return given


@admin.register(Token)
class TokenAdmin(ModelAdmin):
    form = TokenForm
    list_display = ("title", "owner", "may", "state", "expires", "last_use")
    list_display_links = None
    list_fullwidth = True
    list_select_related = ("user",)
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("name", "hint", "user__username")
    sortable_by = ()
    actions = None
    actions_row = ()
    actions_detail = ("revoke",)
    autocomplete_fields = ("user",)
    goes_with_user = True
    told = ("title", "owner", "may", "state", "expires", "last_use", "made", "revoked")

    # Who may do what

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may make one may also take it back; it is among his own, as all that he sees."""
        return self.has_add_permission(request) or request.user.has_perm("scheduling.change_token")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.view_token") or self.has_revoke_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        """Everybody's own; a superuser's are all."""
        tokens: QuerySet[Token] = super().get_queryset(request)
        return tokens if request.user.is_superuser else tokens.filter(user=request.user.pk)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Without the one that would do nothing."""
        token = self.get_object(request, object_id)
        done = token is None or token.revoked_at is not None
        return [] if done else super().get_actions_detail(request, object_id)  # type: ignore[misc]

    # Cells

    @admin.display(description="Token")
    def title(self, token: Token) -> SafeString:
        name = columns.link(columns.page(token), token.name or "Without a name", "rota-name")
        return format_html('{}<div class="rota-id">{}…</div>', name, token.hint)

    @admin.display(description="User")
    def owner(self, token: Token) -> str:
        return token.user.get_username()

    @admin.display(description="May")
    def may(self, token: Token) -> SafeString:
        tags = format_html_join("", '<span class="rota-tag">{}</span>', ((scope,) for scope in token.scopes))
        return format_html("<span>{}</span>", tags)  # one cell on a phone, where cells are rows of two columns

    @admin.display(description="State")
    def state(self, token: Token) -> SafeString:
        refusal = token.refusal(timezone.now())
        if not refusal:
            return columns.badge("Active", "green")
        said = "Revoked" if token.revoked_at else "Expired" if token.user.is_active else "User not active"
        return columns.badge(said, "red" if token.revoked_at else "slate", refusal)

    @admin.display(description="Expires")
    def expires(self, token: Token) -> SafeString:
        return columns.moment(token.expires_at, timezone.now(), empty="never")

    @admin.display(description="Last used")
    def last_use(self, token: Token) -> SafeString:
        told = columns.moment(token.last_used_at, timezone.now(), empty="never")
        whence = token.last_used_from
        return format_html('{}<div class="rota-faint">from {}</div>', told, whence) if whence else told

    @admin.display(description="Made")
    def made(self, token: Token) -> SafeString:
        return format_html("{} by {}", columns.moment(token.created_at, timezone.now()), token.created_by or "—")

    @admin.display(description="Revoked")
    def revoked(self, token: Token) -> SafeString:
        told = columns.moment(token.revoked_at, timezone.now())
        return format_html("{} by {}", told, token.revoked_by or "—") if token.revoked_at else told

    # Making one

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> Any:
        """A token is as good as its user: only a superuser, who may do all anyway, makes them for others."""
        if obj is not None:
            return self.told
        return ("name", *(("user",) if request.user.is_superuser else ()), "scopes", "lasts", "until")

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> Any:
        return self.told if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With one button: whichever it were, what follows is the text of the token."""
        alone = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**(extra_context or {}), **alone})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        token, obj.text = store.create_token(
            given.get("user") or request.user,
            given["scopes"],
            name=given["name"],
            expires_at=given["expires_at"],
            by=request.user.get_username(),
            now=timezone.now(),
        )
        obj.pk = token.pk
        obj.refresh_from_db()

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The text goes into this one answer, and neither into a message nor a session, which are kept."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Copy the token now",
            "token": obj,
            "example": request.build_absolute_uri(reverse("api:openapi-view")).removesuffix("/docs"),
        }
        return TemplateResponse(request, "admin/scheduling/token_made.html", context)

    @action(description="Revoke", icon="block", url_path="revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(token: Token) -> Question:
            def verb(_: dict[str, Any]) -> str:
                done = store.revoke_token(token, by=request.user.get_username(), now=timezone.now())
                return f"{token} is revoked." if done else f"{token} was revoked already."

            return Question(f"Revoke {token}?", "Revoke", verb, notes=(REVOKING, _used(token)), danger=True)

        return asked(self, request, object_id, question)


def _end(given: dict[str, Any]) -> Any:
    """When it expires; None for never."""
    if given.get("until"):
        return given["until"].replace(tzinfo=timezone.get_current_timezone())
    return timezone.now() + timedelta(days=int(given["lasts"])) if given.get("lasts") else None


def _used(token: Token) -> SafeString | str:
    if token.last_used_at is None:
        return "It was never used."
    return format_html("It was used last: {}", columns.moment(token.last_used_at, timezone.now()))
