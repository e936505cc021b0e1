"""One report against all rules: what is refused, what is missing, what is flagged."""

from datetime import date
from uuid import UUID

from services.visits.domain.dates import check_visited_on, date_flags
from services.visits.domain.model import (
    Assigned,
    CampaignDates,
    Ground,
    Judged,
    MissingPart,
    Recorded,
    VisitReport,
)
from services.visits.domain.place import place_flags
from services.visits.domain.team import check_team, outlet_of, team_flags
from shared.kernel.errors import BadInput, Conflict, FieldError, NotFound, YinqiError


def missing_parts(report: VisitReport) -> tuple[MissingPart, ...]:
    """What the record lacks to count as coverage: photo, place, interviewee.

    Units:   none.
    Raises:  nothing.
    Source:  JS-10.
    """
    parts: dict[MissingPart, bool] = {
        "photo": bool(report.photo_ids),
        "place": report.place is not None,
        "interviewee": report.interviewee is not None and bool(report.interviewee.name.strip()),
    }
    return tuple(part for part, there in parts.items() if not there)


def judge(report: VisitReport, ground: Ground, *, institution_id: UUID, today: date) -> Judged:
    """Decide on a report: accepted as complete or incomplete with its flags, or refused.

    Units:   local dates.
    Raises:  NotFound `visit.enterprise_unknown`; YinqiError 503 `visit.not_ready`; BadInput
             `visit.date_in_future`, `.date_before_campaign`, `.date_after_campaign`,
             `.photo_unknown`; TeamRefused
             `visit.staff_*`; Conflict `visit.photo_used`.
    Source:  JS-09, JS-10, JS-11, JS-12, V4, V6.
    """
    assignment, campaign = standing(ground)
    region_code = region_of(ground, assignment)
    check_visited_on(
        report.visited_on, opens_on=campaign.opens_on, today=today, closed_on=campaign.closed_on
    )
    team = check_team(
        report.staff_ids,
        ground.roster,
        institution_id=institution_id,
        day=report.visited_on,
        region_code=region_code,
    )
    check_photos(report, ground)
    flags = (
        *team_flags(team),
        *date_flags(
            report.visited_on,
            started_at=report.started_at,
            campaign=campaign,
            assignment=assignment,
        ),
        *place_flags(report.place, ground.place),
        *_evidence_flags(report, ground),
    )
    return Judged(
        assignment.assignment_id, outlet_of(team), region_code, missing_parts(report), flags
    )


def standing(ground: Ground) -> tuple[Assigned, CampaignDates]:
    """The assignment and the campaign a visit rests on.

    Units:   none.
    Raises:  NotFound `visit.enterprise_unknown`, where the enterprise is not this bank's;
             YinqiError 503 `visit.not_ready`, where the campaign itself has not arrived yet.
    Source:  JS-07.
    """
    if ground.assignment is None:
        raise NotFound("visit.enterprise_unknown", "企业不存在或未分配给本机构")
    if ground.campaign is None:
        raise _not_ready()
    return ground.assignment, ground.campaign


def _not_ready() -> YinqiError:
    return YinqiError("visit.not_ready", "活动资料尚未同步", "请稍后重试", status=503)


def region_of(ground: Ground, assignment: Assigned) -> str:
    """The enterprise's county on the visit day, or that of its assignment.

    Units:   none.
    Raises:  YinqiError 503 `visit.not_ready`, where neither has arrived yet.
    Source:  ST-07.
    """
    known = ground.place.region_code if ground.place else assignment.region_code
    if known is None:
        raise _not_ready()
    return known


def check_photos(report: VisitReport, ground: Ground) -> None:
    """Every photo named is uploaded by this institution and serves no other visit.

    Units:   none.
    Raises:  BadInput `visit.photo_unknown`; Conflict `visit.photo_used`.
    Source:  JS-10, V3.
    """
    unknown: list[FieldError] = []
    used: list[FieldError] = []
    for number, photo_id in enumerate(report.photo_ids):
        photo, where = ground.photos.get(photo_id), f"photo_ids.{number}"
        if photo is None:
            unknown.append(FieldError(where, "visit.photo_unknown", "照片尚未上传"))
        elif photo.visit_id not in (None, report.visit_id):
            used.append(FieldError(where, "visit.photo_used", "照片已用于另一次走访"))
    if unknown:
        raise BadInput("visit.photo_unknown", "照片尚未上传", "请先上传照片", errors=unknown)
    if used:
        raise Conflict(
            "visit.photo_used", "照片已用于另一次走访", "每张照片只能用于一次走访", errors=used
        )


def _evidence_flags(report: VisitReport, ground: Ground) -> list[str]:
    flags: list[str] = []
    if any(ground.photos[photo_id].seen_before for photo_id in report.photo_ids):
        flags.append("photo_seen_before")
    if report.interviewee is not None and report.interviewee.role == "other":
        flags.append("interviewee_other")
    if not (report.told_campaign and report.told_qr):
        flags.append("not_told")
    return flags


def check_repeat(recorded: Recorded, *, institution_id: UUID, content_hash: bytes) -> None:
    """A visit id is used once: the same report again is a repeat, any other is an error.

    Units:   none.
    Raises:  Conflict `visit.id_taken`.
    Source:  V10.
    """
    if recorded.institution_id != institution_id or recorded.content_hash != content_hash:
        raise id_taken()


def id_taken() -> Conflict:
    """The error for a visit id that stands for another report, whoever made it."""
    return Conflict(
        "visit.id_taken", "走访编号已被使用", "同一编号已登记了内容不同的走访,请新建一条"
    )
