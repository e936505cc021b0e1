"""The accounts a batch of movements touches: locked, moved in memory, written once."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from services.credit.domain.book import Drawdown, LineAccount, LoanAccount
from services.credit.domain.contents import (
    DrawdownContent,
    Kept,
    MovementKind,
    NewMovement,
    RepaymentContent,
    ReversalContent,
)
from services.credit.domain.movements import Ledger
from services.credit.store.surroundings import slices_of

_LOCK_LINES = """
select line_id, amount_fen, outstanding_fen from credit_line
where line_id in (select line_id from loan where loan_id = any($1::uuid[]))
order by line_id for no key update
"""
_LOCK_LOANS = """
select loan_id, external_id, line_id, enterprise_id, outlet_id, amount_fen, origin, granted_on,
       drawn_fen, repaid_fen, last_moved_on
from loan where loan_id = any($1::uuid[]) order by loan_id for no key update
"""
_HISTORY = """
select loan_id, business_on,
       sum(case kind when 'drawdown' then amount_fen when 'reversal' then -amount_fen else 0 end)
           ::bigint as drawn,
       sum(case kind when 'repayment' then amount_fen else 0 end)::bigint as repaid
from movement where loan_id = any($1::uuid[]) group by loan_id, business_on
order by loan_id, business_on
"""
_KEPT = """
select movement_id, external_id, loan_id, drawdown_id, amount_fen, business_on from movement
where institution_id = $1 and kind = $2 and external_id = any($3::text[])
"""
_DRAWDOWNS = """
select d.movement_id, d.external_id, d.loan_id, d.amount_fen, d.business_on,
       coalesce(sum(r.amount_fen), 0)::bigint as reversed_fen
from movement d left join movement r on r.drawdown_id = d.movement_id
where d.institution_id = $1 and d.kind = 'drawdown' and d.external_id = any($2::text[])
group by d.movement_id
"""
_ADD = """
insert into movement (movement_id, kind, institution_id, external_id, loan_id, drawdown_id,
    amount_fen, business_on, region_code, recorded_at)
select m.movement_id, m.kind, $1, m.external_id, m.loan_id, m.drawdown_id, m.amount_fen,
    m.business_on, m.region_code, $2
from unnest($3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::bigint[],
    $9::date[], $10::text[])
  as m (movement_id, kind, external_id, loan_id, drawdown_id, amount_fen, business_on, region_code)
