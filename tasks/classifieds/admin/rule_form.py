"""The forms of a rule and of the global filters: choices for people in place of JSON."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanSwitchWidget

from scheduling.admin.fields import AREA, TEXT, TagsField
from tasks.classifieds import channels
from tasks.classifieds.expression import InvalidRule
from tasks.classifieds.filters import global_filters
from tasks.classifieds.models import Category, Filters, Kind, ListingStatus, Rule
from tasks.classifieds.models.rules import LONGEST_EXPRESSION
from tasks.classifieds.parsing import parse

if TYPE_CHECKING:
    RuleBase = forms.ModelForm[Rule]
    FiltersBase = forms.ModelForm[Filters]
else:
    RuleBase = FiltersBase = forms.ModelForm

USUAL = "usual"  # in place of choices: those of the global filters
FILTERS = ("listing_types", "exclude_status", "ships_to", "min_seller_reputation")
SHIPS_TO = "Words with commas between them; one must be part of what the listing says. Without such words it passes."


class ExpressionField(forms.CharField):
    """A rule's expression, with the line ends that positions are counted by."""

    widget = forms.Textarea(
        attrs={
            "class": f"{AREA} rota-code",
            "rows": 6,
            "spellcheck": "false",
            "autocomplete": "off",
            "autocapitalize": "off",
        }
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "strip": False, "max_length": LONGEST_EXPRESSION})

    def to_python(self, value: Any) -> str:
        return with_plain_ends(super().to_python(value) or "")

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        try:
            parse(text)
        except InvalidRule as error:
            raise forms.ValidationError(error.told, code="invalid") from None
        return text


class UsualOrField(forms.MultipleChoiceField):
    """Some of the choices, or None, which is what the global filters say."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def clean(self, value: Any) -> Any:
        found: list[str] = super().clean(value)
        return None if USUAL in found else found

    def prepare_value(self, value: Any) -> Any:
        return [USUAL] if value is None else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def offer(self, choices: Iterable[tuple[str, str]], usual: str) -> None:
        """Let people choose among these, or what holds usually."""
        self.choices = [(USUAL, f"As the global filters say: {usual}"), *choices]


class WordsField(TagsField):
    """Words with commas between them; to have none is the same as not to say."""

    widget = forms.TextInput(attrs={"class": TEXT, "placeholder": "USA, worldwide"})

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != self.to_python(initial or []))


class RuleForm(RuleBase):
    expression = ExpressionField()
    categories = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text="None chosen: all categories."
    )
    channels = forms.MultipleChoiceField(
        required=False,
        label="Tell on",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Only channels that are configured. Without one, matches are kept and nobody is told.",
    )
    listing_types = UsualOrField(required=False, label="Types", help_text="None chosen: any type.")
    exclude_status = UsualOrField(required=False, label="Leave out", help_text="None chosen: whatever its status.")
    ships_to_usual = forms.BooleanField(required=False, label="Ships to", widget=UnfoldBooleanSwitchWidget)
    ships_to = WordsField(required=False, label="Ships to one of", help_text=SHIPS_TO)

    class Meta:
        model = Rule
        fields = ("name", "is_active", "expression", "currency", "categories", "channels", *FILTERS)
        labels: ClassVar = {"currency": "Amounts are in", "min_seller_reputation": "Least reputation of the seller"}
        help_texts: ClassVar = {
            "currency": "Those without a currency of their own in the expression.",
            "min_seller_reputation": "Empty: as the global filters say. 0: any, also if it is not known.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = global_filters()
        fields: dict[str, Any] = self.fields
        if "expression" not in fields:  # for who only looks
            return
        fields["categories"].choices = _with_gone(
            Category.objects.values_list("slug", "name"), self.instance.categories
        )
        fields["channels"].choices = _with_gone(channels.choices(), self.instance.channels)
        fields["listing_types"].offer(Kind.choices, listed(usual.listing_types))
        fields["exclude_status"].offer(ListingStatus.choices, listed(usual.exclude_status, "nothing"))
        fields["ships_to_usual"].help_text = f"As the global filters say: {listed(usual.ships_to)}"
        self.initial["ships_to_usual"] = self.instance.ships_to is None

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.cleaned_data.get("ships_to_usual"):
            self.cleaned_data["ships_to"] = None
        return self.cleaned_data

    def draft(self) -> Rule:
        """The rule as far as the form can be read, for a preview."""
        self.is_valid()
        names = ("expression", "currency", "categories", *FILTERS)
        return Rule(**{name: self.cleaned_data[name] for name in names if name in self.cleaned_data})


class FiltersForm(FiltersBase):
    listing_types = forms.MultipleChoiceField(
        required=False,
        label="Types",
        choices=Kind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: any type.",
    )
    exclude_status = forms.MultipleChoiceField(
        required=False,
        label="Leave out",
        choices=ListingStatus.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: whatever its status.",
    )
    ships_to = WordsField(required=False, label="Ships to", help_text=SHIPS_TO)

    class Meta:
        model = Filters
        fields = FILTERS
        labels: ClassVar = {"min_seller_reputation": "Least reputation of the seller"}


def with_plain_ends(text: str) -> str:
    """With the line ends that a text field counts by, whatever the browser has sent."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def listed(values: Any, nothing: str = "any") -> str:
    return ", ".join(map(str, values)) if values else nothing


def _with_gone(known: Iterable[tuple[str, str]], kept: Any) -> list[tuple[str, str]]:
    """The choices, and those of the row that are none any more."""
    choices = list(known)
    names = {name for name, _ in choices}
    return choices + [(name, f"{name} (not there any more)") for name in kept or () if name not in names]
