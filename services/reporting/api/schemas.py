"""The JSON of reporting's API."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from pydantic import Field

from services.reporting.domain.facts import wire_type
from services.reporting.domain.figures import METRICS, Metric, notes
from services.reporting.domain.kinds import APPLIED, BALANCE, GRANTED, LINE, NEED
from services.reporting.store.bulletins import Kept
from services.reporting.store.figures import Cause, Part, Whole
from services.reporting.usecases import CoverageLine, Row, Table, plain
from shared.kernel.periods import SHANGHAI
from shared.platform.web import In, Out

_WITH_MONEY = frozenset({APPLIED, BALANCE, GRANTED, LINE, NEED})
Names = dict[UUID, tuple[str, str, str]]


def local(instant: datetime | None) -> datetime | None:
    """An instant as the province writes it."""
    return instant.astimezone(SHANGHAI) if instant else None


class MetricOut(Out):
    """The definition of a metric."""

    code: str
    name: str
    column: str
    window: str
    distinct: bool
    rules: list[str]


def definitions() -> list[MetricOut]:
    """All definitions, in print order."""
    return [
        MetricOut(
            code=m.code,
            name=m.name_zh,
            column=m.column,
            window=m.window,
            distinct=m.distinct,
            rules=list(m.st),
        )
        for m in METRICS
    ]


class FigureRow(Out):
    """A row: where, and its metrics as integers (`_fen`: fen)."""

    region_code: str | None = None
    region_name: str | None = None
    institution_id: UUID | None = None
    institution_code: str | None = None
    institution_name: str | None = None
    institution_type: str | None = None
    name: str
    metrics: dict[str, int]

    @classmethod
    def of(cls, row: Row) -> FigureRow:
        """From the answer's row."""
        return cls(
            region_code=row.region_code,
            region_name=row.region_name,
            institution_id=row.institution_id,
            institution_code=row.institution_code,
            institution_name=row.institution_name,
            institution_type=row.institution_type,
            name=row.institution_name or row.region_name or "",
            metrics=row.metrics,
        )


class FiguresOut(Out):
    """Figures of a quarter; `known_at` is the instant of the newest fact they rest on."""

    quarter: str
    known_at: datetime | None
    rows: list[FigureRow]
    total: dict[str, int]
    notes: list[str]

    @classmethod
    def of(cls, table: Table) -> FiguresOut:
        """From the answer."""
        return cls(
            quarter=str(table.quarter),
            known_at=local(table.known_at),
            rows=[FigureRow.of(row) for row in table.rows],
            total=table.total,
            notes=list(notes()),
        )


class EnterprisePart(Out):
    """An enterprise's part in a number. The name is the registry's to tell."""

    enterprise_id: UUID
    name: str | None = None
    uscc: str | None
    region_code: str | None
    institution_id: UUID | None
    institution_name: str | None
    n: int
    fen: int | None


class WholeOut(Out):
    """What all parts come to: the number that was opened."""

    enterprises: int
    n: int
    fen: int | None


class EnterprisesOut(Out):
    """The enterprises behind a number, each once."""

    items: list[EnterprisePart]
    next_cursor: str | None
    total: WholeOut

    @classmethod
    def of(
        cls, page: list[Part], cursor: str | None, whole: Whole, metric: Metric, names: Names
    ) -> EnterprisesOut:
        """From the parts of a page."""
        money = metric.kind in _WITH_MONEY
        items = [
            EnterprisePart(
                enterprise_id=part.enterprise_id,
                uscc=part.uscc,
                region_code=f"{part.county:06d}",
                institution_id=part.institution_id,
                institution_name=_name(part.institution_id, names),
                n=part.n,
                fen=part.fen if money else None,
            )
            for part in page
        ]
        total = WholeOut(enterprises=whole.enterprises, n=whole.n, fen=whole.fen if money else None)
        return cls(items=items, next_cursor=cursor, total=total)


def _name(institution_id: UUID | None, names: Names) -> str | None:
    return names[institution_id][1] if institution_id and institution_id in names else None


