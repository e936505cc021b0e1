"""Labels: what institutions, outlets, enterprises and campaigns are called, as last told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import asyncpg

from services.reporting.store.tables import REBUILT
from shared.contracts import allocation, registry
from shared.contracts.event import Event

Labels = dict[str, dict[Any, tuple[Any, ...]]]


def labels_of(events: Iterable[Event]) -> Labels:
    """The rows of the label tables that events ask for; the last word about a thing counts."""
    found: Labels = {"enterprise": {}, "institution": {}, "outlet": {}, "campaign": {}}
    for event in events:
        note(event, found)
    return found


def note(event: Event, found: Labels) -> None:
    """Add what one event says."""
    match event:
        case registry.EnterpriseListed(enterprise_id=key):
            found["enterprise"][key] = (key, event.uscc)
        case registry.InstitutionChanged(institution_id=key):
            found["institution"][key] = (
                key, event.institution_code, event.name, event.institution_type, event.active,
            )  # fmt: skip
        case registry.OutletChanged(outlet_id=key):
            found["outlet"][key] = (
                key, event.institution_id, event.name, int(event.region_code), event.active,
            )  # fmt: skip
        case (
            allocation.CampaignOpened(campaign_id=key)
            | allocation.CampaignAmended(campaign_id=key, list_vintage=str())
        ):
            found["campaign"][key] = (
                key, event.profile, event.list_vintage, event.opens_on, event.visits_until,
            )  # fmt: skip
        case _:
            pass


_TYPES: Final = {
    "enterprise": ("uuid", "text"),
    "institution": ("uuid", "text", "text", "text", "boolean"),
    "outlet": ("uuid", "uuid", "text", "int", "boolean"),
    "campaign": ("uuid", "text", "text", "date", "date"),
}


async def save(connection: asyncpg.Connection, labels: Labels) -> None:
    """Write labels over what was there."""
    for table, rows in labels.items():
        if not rows:
            continue
        columns = REBUILT[table]
        arrays = [f"${at}::{kind}[]" for at, kind in enumerate(_TYPES[table], start=1)]
        sets = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
        await connection.execute(
            f"insert into {table} ({', '.join(columns)}) select * from unnest({', '.join(arrays)})"
            f" order by 1 on conflict ({columns[0]}) do update set {sets}",
            *(list(column) for column in zip(*rows.values(), strict=True)),
        )
