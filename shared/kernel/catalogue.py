"""The data catalogue: the class and the retention of every column (`data/catalogue.toml`)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

CLASSES: Final = ("public", "business", "pseudonym", "personal", "secret", "technical")
_FILE: Final = Path(__file__).parent / "data" / "catalogue.toml"


@dataclass(frozen=True, slots=True)
class Table:
    """A table: column → class; how long rows are kept, and whether housekeeping deletes them."""

    owner: str
    name: str
    columns: Mapping[str, str]
    keep: str
    days: int | None = None
    by: str | None = None
    only: str = "true"


@cache
def tables(service: str) -> dict[str, Table]:
    """The tables of a service by name, those of the platform among them.

    Units:   days.
    Raises:  KeyError, where the file lacks a needed field.
    Source:  M5.
    """
    content: dict[str, dict[str, Any]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    found: dict[str, Table] = {}
    for owner in ("platform", service):
        for name, entry in content.get(owner, {}).items():
            columns = {column: kind for kind in CLASSES for column in entry.get(kind, ())}
            found[name] = Table(
                service,
                name,
                columns,
                entry["keep"],
                entry.get("days"),
                entry.get("by"),
                entry.get("only", "true"),
            )
    return found
