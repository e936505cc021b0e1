"""Tables for people outside: their columns, and cells that no spreadsheet takes for a formula."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

ColumnKind = Literal["text", "number", "flag", "date"]
Format = Literal["xlsx", "csv", "parquet"]
_ACTING: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name in data files, its Chinese title in sheets, and what its values are."""

    name: str
    title: str
    kind: ColumnKind = "text"


def harmless(text: str) -> str:
    """Return a text that no spreadsheet program runs when it opens a CSV file.

    Units:   none.
    Raises:  nothing.
    Source:  S16, formulas in exported data.
    """
    return "'" + text if text.startswith(_ACTING) else text


def shown(value: Any) -> str:
    """Return a value as text for a sheet: 是 and 否, ISO dates, empty where unknown.

    Units:   none.
    Raises:  nothing.
    Source:  JS-05.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    return value.isoformat() if isinstance(value, date) else str(value)
