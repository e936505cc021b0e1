"""Results of a search, facets and exports as JSON."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.registry.store.exports import Export
from services.registry.store.search import Facets, Found
from shared.kernel.industry import industry
from shared.kernel.region import full_name, region
from shared.platform.web import In, Out

LoanStatus = Literal["yes", "no", "unknown"]
_LOANS = {"true": "有贷款", "false": "无贷款", None: "未知"}
_STAGES = {"cocoon": "破茧", "butterfly": "成蝶", None: "未评定"}


class FoundOut(Out):
    """An enterprise in a result; persons are not part of it."""

    enterprise_id: UUID
    uscc: str
    name: str
    region_code: str
    region_name: str
    registered_address: str
    business_address: str
    industry_code: str | None
    industry_name: str | None
    has_loan: bool | None
    stage: str | None
    founded_on: date | None
    employees: int | None
    list_vintage: str

    @classmethod
    def of(cls, found: Found) -> "FoundOut":
        code = found.industry_code
        shown = {name: getattr(found, name) for name in Found.__slots__}
        return cls.model_validate(
            shown
            | {
                "region_name": full_name(found.region_code),
                "industry_name": industry(code).name if code else None,
            }
        )


class FoundPage(Out):
    """Enterprises by credit code."""

    items: list[FoundOut]
    next_cursor: str | None


class FacetOut(Out):
    """One value of a facet with its count; `value` null: not known."""

    value: str | None
    title: str
    enterprises: int


class FacetsOut(Out):
    """A search counted: in all, and by city, industry division, loan, stage and newest list.

    `institution`: those in an institution's care; who is in nobody's care is not among them.
    """

    total: int
    region: list[FacetOut]
    industry: list[FacetOut]
    has_loan: list[FacetOut]
    stage: list[FacetOut]
    list_vintage: list[FacetOut]
    institution: list[FacetOut]

    @classmethod
    def of(cls, facets: Facets) -> "FacetsOut":
        counted = {
            name: [FacetOut(value=v, title=_title(name, v), enterprises=n) for v, n in values]
            for name, values in facets.counts.items()
        }
        counted["institution"] = [
            FacetOut(value=str(id_), title=name, enterprises=n)
            for id_, name, n in facets.institutions
        ]
        return cls.model_validate({"total": facets.total} | counted)


def _title(facet: str, value: str | None) -> str:
    match facet:
        case "region":
            return region(value).name if value else ""
        case "industry":
            return industry(value).name if value else "未知"
        case "has_loan":
            return _LOANS[value]
        case "stage":
            return _STAGES[value]
        case _:
            return value or ""


class ExportIn(In):
    """Which file to make, of which rows, and for what purpose."""

    format: Literal["xlsx", "csv", "parquet"]
    purpose: str = Field(min_length=2, max_length=200)


class ExportOut(Out):
    """An export. `state`: queued, running, done, failed (`error` says why).

    `rows` is null until the file can be fetched.
    """

    export_id: UUID
    job_id: UUID
    what: str
    format: str
    purpose: str
    rows: int | None
    created_at: datetime
    finished_at: datetime | None
    state: str
    error: str | None

    @classmethod
    def of(cls, export: Export) -> "ExportOut":
        shown: dict[str, Any] = {name: getattr(export, name) for name in cls.model_fields}
        return cls.model_validate(shown)
