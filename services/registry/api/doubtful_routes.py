"""Doubtful rows: the queue, and a person's decision on each."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.registry.api.schemas import ReasonOut, RowOut
from services.registry.store.imports import WaitingRow
from services.registry.usecases import deciding
from services.registry.usecases.deciding import DecideRow, ReopenRow
from shared.platform.access import may
from shared.platform.web import In, Out, Run, decode_cursor, page_of

router = APIRouter(tags=["doubtful rows"])
Limit = Annotated[int, Query(ge=1, le=500)]
Correctable = Literal["uscc", "name", "registered_address", "business_address", "industry"]


class DoubtfulOut(Out):
    """A row that waits for a person."""

    import_id: UUID
    kind: str
    list_vintage: str | None
    row: int
    key: str
    reasons: list[ReasonOut]

    @classmethod
    def of(cls, row: WaitingRow) -> "DoubtfulOut":
        return cls(
            import_id=row.import_id,
            kind=row.kind,
            list_vintage=row.list_vintage,
            row=row.row,
            key=row.key,
            reasons=[ReasonOut.model_validate(each) for each in row.reasons],
        )


class DoubtfulPage(Out):
    """Rows that wait, import by import."""

    items: list[DoubtfulOut]
    next_cursor: str | None


class RowDecisionIn(In):
    """`take`: as it stands, or with `corrections`; `existing`: it is `enterprise_id`; `refuse`."""

    decision: Literal["take", "existing", "refuse"]
    reason: str = Field(min_length=1, max_length=500)
    enterprise_id: UUID | None = None
    corrections: dict[Correctable, Annotated[str, Field(max_length=200)]] = Field(
        default_factory=dict
    )


class ReopeningIn(In):
    """Why a refused row is to be looked at again."""

    reason: str = Field(min_length=1, max_length=500)


@router.get("/doubtful", dependencies=[may("list_import", "read")])
async def get_doubtful(run: Run, cursor: str | None = None, limit: Limit = 50) -> DoubtfulPage:
    """待人工确认的行。"""
    found = await run.read(deciding.waiting_rows, _after(cursor), limit + 1)
    items, following = page_of(found, limit, lambda each: (str(each.import_id), each.row))
    return DoubtfulPage(items=[DoubtfulOut.of(each) for each in items], next_cursor=following)


@router.post(
    "/imports/{import_id}/rows/{row}/decision",
    response_model=RowOut,
    dependencies=[may("list_import", "create")],
)
async def post_row_decision(import_id: UUID, row: int, body: RowDecisionIn, run: Run) -> Response:
    """处理一行:更正后导入、认定为已有企业,或不导入;处理人与理由留存。"""
    command = DecideRow(
        import_id=import_id,
        row=row,
        decision=body.decision,
        enterprise_id=body.enterprise_id,
        corrections={str(field): text for field, text in body.corrections.items()},
        reason=body.reason,
    )
    if body.decision != "refuse":
        command = await deciding.with_row(run.database, run.settings, run.principal, command)
    return await run(deciding.decide_row, command, answer=RowOut.of)


@router.post(
    "/imports/{import_id}/rows/{row}/reopening",
    response_model=RowOut,
    dependencies=[may("list_import", "create")],
)
async def post_row_reopening(import_id: UUID, row: int, body: ReopeningIn, run: Run) -> Response:
    """撤销“不导入”:这一行回到待确认的队列。"""
    command = ReopenRow(import_id=import_id, row=row, reason=body.reason)
    return await run(deciding.reopen_row, command, answer=RowOut.of)


def _after(cursor: str | None) -> tuple[UUID, int] | None:
    place = decode_cursor(cursor, UUID, int)
    return (place[0], place[1]) if place else None
