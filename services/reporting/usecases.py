"""What reporting does on request: answer a question, open a number, publish a bulletin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.reporting.domain import bulletin, figures
from services.reporting.domain.figures import Cell, Metric
from services.reporting.domain.question import Axes, Level, Question, Scope, ask, unseen
from services.reporting.store import bulletins, pulse
from services.reporting.store import figures as store
from services.reporting.store.bulletins import Kept
from services.reporting.store.figures import Cause, Part, Whole
from services.reporting.store.pulse import Pulse
from shared.contracts.reporting import BulletinPublished
from shared.kernel import region as regions
from shared.kernel.errors import BadInput, NotFound
from shared.kernel.ids import new_id
from shared.kernel.periods import SHANGHAI, Quarter
from shared.platform.approvals import Presented, require
from shared.platform.database import Transaction
from shared.platform.principal import Principal


def scope_of(principal: Principal) -> Scope:
    """What a caller may see.

    Raises: NotFound, where its account stands nowhere in the tree.
    """
    if principal.sees_all:
        return Scope()
    if principal.role == "bureau" and principal.region_code:
        return Scope(region_code=principal.region_code)
    if principal.institution_id:
        return Scope(institution_id=principal.institution_id)
    raise unseen()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The parameters that all questions share, as the caller gave them."""

    campaign_id: UUID
    quarter: Quarter
    known_at: datetime | None = None
    region_code: str | None = None
    institution_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the answer, with its names."""

    region_code: str | None
    region_name: str | None
    institution_id: UUID | None
    institution_code: str | None
    institution_name: str | None
    institution_type: str | None
    metrics: Cell


@dataclass(frozen=True, slots=True)
class Table:
    """The answer to a question; `known_at` is the instant of the newest fact it rests on."""

    quarter: Quarter
    known_at: datetime | None
    rows: Sequence[Row]
    total: Cell


async def _question(tx: Transaction, wanted: Wanted) -> tuple[Question, Pulse]:
    """What may be asked; a cut-off after the newest fact is the present."""
    connection = await tx.driver()
    question = ask(
        scope=scope_of(tx.principal),
        campaign_id=wanted.campaign_id,
        quarter=wanted.quarter,
        known_at=wanted.known_at,
        region_code=wanted.region_code,
        institution_id=wanted.institution_id,
    )
    if await store.find_campaign(connection, wanted.campaign_id) is None:
        await store.must_be_steady(connection)
        raise unseen()
    return question, await pulse.feel(connection)


def _at(question: Question, felt: Pulse) -> datetime | None:
    """The instant of the newest fact that counts."""
    if question.known_at is None or felt.newest_at is None:
        return felt.newest_at
    return min(question.known_at, felt.newest_at)


async def version_of(tx: Transaction, address: str) -> str:
    """The version of an answer: changes with every batch taken in, and by who asks what."""
    felt = await pulse.feel(await tx.driver())
    scope = scope_of(tx.principal)
    text = f"{felt.turns}|{scope.region_code}|{scope.institution_id}|{address}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


async def show_figures(tx: Transaction, wanted: Wanted, by: Axes, level: Level) -> Table:
    """The figures of a quarter by region, by institution or by both."""
    question, felt = await _question(tx, wanted)
    connection = await tx.driver()
    by_institution = "institution" in by
    groups = await store.groups(
        connection,
        question,
        level=level if "region" in by else None,
        institutions=by_institution,
    )
    names = await store.institution_names(connection) if by_institution else {}
    rows = [_named(line, names) for line in figures.lines(groups, by_institution=by_institution)]
    rows.sort(key=lambda row: (row.region_code or "", row.institution_code or ""))
    await store.must_be_steady(connection)
    return Table(question.quarter, _at(question, felt), rows, figures.total(groups))


def _named(line: figures.Line, names: dict[UUID, tuple[str, str, str]]) -> Row:
    institution_id = UUID(bytes=line.institution) if line.institution else None
    code, name, kind = (
        names.get(institution_id, (None, None, None)) if institution_id else (None,) * 3
    )
    region_code = f"{line.region:06d}" if line.region is not None else None
    return Row(
        region_code,
        region_name(region_code) if region_code else None,
        institution_id,
        code,
        name,
        kind,
        line.metrics,
    )


def region_name(code: str) -> str:
    """The region's name; its code where the tables do not know it."""
    return regions.region(code).name if regions.exists(code) else code


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """How many enterprises are due a visit, and how many have had one.

    `gone` of the due are cancelled, agreed by the bureau, and `gone_done` of these were visited.
    """

    row: Row | None
    due: int
    done: int
    gone: int
    gone_done: int


async def show_coverage(
    tx: Transaction, campaign_id: UUID, by: Axes, level: Level, region_code: str | None
) -> tuple[list[CoverageLine], CoverageLine, datetime | None]:
    """Who has been visited, as of today (JS-11).

    A region's are those on the list, visited by any institution; an institution's are those
    assigned to it, visited by itself. Cancelled ones are told apart, for the second rate (R9).
    """
    wanted = Wanted(campaign_id=campaign_id, quarter=Quarter.of(tx.today), region_code=region_code)
    table = await show_figures(tx, wanted, by, level)
    of_banks = "institution" in by or scope_of(tx.principal).institution_id is not None
    of = _OF_BANKS if of_banks else _OF_REGIONS
    lines = [CoverageLine(row, *(row.metrics[name] for name in of)) for row in table.rows]
    return lines, CoverageLine(None, *(table.total[name] for name in of)), table.known_at


_OF_BANKS = ("assigned", "covered", "cancelled_assigned", "cancelled_covered")
_OF_REGIONS = ("listed", "visited", "cancelled", "cancelled_visited")


