"""Routes of lists from year to year, times on the list, and loan status."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.registry.api.paging import id_in
from services.registry.api.search_schemas import ExportIn, ExportOut
from services.registry.store.vintages import Difference
from services.registry.usecases import exporting, vintages
from services.registry.usecases.exporting import StartExport
from services.registry.usecases.vintages import StateLoan
from shared.kernel.money import yuan
from shared.platform.access import may
from shared.platform.web import Cursor, In, Limit, Out, Run, decode_cursor, page_of

router = APIRouter(tags=["lists"])
VintageQuery = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Change = Literal["new", "dropped", "changed", "kept"]
ALL: tuple[str, ...] = ("new", "dropped", "changed", "kept")


class VintageOut(Out):
    """A list; `pinned`: a campaign stands on it, and nobody is put on it any more."""

    list_vintage: str
    enterprises: int
    pinned: bool


class VintageList(Out):
    """Lists, the newest first."""

    items: list[VintageOut]
    next_cursor: None = None


class ComparedOut(Out):
    """Two lists and how many enterprises came, went, changed and stayed."""

    newer: str
    older: str
    counts: dict[str, int]


class FieldChangeOut(Out):
    """A column of the list that differs; amounts in yuan."""

    field: str
    before: str | int | bool | None
    after: str | int | bool | None


class DifferenceOut(Out):
    """An enterprise on either list. Changed without fields: name, address, number or person."""

    enterprise_id: UUID
    uscc: str
    name: str
    change: Change
    fields: list[FieldChangeOut]

    @classmethod
    def of(cls, each: Difference) -> "DifferenceOut":
        fields = [
            FieldChangeOut.model_validate(
                {"field": n, "before": _yuan(n, old), "after": _yuan(n, new)}
            )
            for n, (old, new) in each.fields.items()
        ]
        return cls(
            enterprise_id=each.enterprise_id,
            uscc=each.uscc,
            name=each.name,
            change=each.change,
            fields=fields,
        )


def _yuan(field: str, value: object) -> object:
    return yuan(value) if field.endswith("_fen") and isinstance(value, int) else value


class DifferencePage(Out):
    """Enterprises by id."""

    items: list[DifferenceOut]
    next_cursor: str | None


class DroppedOut(Out):
    """An enterprise that stood on the list before and is not in the file."""

    enterprise_id: UUID
    uscc: str
    name: str


class DroppedPage(Out):
    """Enterprises by code."""

    items: list[DroppedOut]
    next_cursor: str | None


class MembershipOut(Out):
    """An unbroken time on the list: first and last day, and the lists that gave it."""

    first_on: date
    last_on: date
    vintages: list[str]


class MembershipList(Out):
    """Times on the list, the first one first."""

    items: list[MembershipOut]
    next_cursor: None = None


class LoanStatementOut(Out):
    """What was said of loans as of a day; has_loan null: no longer known."""

    as_of: date
    has_loan: bool | None
    source: str
    recorded_at: datetime


class LoanStatements(Out):
    """Statements, the latest day first: the first one is what holds."""

    items: list[LoanStatementOut]
    next_cursor: None = None

    @classmethod
    def of(cls, statements: list[vintages.LoanStatement]) -> "LoanStatements":
        return cls(items=[LoanStatementOut.model_validate(each) for each in statements])


class LoanIn(In):
    """An answer: does the enterprise have a loan as of this day?"""

    has_loan: bool
    as_of: date


@router.get("/list-vintages", dependencies=[may("list_vintage", "read")])
async def get_list_vintages(run: Run) -> VintageList:
    """各期名单及其户数;已被专项行动采用的名单不可再增减。"""
    found = await run.read(vintages.list_vintages)
    return VintageList(items=[VintageOut.model_validate(each) for each in found])


@router.get("/list-vintages/{list_vintage}/comparison", dependencies=[may("list_vintage", "read")])
async def get_comparison(list_vintage: str, run: Run, against: VintageQuery = None) -> ComparedOut:
    """与上一期(或指定一期)名单比较:新增、退出、变更、不变的户数。"""
    return ComparedOut.model_validate(await run.read(vintages.compare, list_vintage, against))


@router.get("/list-vintages/{list_vintage}/differences", dependencies=[may("list_vintage", "read")])
async def get_differences(
    *,
    list_vintage: str,
    run: Run,
    against: VintageQuery = None,
    change: Change | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> DifferencePage:
    """逐户差异及变更的栏目。"""
    changes = (change,) if change else ALL[:3]
    found = await run.read(
        vintages.list_differences,
        list_vintage,
        against,
        changes=changes,
        after=id_in(cursor),
        limit=limit,
    )
    items, following = page_of(found, limit, lambda each: (str(each.enterprise_id),))
    return DifferencePage(items=[DifferenceOut.of(each) for each in items], next_cursor=following)


@router.post(
    "/list-vintages/{list_vintage}/differences/exports",
    status_code=202,
    response_model=ExportOut,
    dependencies=[may("list_vintage", "export")],
)
async def post_difference_export(
    list_vintage: str, body: ExportIn, run: Run, against: VintageQuery = None
) -> Response:
    """把逐户差异导出为文件,须写明用途。"""
    compared = await run.read(vintages.compare, list_vintage, against)
    command = StartExport(
        what="differences",
        format=body.format,
        params={"newer": compared.newer, "older": compared.older},
        purpose=body.purpose,
    )
    return await run(exporting.start_export, command, answer=ExportOut.of, status=202)


@router.get("/imports/{import_id}/dropped", dependencies=[may("list_import", "read")])
async def get_import_dropped(
    import_id: UUID, run: Run, cursor: Cursor = None, limit: Limit = 100
) -> DroppedPage:
    """所比较的名单中有、而文件中没有的企业(试导入时即可查看)。"""
    place = decode_cursor(cursor, str)
    after = place[0] if place else None
    found = await run.read(vintages.dropped_by_import, import_id, after, limit)
    items, following = page_of(found, limit, lambda each: (each[1],))
    shown = [DroppedOut(enterprise_id=i, uscc=code, name=name) for i, code, name in items]
    return DroppedPage(items=shown, next_cursor=following)


@router.get("/enterprises/{enterprise_id}/memberships", dependencies=[may("enterprise", "read")])
async def get_memberships(enterprise_id: UUID, run: Run) -> MembershipList:
    """一家企业在库的起止日期(每次入库有效一年,逐年续期)。"""
    found = await run.read(vintages.memberships_of, enterprise_id)
    return MembershipList(items=[MembershipOut.model_validate(each) for each in found])


@router.get("/enterprises/{enterprise_id}/loan-status", dependencies=[may("enterprise", "read")])
async def get_loan_status(enterprise_id: UUID, run: Run) -> LoanStatements:
    """一家企业有无贷款的历次说明(名单、银行答复、贷款入账),日期近的在前。"""
    return LoanStatements.of(await run.read(vintages.loans_of, enterprise_id))


@router.put(
    "/enterprises/{enterprise_id}/loan-status",
    response_model=LoanStatements,
    dependencies=[may("loan_status", "update")],
)
async def put_loan_status(enterprise_id: UUID, body: LoanIn, run: Run) -> Response:
    """答复一家企业某日有无贷款。"""
    command = StateLoan(enterprise_id=enterprise_id, has_loan=body.has_loan, as_of=body.as_of)
    return await run(vintages.state_loan, command, answer=LoanStatements.of)
