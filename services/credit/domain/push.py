"""Answers to pushed rows, and what makes a repeat the same row or another one (I1)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal
from uuid import UUID

from shared.kernel.errors import FieldError

Status = Literal["created", "unchanged", "refused"]

#: Stored names that differ from those of the pushed row.
_SAID_AS = {
    "amount_fen": "amount",
    "principal_fen": "principal",
    "enterprise_id": "uscc",
    "line_id": "line_external_id",
    "loan_id": "loan_external_id",
    "drawdown_id": "drawdown_external_id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAnswer:
    """What became of one row."""

    row: int
    external_id: str | None
    status: Status
    id: UUID | None = None
    errors: tuple[FieldError, ...] = ()


def refused(row: int, external_id: str | None, errors: Sequence[FieldError]) -> RowAnswer:
    """A row that was not taken, and why."""
    return RowAnswer(row=row, external_id=external_id, status="refused", errors=tuple(errors))


def repeated(row: int, id: UUID, kept: Any, given: Any) -> RowAnswer:
    """Answer a row whose number is in the book: the same content, or refused with what differs.

    `kept` and `given` are values of one class with an `external_id`.

    Units:   none.
    Raises:  nothing.
    Source:  I1.
    """
    differing = [
        _SAID_AS.get(each.name, each.name)
        for each in fields(kept)
        if getattr(kept, each.name) != getattr(given, each.name)
    ]
    external_id = str(given.external_id)
    if not differing:
        return RowAnswer(row=row, external_id=external_id, status="unchanged", id=id)
    said = "、".join(differing)
    error = FieldError("external_id", "push.changed", f"此编号已入账,以下各项与已入账的不同:{said}")
    return RowAnswer(row=row, external_id=external_id, status="refused", id=id, errors=(error,))