# -- the rows behind a number ----------------------------------------------------------------------


async def show_enterprises(
    tx: Transaction, wanted: Wanted, metric: Metric, after: UUID | None, limit: int
) -> tuple[list[Part], Whole, dict[UUID, tuple[str, str, str]]]:
    """The enterprises that a number counts."""
    question, _ = await _question(tx, wanted)
    connection = await tx.driver()
    parts, whole = await store.parts(connection, question, metric, after=after, limit=limit)
    names = await store.institution_names(connection)
    await store.must_be_steady(connection)
    return parts, whole, names


async def show_events(
    tx: Transaction, wanted: Wanted, metric: Metric, enterprise_id: UUID
) -> tuple[list[Cause], dict[UUID, tuple[str, str, str]]]:
    """The events that make up one enterprise's part in a number (ST-09)."""
    question, _ = await _question(tx, wanted)
    connection = await tx.driver()
    found = await store.causes(connection, question, metric, enterprise_id)
    names = await store.institution_names(connection)
    await store.must_be_steady(connection)
    return found, names


async def show_lag(tx: Transaction) -> Pulse:
    """How far behind the figures are."""
    return await pulse.feel(await tx.driver())


# -- bulletins -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishBulletin:
    """Publish the next edition of a quarter's bulletin, as known at an instant (None: now)."""

    campaign_id: UUID
    quarter: Quarter
    known_at: datetime | None
    reason: str
    approval: Presented


async def publish_bulletin(command: PublishBulletin, tx: Transaction) -> Kept:
    """Sum, freeze, announce. A second edition says what changed and why (ST-06)."""
    connection = await tx.driver()
    if await store.find_campaign(connection, command.campaign_id) is None:
        raise unseen()
    quarter = str(command.quarter)
    previous = await bulletins.latest(connection, command.campaign_id, quarter)
    if previous and not command.reason.strip():
        raise BadInput("bulletin.reason_missing", "再版须说明更正原因")
    subject = f"{command.campaign_id}.{quarter}"
    await require(tx, command.approval, action="bulletin.publish", subject=subject)
    question = Question(
        campaign_id=command.campaign_id,
        quarter=command.quarter,
        known_at=await _cut(tx, command.known_at),
    )
    raw = await _frozen(tx, command, question, previous)
    kept = Kept(
        new_id(), command.campaign_id, quarter, previous.edition + 1 if previous else 1,
        _known(question), bulletin.fingerprint(raw), tx.now, tx.principal.name, raw,
    )  # fmt: skip
    await bulletins.add(connection, kept)
    tx.emit(_published(kept, tx))
    tx.audit("bulletin.published", kept.bulletin_id, after={"sha256": kept.sha256})
    return kept


async def _cut(tx: Transaction, known_at: datetime | None) -> datetime:
    newest = (await pulse.feel(await tx.driver())).newest_at
    if newest is None:
        raise BadInput("bulletin.no_facts", "尚无任何数据,不能发布通报")
    if known_at and known_at > newest:
        raise BadInput(
            "bulletin.cut_off_ahead",
            "截止时刻晚于已收到的数据",
            f"数据截至 {newest.astimezone(SHANGHAI).isoformat()}",
        )
    return known_at or newest


def _known(question: Question) -> datetime:
    assert question.known_at is not None
    return question.known_at


async def _frozen(
    tx: Transaction, command: PublishBulletin, question: Question, previous: Kept | None
) -> bytes:
    connection = await tx.driver()
    groups = await store.groups(connection, question, level="city", institutions=True)
    banks = await store.institution_names(connection)
    names = bulletin.Names(
        {group.region: region_name(f"{group.region:06d}") for group in groups if group.region},
        {institution.bytes: name for institution, (_, name, _) in banks.items()},
    )
    edition = bulletin.Edition(
        campaign_id=command.campaign_id,
        quarter=str(command.quarter),
        number=previous.edition + 1 if previous else 1,
        known_at=_known(question).astimezone(SHANGHAI),
        reason=command.reason.strip(),
        previous=json.loads(previous.content) if previous else None,
        previous_sha256=previous.sha256 if previous else None,
    )
    return bulletin.canonical(bulletin.content(edition, groups, names))


def _published(kept: Kept, tx: Transaction) -> BulletinPublished:
    return BulletinPublished(
        bulletin_id=kept.bulletin_id,
        campaign_id=kept.campaign_id,
        quarter=kept.quarter,
        edition=kept.edition,
        known_at=kept.known_at,
        sha256=kept.sha256,
        published_on=tx.today,
    )


async def list_bulletins(
    tx: Transaction, campaign_id: UUID | None, before: datetime | None, limit: int
) -> list[Kept]:
    """Published editions, newest first: for regulators and bureaus, whole as they were printed."""
    _may_read_bulletins(tx)
    return await bulletins.page(
        await tx.driver(), campaign_id=campaign_id, before=before, limit=limit
    )


async def find_bulletin(tx: Transaction, bulletin_id: UUID) -> Kept:
    """One edition with its content.

    Raises: NotFound `bulletin.unknown`.
    """
    _may_read_bulletins(tx)
    kept = await bulletins.find(await tx.driver(), bulletin_id)
    if kept is None:
        raise NotFound("bulletin.unknown", "不存在或无权查看")
    return kept


def _may_read_bulletins(tx: Transaction) -> None:
    # An edition names every bank; a bank sees its own rows through the figures instead.
    if not (tx.principal.sees_all or tx.principal.role == "bureau"):
        raise NotFound("bulletin.unknown", "不存在或无权查看")


def plain(kept: Kept) -> dict[str, Any]:
    """An edition's content as plain values."""
    body: dict[str, Any] = json.loads(kept.content)
    return body
