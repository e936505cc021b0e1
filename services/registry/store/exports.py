"""Exports: what was asked for and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.registry.domain.tables import Format
from shared.platform.database import Transaction
from shared.platform.principal import Principal

_FIELDS = (
    "e.export_id, e.what, e.format, e.params, e.purpose, e.asker, e.job_id, e.created_at, e.rows,"
    " e.finished_at, case when e.rows is not null then 'done' else coalesce(j.state, 'queued') end,"
    " case when e.rows is null then j.error end"
)


@dataclass(frozen=True, slots=True)
class Export:
    """An export as stored; `rows` is None until its file is there.

    `state`: queued, running, done or failed, with the `error` that says why.
    """

    export_id: UUID
    what: str
    format: Format
    params: dict[str, Any]
    purpose: str
    asker: dict[str, Any]
    job_id: UUID
    created_at: datetime
    rows: int | None
    finished_at: datetime | None
    state: str = "queued"
    error: str | None = None

    def principal(self) -> Principal:
        """Who asked: the file holds what that account may see, no more."""
        return msgspec.convert(self.asker, Principal)


async def insert_export(tx: Transaction, new: Export) -> None:
    """Keep a new export."""
    await tx.connection.execute(
        text(
            "insert into export (export_id, what, format, params, purpose, asker, job_id,"
            " created_at) values (:export_id, :what, :format, cast(:params as jsonb), :purpose,"
            " cast(:asker as jsonb), :job_id, :created_at)"
        ),
        {
            "export_id": new.export_id,
            "what": new.what,
            "format": new.format,
            "params": msgspec.json.encode(new.params).decode(),
            "purpose": new.purpose,
            "asker": msgspec.json.encode(new.asker).decode(),
            "job_id": new.job_id,
            "created_at": new.created_at,
        },
    )


async def find_export(tx: Transaction, export_id: UUID) -> Export | None:
    """An export by its id."""
    found = await tx.connection.execute(
        text(
            f"select {_FIELDS} from export e left join job j using (job_id) where e.export_id = :id"
        ),
        {"id": export_id},
    )
    row = found.one_or_none()
    return Export(*row) if row else None


async def finish_export(tx: Transaction, export_id: UUID, rows: int) -> None:
    """The file is there, with so many rows."""
    await tx.connection.execute(
        text("update export set rows = :rows, finished_at = :now where export_id = :id"),
        {"rows": rows, "now": tx.now, "id": export_id},
    )


async def known_exports(tx: Transaction, names: Sequence[str]) -> set[str]:
    """Which of these ids are those of exports still kept."""
    found = await tx.connection.execute(
        text(
            "select cast(export_id as text) from export where cast(export_id as text) = any(:ids)"
        ),
        {"ids": list(names)},
    )
    return set(found.scalars())


def file_of(folder: Path, export: Export) -> Path:
    """Where an export's file lies."""
    return folder / "exports" / f"{export.export_id}.{export.format}"
