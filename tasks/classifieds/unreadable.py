"""What is wrong with an expression that cannot be parsed, where, and what to write instead."""

from lark import Token, UnexpectedToken

from tasks.classifieds.expression import InvalidRule
from tasks.classifieds.models.rules import CURRENCIES

CURLED = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"  # quotes of word processors
WORDS = {  # what the parser calls what it waits for, as people write it
    "COMPARISON": "= != < <= > >=",
    "TEXT_TEST": "contains, startswith, endswith, matches, fuzzy_contains",
    "_IN": "in",
    "_IS": "is missing",
    "_MISSING": "missing",
    "_AND": "AND",
    "_OR": "OR",
    "_NOT": "NOT",
    "FIELD": "a field",
    "STRING": 'a text "in quotes"',
    "NUMBER": "a number",
    "CURRENCY": "a currency",
    "BOOLEAN": "",  # no field takes one
    "SYMBOL": "",  # a number, as people see it
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": "a comma",
    "$END": "the end",
}


def wrong(token: Token, message: str) -> InvalidRule:
    start, end = token.start_pos or 0, token.end_pos or 0
    return InvalidRule(message, line=token.line or 1, column=token.column or 1, start=start, end=end)


def at(text: str, start: int, end: int, message: str) -> InvalidRule:
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    return InvalidRule(message, line=line, column=column, start=start, end=end)


def unexpected(text: str, error: UnexpectedToken) -> InvalidRule:
    """A part where none like it can be: what was expected instead."""
    token = error.token
    if token.type == "$END":
        told = f"The rule breaks off here. Expected: {_words(error.expected)}."
        return at(text, len(text.rstrip()), len(text), told)
    if token.type == "FIELD" and "CURRENCY" in error.expected:
        known = ", ".join(CURRENCIES)
        return wrong(token, f"{token} is no currency that is known, and no AND or OR. Currencies: {known}.")
    if token.type == "FIELD" and "STRING" in error.expected:
        return wrong(token, f'A text needs quotes: "{token}".')
    return wrong(token, f"{token} cannot stand here. Expected: {_words(error.expected)}.")


def unreadable(text: str, position: int) -> InvalidRule:
    character = text[position]
    if character in "\"'":
        return at(text, position, len(text), f"This text has no end: write {character} after its last character.")
    if character in CURLED:
        return at(text, position, position + 1, f"Texts stand in straight quotes, \" or ', not in {character}.")
    if character == "-":
        return at(text, position, position + 1, "Numbers have no minus sign here.")
    return at(text, position, position + 1, f'{character} means nothing in a rule; texts stand in "quotes".')


def _words(expected: set[str]) -> str:
    return ", ".join(WORDS[name] for name in WORDS if name in expected and WORDS[name])
