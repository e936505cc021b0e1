"""Lines and loans in the book, as a batch reads and writes them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from services.credit.domain.contents import Kept, LineContent, LoanContent, NewLine, NewLoan

_ADD_LINES = """
insert into credit_line (line_id, institution_id, external_id, enterprise_id, outlet_id,
    region_code, amount_fen, approved_on, valid_from, valid_until, recorded_at)
select l.line_id, $1, l.external_id, l.enterprise_id, l.outlet_id, l.region_code,
    l.amount_fen, l.approved_on, l.valid_from, l.valid_until, $2
from unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::bigint[],
    $9::date[], $10::date[], $11::date[])
  as l (line_id, external_id, enterprise_id, outlet_id, region_code, amount_fen,
    approved_on, valid_from, valid_until)
order by l.external_id
"""

_ADD_LOANS = """
insert into loan (loan_id, institution_id, external_id, line_id, enterprise_id, outlet_id,
    region_code, amount_fen, origin, securities, annual_rate_bp, granted_on, matures_on, booked_at,
    first_loan_claimed, medium_long_claimed, unsecured_claimed, ip_pledged_claimed,
    definition, medium_long, unsecured, ip_pledged, recorded_at)
select l.loan_id, $1, l.external_id, l.line_id, l.enterprise_id, l.outlet_id,
    l.region_code, l.amount_fen, l.origin, string_to_array(l.securities, ' '), l.rate, l.granted_on,
    l.matures_on, l.booked_at, l.first_claimed, l.long_claimed, l.unsecured_claimed, l.ip_claimed,
    l.definition, l.medium_long, l.unsecured, l.ip_pledged, $2
from unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::bigint[],
    $10::text[], $11::text[], $12::int[], $13::date[], $14::date[], $15::timestamptz[],
    $16::boolean[], $17::boolean[], $18::boolean[], $19::boolean[],
    $20::text[], $21::boolean[], $22::boolean[], $23::boolean[])
  as l (loan_id, external_id, line_id, enterprise_id, outlet_id, region_code, amount_fen,
    origin, securities, rate, granted_on, matures_on, booked_at,
    first_claimed, long_claimed, unsecured_claimed, ip_claimed,
    definition, medium_long, unsecured, ip_pledged)
order by l.external_id
"""


async def kept_lines(
    driver: Connection, institution_id: UUID, external_ids: Collection[str]
) -> dict[str, Kept[LineContent]]:
    """The lines an institution already has under these numbers."""
    rows = await _by_number(driver, "credit_line", institution_id, external_ids)
    return {
        row["external_id"]: Kept(
            id=row["line_id"],
            content=LineContent(
                external_id=row["external_id"],
                enterprise_id=row["enterprise_id"],
                outlet_id=row["outlet_id"],
                amount_fen=row["amount_fen"],
                approved_on=row["approved_on"],
                valid_from=row["valid_from"],
                valid_until=row["valid_until"],
            ),
        )
        for row in rows
    }


async def kept_loans(
    driver: Connection, institution_id: UUID, external_ids: Collection[str]
) -> dict[str, Kept[LoanContent]]:
    """The loans an institution already has under these numbers."""
    rows = await _by_number(driver, "loan", institution_id, external_ids)
    return {
        row["external_id"]: Kept(
            id=row["loan_id"],
            content=LoanContent(
                external_id=row["external_id"],
                line_id=row["line_id"],
                enterprise_id=row["enterprise_id"],
                outlet_id=row["outlet_id"],
                amount_fen=row["amount_fen"],
                origin=row["origin"],
                securities=tuple(row["securities"]),
                annual_rate_bp=row["annual_rate_bp"],
                granted_on=row["granted_on"],
                matures_on=row["matures_on"],
                booked_at=row["booked_at"],
                first_loan_claimed=row["first_loan_claimed"],
                medium_long_claimed=row["medium_long_claimed"],
                unsecured_claimed=row["unsecured_claimed"],
                ip_pledged_claimed=row["ip_pledged_claimed"],
            ),
        )
        for row in rows
    }


async def _by_number(
    driver: Connection, table: str, institution_id: UUID, external_ids: Collection[str]
) -> list[Record]:
    return await driver.fetch(
        f"select * from {table} where institution_id = $1 and external_id = any($2::text[])",
        institution_id,
        sorted(set(external_ids)),
    )


async def add_lines(
    driver: Connection, institution_id: UUID, lines: Sequence[NewLine], now: datetime
) -> None:
    """Enter new lines."""
    rows: list[tuple[Any, ...]] = [
        (
            line.line_id,
            line.content.external_id,
            line.content.enterprise_id,
            line.content.outlet_id,
            line.region_code,
            line.content.amount_fen,
            line.content.approved_on,
            line.content.valid_from,
            line.content.valid_until,
        )
        for line in lines
    ]
    await driver.execute(_ADD_LINES, institution_id, now, *zip(*rows, strict=True))


async def add_loans(
    driver: Connection, institution_id: UUID, loans: Sequence[NewLoan], now: datetime
) -> None:
    """Enter new loans with the classes computed for them."""
    rows: list[tuple[Any, ...]] = [
        (
            loan.loan_id,
            loan.content.external_id,
            loan.content.line_id,
            loan.content.enterprise_id,
            loan.content.outlet_id,
            loan.region_code,
            loan.content.amount_fen,
            loan.content.origin,
            " ".join(loan.content.securities),
            loan.content.annual_rate_bp,
            loan.content.granted_on,
            loan.content.matures_on,
            loan.content.booked_at,
            loan.content.first_loan_claimed,
            loan.content.medium_long_claimed,
            loan.content.unsecured_claimed,
            loan.content.ip_pledged_claimed,
            loan.classes.definition,
            loan.classes.medium_long,
            loan.classes.unsecured,
            loan.classes.ip_pledged,
        )
        for loan in loans
    ]
    await driver.execute(_ADD_LOANS, institution_id, now, *zip(*rows, strict=True))
