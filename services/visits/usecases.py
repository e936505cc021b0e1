"""What can be done in visits: record a visit, void one, keep a photo, keep a refused attempt."""

from dataclasses import dataclass
from uuid import UUID

from services.visits.domain.model import Judged, VisitReport, VoidReason
from services.visits.domain.record import check_repeat, id_taken, judge
from services.visits.domain.team import RefusedMember
from services.visits.store import ground as grounds
from services.visits.store import photos, refusals, visits
from services.visits.store.photos import Photo
from shared.contracts.visits import NeedRecorded, VisitLogged, VisitVoided
from shared.kernel.errors import Conflict, NotFound, Refused
from shared.platform.approvals import Presented, require
from shared.platform.database import Transaction
from shared.platform.principal import Principal


def bank_of(principal: Principal) -> UUID:
    """The institution of someone who visits for it.

    Raises: Refused `access.no_institution`.
    """
    if principal.institution_id is None:
        raise Refused("access.no_institution", "当前账号没有所属机构")
    return principal.institution_id


@dataclass(frozen=True, slots=True)
class RecordVisit:
    """A team reports a visit; `content_hash` tells a repeat from another report of that id."""

    report: VisitReport
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class VisitAnswer:
    """What the team is told: whether it counts, and what is missing or in doubt."""

    visit_id: UUID
    missing: tuple[str, ...]
    flags: tuple[str, ...]
    need_id: UUID | None

    @property
    def complete(self) -> bool:
        """Whether the visit counts as coverage (JS-10)."""
        return not self.missing


async def record_visit(command: RecordVisit, tx: Transaction) -> VisitAnswer:
    """Record a visit once, however often its report arrives.

    Raises: what `judge` and `check_repeat` raise.
    """
    report, institution_id = command.report, bank_of(tx.principal)
    ground, key = await grounds.load(report, institution_id, tx)
    if ground.recorded is None:
        judged = judge(report, ground, institution_id=institution_id, today=tx.today)
        saved = await visits.save(
            report,
            judged,
            institution_id=institution_id,
            content_hash=command.content_hash,
            key=key,
            tx=tx,
        )
        if saved.fresh:
            _check_taken(saved.photos, report)
            _announce(report, judged, institution_id, tx)
            return _answer(report, judged.missing, judged.flags)
    recorded = ground.recorded or await grounds.load_recorded(report.visit_id, tx)
    if recorded is None:  # the id stands for a visit of another bank, which does not exist here
        raise id_taken()
    check_repeat(recorded, institution_id=institution_id, content_hash=command.content_hash)
    return _answer(report, recorded.missing, recorded.flags)


def _check_taken(taken: int, report: VisitReport) -> None:
    """Another visit took one of the photos between reading and writing."""
    if taken != len(report.photo_ids):
        raise Conflict("visit.photo_used", "照片已用于另一次走访", "每张照片只能用于一次走访")


def _answer(report: VisitReport, missing: tuple[str, ...], flags: tuple[str, ...]) -> VisitAnswer:
    need_id = visits.need_id_of(report.visit_id) if report.need else None
    return VisitAnswer(report.visit_id, missing, flags, need_id)


def _announce(report: VisitReport, judged: Judged, institution_id: UUID, tx: Transaction) -> None:
    tx.emit(
        VisitLogged(
            visit_id=report.visit_id,
            enterprise_id=report.enterprise_id,
            campaign_id=report.campaign_id,
            institution_id=institution_id,
            outlet_id=judged.outlet_id,
            staff_ids=report.staff_ids,
            region_code=judged.region_code,
            remote=False,
            complete=judged.complete,
            missing=judged.missing,
            photos=len(report.photo_ids),
            told_campaign=report.told_campaign,
            visited_on=report.visited_on,
        )
    )
    if report.need:
        tx.emit(
            NeedRecorded(
                need_id=visits.need_id_of(report.visit_id),
                visit_id=report.visit_id,
                enterprise_id=report.enterprise_id,
                campaign_id=report.campaign_id,
                institution_id=institution_id,
                region_code=judged.region_code,
                amount_fen=report.need.amount_fen,
                purpose=report.need.purpose,
                term_months=report.need.term_months,
                recorded_on=report.visited_on,
            )
        )
    tx.audit(
        "visit.recorded",
        report.visit_id,
        after={"complete": judged.complete, "missing": judged.missing, "flags": judged.flags},
    )


