"""What a clerk may have meant: a suggestion beside a reason, never taken without them."""

import re
from contextlib import suppress
from difflib import get_close_matches
from typing import Final

from shared.kernel.errors import BadInput
from shared.kernel.industry import industries
from shared.kernel.uscc import check, check_character

_LOOK_ALIKE: Final = str.maketrans("IOSVZ", "105U2")
_DIGITS: Final = re.compile(r"\d+")


def suggestion(code: str, value: str) -> str:
    """Return what the value may have been meant to be; empty where nothing can be said.

    Units:   none.
    Raises:  nothing.
    Source:  JS-04, R1.
    """
    match code:
        case "uscc.format":
            return _look_alike(value)
        case "uscc.check_character":
            return _check_character(value)
        case "industry.unknown":
            return _industry(value)
        case "date.format":
            return _date(value)
        case "flag.format":
            return "填“是”或“否”;不清楚时留空"
        case "money.format" | "number.format":
            found = _DIGITS.findall(value)
            return f"若为 {found[0]},只填数字" if len(found) == 1 else "只填数字,不清楚时留空"
        case _:
            return ""


def _valid(code: str) -> str:
    try:
        return check(code)
    except BadInput:
        return ""


def _look_alike(value: str) -> str:
    meant = _valid(value.upper().translate(_LOOK_ALIKE))
    return f"可能是 {meant}(易混字符)" if meant else ""


def _check_character(value: str) -> str:
    """The right last character, or two neighbours that may have changed places."""
    if len(value) != 18:
        return ""
    swapped = {
        meant
        for at in range(17)
        if value[at] != value[at + 1]
        and (meant := _valid(value[:at] + value[at + 1] + value[at] + value[at + 2 :]))
    }
    said = [f"{meant}(相邻两位颠倒)" for meant in sorted(swapped)] if len(swapped) <= 2 else []
    with suppress(BadInput):
        said.append(f"若前17位无误,末位应为 {check_character(value[:17])}")
    return ";或 ".join(said)


def _industry(value: str) -> str:
    names = {each.name: each.code for each in industries()}
    close = get_close_matches(value, names, n=2, cutoff=0.4)
    return "可能是 " + "、".join(f"{names[name]} {name}" for name in close) if close else ""


def _date(value: str) -> str:
    found = _DIGITS.findall(value)
    if len(found) == 3 and len(found[2]) == 4:
        return f"写成 {found[2]}-{found[1]:0>2}-{found[0]:0>2} 的形式(年在前)"
    if len(found) == 2 and len(found[0]) == 4:
        return "请补上日"
    return ""
