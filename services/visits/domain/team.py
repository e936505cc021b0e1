"""Who may visit: only people on the bank's own roster on the day (JS-09, JS-12)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from services.visits.domain.model import RosterPeriod
from shared.kernel.errors import FieldError, RuleViolation

StaffProblem = Literal["unknown", "departed", "not_yet", "other_institution"]

#: What the bank is told: whether another bank knows the person is kept for the regulator (S01).
ToldProblem = Literal["unknown", "departed", "not_yet"]
_PROBLEMS: dict[ToldProblem, str] = {
    "unknown": "不在本机构人员名册上,第三方人员不得参加走访",
    "departed": "走访当日已离开本机构人员名册",
    "not_yet": "走访当日尚未列入本机构人员名册",
}


@dataclass(frozen=True, slots=True)
class RefusedMember:
    """A person who may not be on the team, and why."""

    staff_id: UUID
    problem: StaffProblem


class TeamRefused(RuleViolation):
    """The team has a member who may not visit; the attempt is to be kept for the regulator."""

    def __init__(
        self,
        members: Sequence[RefusedMember],
        told: Sequence[ToldProblem],
        *,
        staff_ids: Sequence[UUID],
        region_code: str,
    ) -> None:
        super().__init__(
            f"visit.staff_{told[0]}",
            "走访人员须为本机构在册人员",
            "请只选择走访当日在本机构名册上的人员;本次提交已留存备查",
            errors=[
                FieldError(
                    f"staff_ids.{staff_ids.index(member.staff_id)}",
                    f"visit.staff_{problem}",
                    _PROBLEMS[problem],
                )
                for member, problem in zip(members, told, strict=True)
            ],
        )
        self.members = tuple(members)
        self.region_code = region_code


def in_force(periods: Iterable[RosterPeriod], day: date) -> RosterPeriod | None:
    """The period that holds on `day`: the latest that began by then, unless it ended before.

    Units:   local dates, both ends included.
    Raises:  nothing.
    Source:  JS-12.
    """
    begun = [period for period in periods if period.valid_from <= day]
    latest = max(begun, key=lambda period: period.valid_from, default=None)
    if latest is None or (latest.valid_to is not None and latest.valid_to < day):
        return None
    return latest


def problem_of(
    periods: Sequence[RosterPeriod], *, institution_id: UUID, day: date
) -> StaffProblem | None:
    """Why a person with these roster periods may not visit for the institution on `day`, if so.

    Units:   local dates.
    Raises:  nothing.
    Source:  JS-12, V6.
    """
    holding = in_force(periods, day)
    if holding is not None:
        return None if holding.institution_id == institution_id else "other_institution"
    told = told_of(periods, institution_id=institution_id, day=day)
    return "other_institution" if periods and told == "unknown" else told


def told_of(periods: Sequence[RosterPeriod], *, institution_id: UUID, day: date) -> ToldProblem:
    """Why a person may not visit, as far as the institution's own roster tells.

    Units:   local dates.
    Raises:  nothing.
    Source:  JS-12, S01.
    """
    own = [period for period in periods if period.institution_id == institution_id]
    if not own:
        return "unknown"
    return "departed" if any(period.valid_from <= day for period in own) else "not_yet"


def check_team(
    staff_ids: Sequence[UUID],
    roster: Iterable[RosterPeriod],
    *,
    institution_id: UUID,
    day: date,
    region_code: str,
) -> tuple[RosterPeriod, ...]:
    """The roster period of each member on the visit day, in the order of `staff_ids`.

    Units:   local dates.
    Raises:  TeamRefused `visit.staff_unknown`, `.staff_departed`, `.staff_not_yet`, naming every
             member refused.
    Source:  JS-12, V6.
    """
    periods: dict[UUID, list[RosterPeriod]] = {staff_id: [] for staff_id in staff_ids}
    for period in roster:
        periods[period.staff_id].append(period)
    members: list[RosterPeriod] = []
    refused: list[RefusedMember] = []
    told: list[ToldProblem] = []
    for staff_id, own in periods.items():
        problem = problem_of(own, institution_id=institution_id, day=day)
        if problem:
            refused.append(RefusedMember(staff_id, problem))
            told.append(told_of(own, institution_id=institution_id, day=day))
        elif holding := in_force(own, day):
            members.append(holding)
    if refused:
        raise TeamRefused(refused, told, staff_ids=staff_ids, region_code=region_code)
    return tuple(members)


def outlet_of(team: Sequence[RosterPeriod]) -> UUID:
    """The outlet a visit is counted for: the branch head's, else the first member's.

    Units:   none.
    Raises:  nothing; a team has at least one member.
    Source:  JS-09, JS-11 (coverage is tracked by branch).
    """
    heads = [member.outlet_id for member in team if member.role == "branch_head"]
    return heads[0] if heads else team[0].outlet_id


def team_flags(team: Sequence[RosterPeriod]) -> list[str]:
    """What the team lacks of "a branch head plus account managers": a warning, not a refusal.

    Units:   none.
    Raises:  nothing.
    Source:  JS-09.
    """
    roles = {member.role for member in team}
    flags = {
        "branch_head": "team_without_branch_head",
        "relationship_manager": "team_without_manager",
    }
    return [flag for role, flag in flags.items() if role not in roles]
