"""What pushed lines and loans are judged against, read in a few statements for a whole batch."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from uuid import UUID

from asyncpg import Connection

from services.credit.domain.contracts import Firm, LineTerms, Surroundings
from services.credit.domain.regions import Slices


async def surroundings(
    driver: Connection,
    institution_id: UUID,
    *,
    usccs: Collection[str],
    line_external_ids: Collection[str] = (),
) -> Surroundings:
    """The outlets of an institution, and the enterprises and lines a batch names."""
    code = await driver.fetchval(
        "select code from institution where institution_id = $1", institution_id
    )
    outlets = await driver.fetch(
        "select outlet_id from outlet where institution_id = $1", institution_id
    )
    return Surroundings(
        institution_code=code,
        outlets=frozenset(row["outlet_id"] for row in outlets),
        firms=await _firms(driver, usccs),
        lines=await _lines(driver, institution_id, line_external_ids),
    )


async def _firms(driver: Connection, usccs: Collection[str]) -> dict[str, Firm]:
    rows = await driver.fetch(
        "select enterprise_id, uscc from enterprise where uscc = any($1::text[])",
        sorted(set(usccs)),
    )
    slices = await slices_of(driver, [row["enterprise_id"] for row in rows])
    return {
        row["uscc"]: Firm(enterprise_id=row["enterprise_id"], slices=slices[row["enterprise_id"]])
        for row in rows
    }


async def slices_of(driver: Connection, enterprise_ids: Collection[UUID]) -> dict[UUID, Slices]:
    """The dated counties of enterprises, oldest first."""
    rows = await driver.fetch(
        "select enterprise_id, valid_from, region_code from enterprise_region"
        " where enterprise_id = any($1::uuid[]) order by enterprise_id, valid_from",
        list(set(enterprise_ids)),
    )
    slices: dict[UUID, list[tuple[date, str]]] = defaultdict(list)
    for row in rows:
        slices[row["enterprise_id"]].append((row["valid_from"], row["region_code"]))
    return dict(slices)


async def _lines(
    driver: Connection, institution_id: UUID, external_ids: Collection[str]
) -> dict[str, LineTerms]:
    if not external_ids:
        return {}
    rows = await driver.fetch(
        "select line_id, external_id, enterprise_id, amount_fen, valid_from, valid_until"
        " from credit_line where institution_id = $1 and external_id = any($2::text[])",
        institution_id,
        sorted(set(external_ids)),
    )
    return {
        row["external_id"]: LineTerms(
            line_id=row["line_id"],
            enterprise_id=row["enterprise_id"],
            amount_fen=row["amount_fen"],
            valid_from=row["valid_from"],
            valid_until=row["valid_until"],
        )
        for row in rows
    }
