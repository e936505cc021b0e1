"""What the registry takes and answers as JSON."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from services.registry.domain.records import Reason
from services.registry.domain.suggestions import suggestion
from services.registry.store import queries
from services.registry.store.imports import RowOutcome
from services.registry.usecases.enterprises import EnterpriseFile
from services.registry.usecases.imports import ImportState, Started
from shared.kernel.industry import industry
from shared.kernel.region import Region, full_name
from shared.platform.web import In, Out

RegionCode = Field(pattern=r"^\d{6}$")


class StartedOut(Out):
    """Where to watch an import."""

    import_id: UUID
    job_id: UUID

    @classmethod
    def of(cls, started: Started) -> "StartedOut":
        return cls(import_id=started.import_id, job_id=started.job_id)


class CountsOut(Out):
    """taken + refused + doubtful = rows; new + changed + unchanged = taken."""

    rows: int
    taken: int
    refused: int
    doubtful: int
    new: int
    changed: int
    unchanged: int
    dropped: int | None


class SkippedOut(Out):
    """A line that is no data row: a footer, or the header printed again."""

    row: int
    text: str


class ImportErrorOut(Out):
    """Why the file as a whole could not be taken."""

    code: str
    title: str
    detail: str


class ImportOut(Out):
    """An import. `state`: queued, reading, checked (dry run), done or failed; progress 0 to 1.

    `columns`: which header each column was read from; `headers`: all of the sheet, as they stand.
    """

    import_id: UUID
    job_id: UUID | None
    kind: str
    state: str
    progress: float
    file_name: str
    digest: str
    list_vintage: str | None
    compared_with: str | None
    valid_from: date
    dry_run: bool
    sheet: str | None
    columns: dict[str, str]
    headers: list[str]
    data_rows: int | None
    blank_lines: int
    skipped: list[SkippedOut]
    counts: CountsOut
    error: ImportErrorOut | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, state: ImportState) -> "ImportOut":
        job, counts = state.job, state.counts
        finished = job.state in ("done", "checked")
        return cls(
            import_id=job.import_id,
            job_id=job.job_id,
            kind=job.kind,
            state=job.state,
            progress=1.0 if finished else min(counts.rows / job.rows, 0.99) if job.rows else 0.0,
            file_name=job.file_name,
            digest=job.digest,
            list_vintage=job.list_vintage,
            compared_with=job.baseline,
            valid_from=job.valid_from,
            dry_run=job.dry_run,
            sheet=job.sheet_read,
            columns=job.columns or {},
            headers=job.headers or [],
            data_rows=job.rows,
            blank_lines=job.blank,
            skipped=[SkippedOut(row=row, text=text) for row, text in job.skipped or ()],
            counts=CountsOut(
                rows=counts.rows,
                taken=counts.taken,
                refused=counts.refused,
                doubtful=counts.doubtful,
                new=counts.new,
                changed=counts.changed,
                unchanged=counts.unchanged,
                dropped=job.dropped,
            ),
            error=ImportErrorOut.model_validate(job.error) if job.error else None,
            created_at=job.created_at,
            finished_at=job.finished_at,
        )


class ReasonOut(Out):
    """Where in the row, what is wrong, the value that stands there, and what it may have meant."""

    column: str
    code: str
    message: str
    value: str
    suggestion: str = ""

    @classmethod
    def of(cls, why: Reason) -> "ReasonOut":
        return cls(
            column=why.column,
            code=why.code,
            message=why.message,
            value=why.value,
            suggestion=suggestion(why.code, why.value),
        )


class RowOut(Out):
    """What became of one row of the sheet; reasons of a taken row are remarks."""

    row: int
    outcome: Literal["taken", "refused", "doubtful"]
    change: str | None
    key: str
    reasons: list[ReasonOut]

    @classmethod
    def of(cls, row: RowOutcome) -> "RowOut":
        return cls.model_validate(
            {
                "row": row.row,
                "outcome": row.outcome,
                "change": row.change or None,
                "key": row.key,
                "reasons": [ReasonOut.of(reason) for reason in row.reasons],
            }
        )


class SliceOut(Out):
    """What held from a day on."""

    valid_from: date
    region_code: str
    industry_code: str | None
    address: str
    reason: str


class EnterpriseOut(Out):
    """An enterprise now; persons masked."""

    enterprise_id: UUID
    uscc: str
    name: str
    region_code: str
    region_name: str
    registered_address: str
    business_address: str
    legal_representative: str
    phone: str
    industry_code: str | None
    industry_name: str | None
    has_loan: bool | None
    registration_no: str
    founded_on: date | None
    employees: int | None
    longitude: float
    latitude: float
    precision: str
    datum: str = Field(description="坐标录入时的坐标系;经纬度已统一换算为 WGS-84")
    list_vintage: str
    version: int

    @classmethod
    def of(cls, enterprise: queries.Enterprise) -> "EnterpriseOut":
        return cls.model_validate(_shown(enterprise))


class EnterpriseFileOut(EnterpriseOut):
    """An enterprise with its history and the lists it stands on."""

    slices: list[SliceOut]
    list_vintages: list[str]

    @classmethod
    def of_file(cls, file: EnterpriseFile) -> "EnterpriseFileOut":
        """From the stored file."""
        return cls.model_validate(
            _shown(file.enterprise)
            | {
                "slices": [SliceOut.model_validate(each) for each in file.slices],
                "list_vintages": file.vintages,
            }
        )


def _shown(enterprise: queries.Enterprise) -> dict[str, object]:
    code = enterprise.industry_code
    shown: dict[str, object] = {
        name: getattr(enterprise, name) for name in queries.Enterprise.__slots__
    }
    return shown | {
        "region_name": full_name(enterprise.region_code),
        "industry_name": industry(code).name if code else None,
        "longitude": enterprise.longitude_e6 / 1_000_000,
        "latitude": enterprise.latitude_e6 / 1_000_000,
    }


class ChangeIn(In):
    """The enterprise is in another county, or another industry, from `valid_from` on."""

    region_code: str = RegionCode
    valid_from: date
    reason: str = Field(min_length=1, max_length=200)
    address: str | None = Field(default=None, max_length=200)
    industry_code: str | None = Field(default=None, max_length=4)


class InstitutionOut(Out):
    """A bank institution."""

    institution_id: UUID
    institution_code: str
    name: str
    institution_type: str
    active: bool
    valid_from: date


class OutletOut(Out):
    """A bank outlet."""

    outlet_id: UUID
    institution_id: UUID
    outlet_code: str
    name: str
    address: str
    region_code: str
    longitude: float
    latitude: float
    precision: str
    relationship_managers: int
    service_capacity: int | None
    active: bool
    valid_from: date

    @classmethod
    def of(cls, outlet: queries.Outlet) -> "OutletOut":
        values = {name: getattr(outlet, name) for name in queries.Outlet.__slots__}
        return cls.model_validate(
            values
            | {
                "longitude": outlet.longitude_e6 / 1_000_000,
                "latitude": outlet.latitude_e6 / 1_000_000,
            }
        )


class StaffOut(Out):
    """A person on a bank's roster; the name is masked for everyone but the own institution."""

    staff_id: UUID
    institution_id: UUID
    outlet_id: UUID
    staff_code: str
    name: str
    position: str
    valid_from: date
    valid_to: date | None

    @classmethod
    def of(cls, person: queries.StaffMember) -> "StaffOut":
        values = {name: getattr(person, name) for name in queries.StaffMember.__slots__}
        return cls.model_validate(values | {"position": person.role})