@dataclass(frozen=True, slots=True)
class KeepRefusal:
    """An attempt with people who may not visit; recording it was rolled back."""

    attempt: RecordVisit
    members: tuple[RefusedMember, ...]
    region_code: str


async def keep_refusal(command: KeepRefusal, tx: Transaction) -> None:
    """Keep the attempt for the regulator (JS-12)."""
    report = command.attempt.report
    await refusals.keep(
        report,
        command.members,
        institution_id=bank_of(tx.principal),
        content_hash=command.attempt.content_hash,
        region_code=command.region_code,
        tx=tx,
    )
    tx.audit(
        "visit.refused",
        report.visit_id,
        after=[{"staff_id": each.staff_id} for each in command.members],
    )


@dataclass(frozen=True, slots=True)
class VoidVisit:
    """Someone in charge says that a visit record was never true."""

    visit_id: UUID
    reason_code: VoidReason
    reason: str
    approval: Presented


async def void_visit(command: VoidVisit, tx: Transaction) -> visits.VisitRow:
    """Take a visit out of every figure; the record and its photos stay (ST-10, V12).

    Raises: NotFound `visit.unknown`; Conflict `visit.already_void`, `approval.*` (M2).
    """
    visit = await visits.find(tx, command.visit_id, lock=True)
    if visit is None:
        raise unknown_visit()
    if visit.void_reason_code is not None:
        raise Conflict("visit.already_void", "该走访已作废", f"作废日期 {visit.voided_on}")
    await require(tx, command.approval, action="visit.void", subject=str(visit.visit_id))
    await visits.void(
        command.visit_id, reason_code=command.reason_code, reason=command.reason, tx=tx
    )
    tx.emit(
        VisitVoided(
            visit_id=visit.visit_id,
            enterprise_id=visit.enterprise_id,
            campaign_id=visit.campaign_id,
            institution_id=visit.institution_id,
            reason=command.reason_code,
            voided_on=tx.today,
        )
    )
    tx.audit(
        "visit.voided",
        visit.visit_id,
        before={"complete": visit.complete},
        after={"reason_code": command.reason_code},
    )
    return await find_visit(tx, command.visit_id)


async def find_visit(tx: Transaction, visit_id: UUID) -> visits.VisitRow:
    """One visit the caller may see.

    Raises: NotFound `visit.unknown`.
    """
    visit = await visits.find(tx, visit_id)
    if visit is None:
        raise unknown_visit()
    return visit


def unknown_visit() -> NotFound:
    """The error for a visit that is not there, or not for this caller."""
    return NotFound("visit.unknown", "走访记录不存在或无权查看")


@dataclass(frozen=True, slots=True)
class KeptPhoto:
    """A photo as it stands, and whether this call brought it."""

    photo: Photo
    fresh: bool


async def keep_photo(photo: Photo, tx: Transaction) -> KeptPhoto:
    """Write the row of a photo whose file is in its place; the same bytes again change nothing.

    Raises: Conflict `photo.id_taken`, where the id stands for another photo.
    """
    institution_id = bank_of(tx.principal)
    if await photos.save(photo, institution_id, tx):
        tx.audit("photo.kept", photo.photo_id, after={"sha256": photo.original_sha256.hex()})
        return KeptPhoto(photo, fresh=True)
    kept = await photos.find(tx, photo.photo_id)
    if kept is None or kept.original_sha256 != photo.original_sha256:
        raise Conflict("photo.id_taken", "照片编号已被使用", "同一编号已有另一张照片,请换新编号")
    return KeptPhoto(kept, fresh=False)


async def find_photo(tx: Transaction, photo_id: UUID) -> Photo:
    """One photo the caller may see.

    Raises: NotFound `photo.unknown`.
    """
    photo = await photos.find(tx, photo_id)
    if photo is None:
        raise NotFound("photo.unknown", "照片不存在或无权查看")
    return photo
