"""Personal data as callers see it by default: enough to recognise, too little to misuse."""

import re
from typing import Final

_MOBILE: Final = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)")
_PAPER: Final = re.compile(
    r"(?<![0-9A-Za-z])([1-8]\d{5})(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]"
    r"(?![0-9A-Za-z])"
)


def masked_name(name: str) -> str:
    """Return a person's name with all but its first character hidden."""
    return name[:1] + "*" * min(len(name) - 1, 2) if name else ""


def masked_phone(phone: str) -> str:
    """Return a number with its middle digits hidden; a short one hidden but for its end."""
    if len(phone) < 8:
        return "*" * max(len(phone) - 2, 0) + phone[-2:] if phone else ""
    return f"{phone[:3]}****{phone[-4:]}"


def without_numbers(text: str) -> str:
    """Return a text in which mobile and identity card numbers are hidden.

    For what is shown of a cell that may stand in the wrong column.
    """
    if len(text) < 11:
        return text
    return _PAPER.sub(r"\1************", _MOBILE.sub(r"\1****\2", text))
