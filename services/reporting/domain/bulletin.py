"""A bulletin edition: lines, cut-off and definitions, frozen as canonical bytes (ST-06)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.reporting.domain import figures
from services.reporting.domain.figures import METRICS, Cell, Group, Line
from shared.kernel.money import wan

#: A change of this number means that older editions were written in another form.
FORM: Final = 1
SECTIONS: Final = ("by_region", "by_institution", "by_region_and_institution")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What identifies an edition, and what it is made of."""

    campaign_id: UUID
    quarter: str
    number: int
    known_at: datetime
    reason: str
    previous: Mapping[str, Any] | None
    previous_sha256: str | None


@dataclass(frozen=True, slots=True)
class Names:
    """What places are called in print."""

    regions: Mapping[int, str]
    institutions: Mapping[bytes, str]


def content(edition: Edition, groups: Sequence[Group], names: Names) -> dict[str, Any]:
    """The whole edition as plain values: what is kept, hashed and printed.

    `groups` are by city and institution; every table and the total come from the same sums.

    Units:   integer fen; 万元 strings beside them as printed.
    Raises:  nothing.
    Source:  JS-22, ST-01, ST-06, ST-08.
    """
    no_bank = [group._replace(institution=None) for group in groups]
    no_region = [group._replace(region=None) for group in groups]
    tables = (
        figures.lines(no_bank, by_institution=False),
        figures.lines(no_region, by_institution=True),
        figures.lines(groups, by_institution=True),
    )
    body: dict[str, Any] = {
        "form": FORM,
        "campaign_id": str(edition.campaign_id),
        "quarter": edition.quarter,
        "edition": edition.number,
        "known_at": edition.known_at.isoformat(),
        "reason": edition.reason,
        "previous_sha256": edition.previous_sha256,
        "definitions": [
            {"code": m.code, "name": m.name_zh, "window": m.window, "rules": list(m.st)}
            for m in METRICS
        ],
        "notes": list(figures.notes()),
        "total": _cell(figures.total(groups)),
    }
    for section, lines in zip(SECTIONS, tables, strict=True):
        body[section] = [_line(line, names) for line in lines]
    body["changes"] = changes(edition.previous, body) if edition.previous else []
    return body


def _cell(cell: Cell) -> dict[str, Any]:
    shown = {code: wan(number) for code, number in cell.items() if code_is_money(code)}
    return {"metrics": cell, "wan": shown}


def code_is_money(code: str) -> bool:
    """True for metrics whose number is an amount in fen."""
    return figures.BY_CODE[code].column == "fen"


def _line(line: Line, names: Names) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if line.region is not None:
        place["region_code"] = f"{line.region:06d}"
        place["region_name"] = names.regions.get(line.region, place["region_code"])
    if line.institution is not None:
        place["institution_id"] = str(UUID(bytes=line.institution))
        place["institution_name"] = names.institutions.get(line.institution, "")
    return place | _cell(line.metrics)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every cell of the region, institution and total tables that differs from the last edition.

    Units:   as the metric.
    Raises:  nothing.
    Source:  ST-06.
    """
    was, now = _cells(before), _cells(after)
    found: list[dict[str, Any]] = []
    for place in sorted(was.keys() | now.keys()):
        old, new = was.get(place, {}), now.get(place, {})
        found += [
            {"place": place, "metric": code, "was": old.get(code, 0), "is": new.get(code, 0)}
            for code in sorted(old.keys() | new.keys())
            if old.get(code, 0) != new.get(code, 0)
        ]
    return found


def _cells(body: Mapping[str, Any]) -> dict[str, Mapping[str, int]]:
    found: dict[str, Mapping[str, int]] = {"total": body["total"]["metrics"]}
    for line in body["by_region"]:
        found[line["region_code"]] = line["metrics"]
    for line in body["by_institution"]:
        found[line["institution_id"]] = line["metrics"]
    return found


def canonical(body: Mapping[str, Any]) -> bytes:
    """The one byte form of an edition: sorted keys, no spaces, UTF-8, one line feed at the end.

    Units:   none.
    Raises:  nothing.
    Source:  ST-06.
    """
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def fingerprint(raw: bytes) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def shown_metrics() -> Iterable[tuple[str, str, bool]]:
    """Code, Chinese name and whether it is money, in print order."""
    return ((m.code, m.name_zh, m.column == "fen") for m in METRICS)
