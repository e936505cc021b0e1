"""Credit over HTTP."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.credit.api.rows import (
    Batch,
    DrawdownIn,
    LineIn,
    LoanIn,
    RepaymentIn,
    ReversalIn,
    push_of,
)
from services.credit.api.schemas import (
    ApplicationIn,
    ApplicationOut,
    ApplicationsOut,
    DecisionIn,
    LinesOut,
    LoanFileOut,
    LoansOut,
    ProductsOut,
    PushOut,
    ReasonsOut,
)
from services.credit.api.webhooks import router as webhooks_router
from services.credit.domain.products import catalogue
from services.credit.domain.reasons import REASONS
from services.credit.store.applications import State
from services.credit.store.listings import BookQuery
from services.credit.usecases import (
    decide_application,
    file_application,
    find_application,
    find_loan,
    list_applications,
    list_lines,
    list_loans,
    push_drawdowns,
    push_lines,
    push_loans,
    push_repayments,
    push_reversals,
)
from shared.platform.access import may
from shared.platform.approvals import Approval
from shared.platform.web import Cursor, Limit, Run, Who, decode_cursor, page_of

router = APIRouter(tags=["credit"])
router.include_router(webhooks_router)


def _after(cursor: str | None) -> tuple[date, UUID] | None:
    place = decode_cursor(cursor, date, UUID)
    return (place[0], place[1]) if place else None


def _book_query(
    enterprise_id: UUID | None = None,
    institution_id: UUID | None = None,
    external_id: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> BookQuery:
    return BookQuery(
        enterprise_id=enterprise_id,
        institution_id=institution_id,
        external_id=external_id,
        after=_after(cursor),
        limit=limit,
    )


Wanted = Annotated[BookQuery, Depends(_book_query)]


def _rows_of(model: Any) -> dict[str, Any]:
    """OpenAPI of a batch whose rows are read one by one."""
    batch = Batch.model_json_schema()
    batch["properties"]["rows"]["items"] = model.model_json_schema()
    return {"requestBody": {"content": {"application/json": {"schema": batch}}}}


@router.get("/products", dependencies=[may("product", "read")])
async def get_products(_caller: Who) -> ProductsOut:
    """产品目录,含历史版本。"""
    return ProductsOut.of(catalogue())


@router.get("/decline-reasons", dependencies=[may("product", "read")])
async def get_decline_reasons(_caller: Who) -> ReasonsOut:
    """拒绝原因代码及可修复方。"""
    return ReasonsOut.of(tuple(REASONS.values()))


@router.post(
    "/applications",
    status_code=201,
    response_model=ApplicationOut,
    dependencies=[may("application", "create")],
)
async def post_application(body: ApplicationIn, run: Run) -> Response:
    """登记一笔融资申请;同一编号同一内容重复提交得到同一结果。"""
    return await run(file_application, body.command(), answer=ApplicationOut.of, status=201)


@router.get("/applications", dependencies=[may("application", "read")])
async def get_applications(
    run: Run,
    enterprise_id: UUID | None = None,
    state: State | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> ApplicationsOut:
    """可见范围内的申请,最新的在前。"""
    found = await run.read(
        list_applications,
        enterprise_id=enterprise_id,
        state=state,
        after=_after(cursor),
        limit=limit,
    )
    page, following = page_of(found, limit, lambda a: (a.filing.filed_on, a.filing.application_id))
    return ApplicationsOut(items=[ApplicationOut.of(a) for a in page], next_cursor=following)


@router.get("/applications/{application_id}", dependencies=[may("application", "read")])
async def get_application(application_id: UUID, run: Run) -> ApplicationOut:
    """一笔申请及其结论。"""
    return ApplicationOut.of(await run.read(find_application, application_id))


@router.post(
    "/applications/{application_id}/decision",
    response_model=ApplicationOut,
    dependencies=[may("application", "approve")],
)
async def post_decision(
    application_id: UUID, body: DecisionIn, run: Run, approval: Approval
) -> Response:
    """银行的决定:批准须有金额,拒绝须有原因代码。

    批准金额超过产品上限的,须本行另一人复核:先在 identity 的 `/approvals` 提出
    (action `application.override`,subject 为申请编号,payload 为本请求内容),
    通过后带上 `X-Approval`。
    """
    command = body.command(application_id, approval)
    return await run(decide_application, command, answer=ApplicationOut.of)


@router.post(
    "/lines:batch",
    response_model=PushOut,
    openapi_extra=_rows_of(LineIn),
    dependencies=[may("loan", "create")],
)
async def post_lines(body: Batch, run: Run) -> Response:
    """银行核心系统推送授信。"""
    return await run(push_lines, push_of(body, LineIn, LineIn.value), answer=PushOut.of)


@router.post(
    "/loans:batch",
    response_model=PushOut,
    openapi_extra=_rows_of(LoanIn),
    dependencies=[may("loan", "create")],
)
async def post_loans(body: Batch, run: Run) -> Response:
    """银行核心系统推送贷款合同。"""
    return await run(push_loans, push_of(body, LoanIn, LoanIn.value), answer=PushOut.of)


@router.post(
    "/drawdowns:batch",
    response_model=PushOut,
    openapi_extra=_rows_of(DrawdownIn),
    dependencies=[may("loan", "create")],
)
async def post_drawdowns(body: Batch, run: Run) -> Response:
    """银行核心系统推送放款。"""
    return await run(push_drawdowns, push_of(body, DrawdownIn, DrawdownIn.value), answer=PushOut.of)


@router.post(
    "/repayments:batch",
    response_model=PushOut,
    openapi_extra=_rows_of(RepaymentIn),
    dependencies=[may("loan", "create")],
)
async def post_repayments(body: Batch, run: Run) -> Response:
    """银行核心系统推送本金偿还。"""
    return await run(
        push_repayments, push_of(body, RepaymentIn, RepaymentIn.value), answer=PushOut.of
    )


@router.post(
    "/reversals:batch",
    response_model=PushOut,
    openapi_extra=_rows_of(ReversalIn),
    dependencies=[may("loan", "create")],
)
async def post_reversals(body: Batch, run: Run) -> Response:
    """银行核心系统推送放款冲正。"""
    return await run(push_reversals, push_of(body, ReversalIn, ReversalIn.value), answer=PushOut.of)


@router.get("/loans", dependencies=[may("loan", "read")])
async def get_loans(run: Run, wanted: Wanted) -> LoansOut:
    """可见范围内的贷款及余额,最新发放的在前。"""
    found = await run.read(list_loans, wanted)
    page, following = page_of(found, wanted.limit, lambda loan: (loan.granted_on, loan.loan_id))
    return LoansOut.of(page, following)


@router.get("/loans/{loan_id}", dependencies=[may("loan", "read")])
async def get_loan(loan_id: UUID, run: Run) -> LoanFileOut:
    """一笔贷款、余额及其全部资金变动。"""
    return LoanFileOut.of(await run.read(find_loan, loan_id))


@router.get("/lines", dependencies=[may("loan", "read")])
async def get_lines(run: Run, wanted: Wanted) -> LinesOut:
    """可见范围内的授信及已用额度,最新批准的在前。"""
    found = await run.read(list_lines, wanted)
    page, following = page_of(found, wanted.limit, lambda line: (line.approved_on, line.line_id))
    return LinesOut.of(page, following)
