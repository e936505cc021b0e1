"""Institutions, outlets and staff: the bulk side for imports."""

from collections.abc import Sequence
from uuid import UUID

from services.registry.domain.records import InstitutionRow, OutletRow, StaffRow
from services.registry.store.bulk import execute, fetch
from shared.platform.database import Transaction


async def digests(tx: Transaction, table: str, key: str, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """The content with which the rows are stored."""
    rows = await fetch(
        tx, f"select {key}, digest from {table} where {key} = any($1::uuid[])", list(ids)
    )
    return {row[0]: row[1] for row in rows}


async def count_rows(tx: Transaction, table: str, institution_id: UUID | None) -> int:
    """How many rows a table has, of one institution where one is given."""
    rows = await fetch(
        tx,
        f"select count(*) from {table} where $1::uuid is null or institution_id = $1",
        institution_id,
    )
    return int(rows[0][0])


async def institution_of_outlets(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Outlet → institution, for those that are known."""
    rows = await fetch(
        tx,
        "select outlet_id, institution_id from outlet where outlet_id = any($1::uuid[])",
        list(ids),
    )
    return {row[0]: row[1] for row in rows}


async def put_institutions(tx: Transaction, rows: Sequence[tuple[InstitutionRow, object]]) -> None:
    """Store institutions over what was there; each with the day it is valid from."""
    await _put(
        tx,
        "institution",
        {
            "institution_id": "uuid",
            "code": "text",
            "name": "text",
            "institution_type": "text",
            "uscc": "text",
            "valid_from": "date",
            "digest": "bytea",
        },
        [
            (r.institution_id, r.key, r.name, r.institution_type, r.uscc, day, r.digest)
            for r, day in rows
        ],
    )


async def put_outlets(tx: Transaction, rows: Sequence[tuple[OutletRow, object]]) -> None:
    """Store outlets over what was there; each with the day it is valid from."""
    await _put(
        tx,
        "outlet",
        {
            "outlet_id": "uuid",
            "institution_id": "uuid",
            "code": "text",
            "name": "text",
            "address": "text",
            "region_code": "text",
            "longitude_e6": "int",
            "latitude_e6": "int",
            "precision": "text",
            "datum": "text",
            "relationship_managers": "int",
            "service_capacity": "int",
            "valid_from": "date",
            "digest": "bytea",
        },
        [
            (
                r.outlet_id,
                r.institution_id,
                r.code,
                r.name,
                r.address,
                r.region_code,
                r.longitude_e6,
                r.latitude_e6,
                r.precision,
                r.datum,
                r.relationship_managers,
                r.service_capacity,
                day,
                r.digest,
            )
            for r, day in rows
        ],
    )


async def put_staff(tx: Transaction, rows: Sequence[StaffRow]) -> None:
    """Store staff over what was there; names go to `person_data`."""
    await _put(
        tx,
        "staff",
        {
            "staff_id": "uuid",
            "institution_id": "uuid",
            "outlet_id": "uuid",
            "code": "text",
            "role": "text",
            "valid_from": "date",
            "valid_to": "date",
            "digest": "bytea",
        },
        [
            (
                r.staff_id,
                r.institution_id,
                r.outlet_id,
                r.code,
                r.role,
                r.valid_from,
                r.valid_to,
                r.digest,
            )
            for r in rows
        ],
    )


async def _put(
    tx: Transaction, table: str, types: dict[str, str], rows: Sequence[Sequence[object]]
) -> None:
    """Insert or replace rows; the first column is the key."""
    if not rows:
        return
    key, *others = types
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types.values(), 1))
    sets = ", ".join(f"{name} = excluded.{name}" for name in others)
    await execute(
        tx,
        f"insert into {table} ({', '.join(types)}) select * from unnest({arrays})"
        f" on conflict ({key}) do update set {sets}",
        *(list(column) for column in zip(*rows, strict=True)),
    )