order by m.external_id
"""
_SAVE_LOANS = """
update loan l set drawn_fen = u.drawn, repaid_fen = u.repaid, last_moved_on = u.day
from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::date[]) as u (id, drawn, repaid, day)
where l.loan_id = u.id
"""
_SAVE_LINES = """
update credit_line l set outstanding_fen = u.fen
from unnest($1::uuid[], $2::bigint[]) as u (id, fen) where l.line_id = u.id
"""


async def ledger_of_loans(
    driver: Connection,
    institution_id: UUID,
    kind: MovementKind,
    *,
    external_ids: Collection[str],
    named: Mapping[str, date],
) -> Ledger:
    """Lock the loans a batch names; `named` gives the earliest business day per loan number."""
    found = await driver.fetch(
        "select loan_id, external_id from loan"
        " where institution_id = $1 and external_id = any($2::text[])",
        institution_id,
        sorted(named),
    )
    days = {row["loan_id"]: named[row["external_id"]] for row in found}
    accounts = await _lock(driver, days)
    return Ledger(
        institution_id=institution_id,
        loans={row["external_id"]: accounts[row["loan_id"]] for row in found},
        drawdowns={},
        kept=await _kept(driver, institution_id, kind, external_ids),
        slices=await slices_of(driver, [account.enterprise_id for account in accounts.values()]),
    )


async def ledger_of_drawdowns(
    driver: Connection,
    institution_id: UUID,
    *,
    external_ids: Collection[str],
    named: Mapping[str, date],
) -> Ledger:
    """Lock the loans whose drawdowns a batch books back; `named` as above, per drawdown number."""
    numbers = sorted(named)
    found = await driver.fetch(
        "select loan_id, external_id from movement where institution_id = $1"
        " and kind = 'drawdown' and external_id = any($2::text[])",
        institution_id,
        numbers,
    )
    days: dict[UUID, date] = {}
    for row in found:
        day = named[row["external_id"]]
        days[row["loan_id"]] = min(days.get(row["loan_id"], day), day)
    accounts = await _lock(driver, days)
    drawdowns = await driver.fetch(_DRAWDOWNS, institution_id, numbers)
    return Ledger(
        institution_id=institution_id,
        loans={},
        # One booked since we looked, on a loan that we do not hold, comes after this batch.
        drawdowns={
            row["external_id"]: _drawdown(row, accounts)
            for row in drawdowns
            if row["loan_id"] in accounts
        },
        kept=await _kept(driver, institution_id, "reversal", external_ids),
        slices=await slices_of(driver, [account.enterprise_id for account in accounts.values()]),
    )


async def _lock(driver: Connection, days: Mapping[UUID, date]) -> dict[UUID, LoanAccount]:
    """Lines before loans, each by id: every batch waits in the same order, so none in a circle."""
    ids = sorted(days)
    lines = {
        row["line_id"]: LineAccount(
            line_id=row["line_id"],
            amount_fen=row["amount_fen"],
            outstanding_fen=row["outstanding_fen"],
        )
        for row in await driver.fetch(_LOCK_LINES, ids)
    }
    rows = await driver.fetch(_LOCK_LOANS, ids)
    dated_back = [
        row["loan_id"]
        for row in rows
        if row["last_moved_on"] and days[row["loan_id"]] < row["last_moved_on"]
    ]
    history: dict[UUID, list[Record]] = defaultdict(list)
    for step in await driver.fetch(_HISTORY, dated_back) if dated_back else []:
        history[step["loan_id"]].append(step)
    return {row["loan_id"]: _account(row, lines, history[row["loan_id"]]) for row in rows}


def _account(
    row: Record, lines: Mapping[UUID, LineAccount], history: Sequence[Record]
) -> LoanAccount:
    account = LoanAccount(
        loan_id=row["loan_id"],
        enterprise_id=row["enterprise_id"],
        outlet_id=row["outlet_id"],
        new_money=row["origin"] == "new",
        amount_fen=row["amount_fen"],
        granted_on=row["granted_on"],
    )
    for step in history:
        account.move(step["business_on"], drawn=step["drawn"], repaid=step["repaid"])
    if not history and row["last_moved_on"]:
        # Nothing in the batch lies before the last movement: one opening step says all.
        account.move(row["last_moved_on"], drawn=row["drawn_fen"], repaid=row["repaid_fen"])
    account.line = lines.get(row["line_id"])
    return account


def _drawdown(row: Record, accounts: Mapping[UUID, LoanAccount]) -> Drawdown:
    return Drawdown(
        drawdown_id=row["movement_id"],
        loan=accounts[row["loan_id"]],
        amount_fen=row["amount_fen"],
        reversed_fen=row["reversed_fen"],
        drawn_on=row["business_on"],
    )


async def _kept(
    driver: Connection, institution_id: UUID, kind: MovementKind, external_ids: Collection[str]
) -> dict[str, Kept[Any]]:
    rows = await driver.fetch(_KEPT, institution_id, kind, sorted(set(external_ids)))
    return {
        row["external_id"]: Kept(id=row["movement_id"], content=_CONTENT[kind](row)) for row in rows
    }


def _drawdown_content(row: Record) -> DrawdownContent:
    return DrawdownContent(
        external_id=row["external_id"],
        loan_id=row["loan_id"],
        amount_fen=row["amount_fen"],
        drawn_on=row["business_on"],
    )


def _repayment_content(row: Record) -> RepaymentContent:
    return RepaymentContent(
        external_id=row["external_id"],
        loan_id=row["loan_id"],
        principal_fen=row["amount_fen"],
        repaid_on=row["business_on"],
    )


def _reversal_content(row: Record) -> ReversalContent:
    return ReversalContent(
        external_id=row["external_id"],
        drawdown_id=row["drawdown_id"],
        amount_fen=row["amount_fen"],
        reversed_on=row["business_on"],
    )


_CONTENT: Mapping[
    MovementKind, Callable[[Record], DrawdownContent | RepaymentContent | ReversalContent]
] = {
    "drawdown": _drawdown_content,
    "repayment": _repayment_content,
    "reversal": _reversal_content,
}


async def add_movements(
    driver: Connection, ledger: Ledger, moved: Sequence[NewMovement], now: datetime
) -> None:
    """Enter movements and write the accounts they moved."""
    rows = [
        (
            m.movement_id,
            m.kind,
            m.external_id,
            m.loan_id,
            m.drawdown_id,
            m.amount_fen,
            m.business_on,
            m.region_code,
        )
        for m in moved
    ]
    await driver.execute(_ADD, ledger.institution_id, now, *zip(*rows, strict=True))
    touched = {m.loan_id for m in moved}
    accounts = {
        account.loan_id: account
        for account in (*ledger.loans.values(), *(d.loan for d in ledger.drawdowns.values()))
        if account.loan_id in touched
    }
    saved = [(a.loan_id, a.drawn_fen, a.repaid_fen, a.last_moved_on) for a in accounts.values()]
    await driver.execute(_SAVE_LOANS, *zip(*saved, strict=True))
    lines = {a.line.line_id: a.line.outstanding_fen for a in accounts.values() if a.line}
    if lines:
        await driver.execute(_SAVE_LINES, list(lines), list(lines.values()))