class RegionOut(Out):
    """A province, city or county; a development zone with a code of its own counts as a county."""

    region_code: str
    name: str
    level: Literal["province", "city", "county"]
    parent_code: str | None
    zone: bool

    @classmethod
    def of(cls, region: Region) -> "RegionOut":
        return cls.model_validate(
            {
                "region_code": region.code,
                "name": region.name,
                "level": "county" if region.is_county else region.level.value,
                "parent_code": region.parent,
                "zone": region.level.value == "zone",
            }
        )


class ImportPage(Out):
    """Imports, the newest first."""

    items: list[ImportOut]
    next_cursor: str | None


class RowPage(Out):
    """Rows of an import in the order of the sheet."""

    items: list[RowOut]
    next_cursor: str | None


class EnterprisePage(Out):
    """Enterprises by credit code."""

    items: list[EnterpriseOut]
    next_cursor: str | None


class InstitutionPage(Out):
    """Institutions by code."""

    items: list[InstitutionOut]
    next_cursor: str | None


class OutletPage(Out):
    """Outlets."""

    items: list[OutletOut]
    next_cursor: str | None


class StaffPage(Out):
    """Staff on the roster today."""

    items: list[StaffOut]
    next_cursor: str | None


class RegionList(Out):
    """All regions, parents before children."""

    items: list[RegionOut]
    next_cursor: None = None
