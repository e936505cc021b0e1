"""The audit trail over HTTP, the same in every service."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from shared.platform import audit_search
from shared.platform.access import may
from shared.platform.audit_search import AuditFilter
from shared.platform.audit_verify import Verify, verify
from shared.platform.web import Cursor, Limit, Out, Run, decode_cursor, page_of

router = APIRouter(tags=["platform"])
Text = Annotated[str | None, Query(min_length=1, max_length=120)]


class AuditOut(Out):
    """One act: who did what to which subject, and its place in its organisation's chain.

    `n` and `hash` are null for the moment until the line is chained.
    """

    id: int
    org: str
    n: int | None
    at: datetime
    actor: str
    action: str
    subject: str
    before: Any
    after: Any
    trace: str
    hash: str | None


class AuditPage(Out):
    """Acts, newest first."""

    items: list[AuditOut]
    next_cursor: str | None


class MisfitOut(Out):
    """The first line that does not fit; `n` is 0 where it has no number."""

    org: str
    n: int
    what: str
    detail: str


class VerifiedOut(Out):
    """A verification: by whom, how many lines fit, up to which number, and the first bad row.

    With a `next_cursor` it is not at its end: a call with that goes on.
    """

    at: datetime
    by: str
    org: str
    chains: int
    lines: int
    pending: int
    misfits: int
    first: MisfitOut | None
    heads: dict[str, int]
    next_cursor: str | None


@router.post(
    "/audit/verification", response_model=VerifiedOut, dependencies=[may("audit", "verify")]
)
async def post_audit_verification(run: Run, cursor: UUID | None = None) -> Response:
    """核验操作记录:逐条重算哈希链,指出第一处不符;结果本身也记入操作记录(`audit.verified`)。

    记录多时分段进行:`next_cursor` 不为空,即以它为 `cursor` 再次调用,直至为空。
    """
    return await run(verify, Verify(cursor), answer=VerifiedOut.model_validate)


@router.get("/audit", dependencies=[may("audit", "read")])
async def get_audit(
    run: Run,
    *,
    org: Text = None,
    actor: Text = None,
    action: Text = None,
    subject: Text = None,
    since: Annotated[date | None, Query(alias="from", description="起始日期(含)")] = None,
    until: Annotated[date | None, Query(alias="to", description="截止日期(含)")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> AuditPage:
    """操作记录:本机构的;审计员可见全部。`action` 按开头匹配。"""
    wanted = AuditFilter(
        org=org,
        actor=actor,
        action=action,
        subject=subject,
        since=since,
        until=until,
        before=_place(cursor),
        limit=limit,
    )
    found = await run.read(audit_search.page, wanted)
    rows, following = page_of(found, limit, lambda line: (line.id,))
    items = [AuditOut.model_validate(line) for line in rows]
    return AuditPage(items=items, next_cursor=following)


def _place(cursor: str | None) -> int | None:
    place = decode_cursor(cursor, int)
    return place[0] if place else None
