"""The form of an account: tokens are entered and never shown; an empty field keeps the one that is there."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget

from tasks.exceptions import InvalidItem
from tasks.social.connecting import Tokens
from tasks.social.identity import check_id
from tasks.social.models import Account
from tasks.social.sign_in import is_token

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Account]
else:
    BaseForm = forms.ModelForm

LONGEST_TOKEN = 5000  # characters
UNFIT = "This is no token: it has characters that no token has. Copy it anew."
KEPT = "Never shown. Empty: the one that is there stays."


class TokenField(forms.CharField):
    """A token, which no page ever sends back."""

    widget = UnfoldAdminPasswordWidget

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"autocomplete": "new-password", "spellcheck": "false"}
        widget = UnfoldAdminPasswordWidget(attrs=attributes, render_value=False)
        super().__init__(**{"required": False, "max_length": LONGEST_TOKEN, "widget": widget, **kwargs})

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not is_token(value):
            raise forms.ValidationError(UNFIT)


class AccountForm(BaseForm):
    """Which account, and with which tokens; cleaned it has `tokens`."""

    new_access_token = TokenField(label="Access token", help_text=KEPT)
    new_refresh_token = TokenField(
        label="Refresh token", help_text=f"If the platform gives one, as LinkedIn and X do. {KEPT}"
    )

    class Meta:
        model = Account
        fields = ("business", "platform", "external_id", "name", "is_active", "expires_at")
        labels: ClassVar = {"expires_at": "The access token ends"}
        help_texts: ClassVar = {
            "expires_at": "Empty: no end is known. A new token does not take over the end of the old."
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        access = given.get("new_access_token") or ""
        if self.instance._state.adding and not access:
            self.add_error("new_access_token", "Without it nothing can be read.")
        self._check_id(given)
        is_new_end = "expires_at" in self.changed_data
        given["tokens"] = Tokens(
            access=access,
            refresh=given.get("new_refresh_token") or "",
            expires_at=given.get("expires_at") if is_new_end else None,
        )
        return given

    def _check_id(self, given: dict[str, Any]) -> None:
        """Of an account that is there it stays as it is."""
        if self.instance._state.adding and {"platform", "external_id"} <= given.keys():
            try:
                check_id(given["platform"], given["external_id"])
            except InvalidItem as error:
                self.add_error("external_id", str(error))