class EventPart(Out):
    """An event's part in a number: what, when it happened, when it became known, by whom."""

    event_id: UUID
    type: str
    business_on: date
    known_at: datetime
    recorded_at: datetime
    institution_id: UUID | None
    institution_name: str | None
    outlet_id: UUID | None
    actor: UUID | None
    ref: UUID | None
    n: int
    fen: int | None
    counts: bool

    @classmethod
    def of(cls, cause: Cause, metric: Metric, names: Names) -> EventPart:
        """From the cause; one that takes away counts no more."""
        money = metric.kind in _WITH_MONEY
        amount = cause.n if metric.column == "n" else cause.fen
        return cls(
            event_id=cause.event_id,
            type=wire_type(cause.type),
            business_on=cause.business_on,
            known_at=cause.known_at.astimezone(SHANGHAI),
            recorded_at=cause.recorded_at.astimezone(SHANGHAI),
            institution_id=cause.institution_id,
            institution_name=_name(cause.institution_id, names),
            outlet_id=cause.outlet_id,
            actor=cause.actor,
            ref=cause.ref,
            n=cause.n,
            fen=cause.fen if money else None,
            counts=amount > 0,
        )


class EventsOut(Out):
    """The events behind an enterprise's part in a number, in the order they became known."""

    items: list[EventPart]
    next_cursor: str | None = None


class CoverageRow(Out):
    """Enterprises due a visit, visited, not yet; `rate` = done ÷ due, "—" where none is due.

    `cancelled` of the due are no more, agreed by the bureau (R9): `rate_without_cancelled` leaves
    them out of both sides.
    """

    region_code: str | None = None
    institution_id: UUID | None = None
    name: str
    due: int
    done: int
    open: int
    rate: str
    cancelled: int
    rate_without_cancelled: str

    @classmethod
    def of(cls, line: CoverageLine) -> CoverageRow:
        """From the line; the total has no place."""
        row = line.row
        return cls(
            region_code=row.region_code if row else None,
            institution_id=row.institution_id if row else None,
            name=(row.institution_name or row.region_name or "") if row else "合计",
            due=line.due,
            done=line.done,
            open=line.due - line.done,
            rate=_rate(line.done, line.due),
            cancelled=line.gone,
            rate_without_cancelled=_rate(line.done - line.gone_done, line.due - line.gone),
        )


def _rate(done: int, due: int) -> str:
    if not due:
        return "—"
    return str((Decimal(done) / Decimal(due)).quantize(Decimal("0.0001"), ROUND_HALF_EVEN))


class CoverageOut(Out):
    """Visit coverage as of today."""

    known_at: datetime | None
    rows: list[CoverageRow]
    total: CoverageRow


class BulletinIn(In):
    """What to publish. A further edition of a quarter must say why."""

    campaign_id: UUID
    quarter: str = Field(examples=["2022Q3"])
    known_at: datetime | None = None
    reason: str = Field(default="", max_length=1000)


class BulletinHead(Out):
    """An edition without its content."""

    bulletin_id: UUID
    campaign_id: UUID
    quarter: str
    edition: int
    state: str
    known_at: datetime
    created_at: datetime
    sha256: str

    @classmethod
    def of(cls, kept: Kept) -> BulletinHead:
        """From what is kept."""
        return cls(**_head(kept))


class BulletinOut(BulletinHead):
    """An edition: `content` is what was hashed (canonical JSON: sorted keys, no spaces, LF)."""

    content: dict[str, Any]

    @classmethod
    def whole(cls, kept: Kept) -> BulletinOut:
        """From what is kept."""
        return cls(**_head(kept), content=plain(kept))


def _head(kept: Kept) -> dict[str, Any]:
    return {
        "bulletin_id": kept.bulletin_id,
        "campaign_id": kept.campaign_id,
        "quarter": kept.quarter,
        "edition": kept.edition,
        "state": "published",
        "known_at": local(kept.known_at),
        "created_at": local(kept.created_at),
        "sha256": kept.sha256,
    }


class BulletinsOut(Out):
    """Published editions, newest first."""

    items: list[BulletinHead]
    next_cursor: str | None


class LagOut(Out):
    """How long ago, when it was taken in, the newest fact had become known."""

    lag_ms: int
    known_at: datetime | None
