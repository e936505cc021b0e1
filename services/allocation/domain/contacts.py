"""Who may be named as an enterprise's contact: one of the bank's own people, at its own outlet."""

from dataclasses import dataclass
from uuid import UUID

from shared.kernel.errors import FieldError


@dataclass(frozen=True, slots=True)
class Holder:
    """An assignment as naming a contact sees it."""

    assignment_id: UUID
    institution_id: UUID
    outlet_id: UUID | None
    staff_id: UUID | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Naming:
    """One row: this branch and this person shall answer for the enterprise."""

    assignment_id: UUID
    outlet_id: UUID
    staff_id: UUID


@dataclass(frozen=True, slots=True)
class Known:
    """What is known today: active outlets and people on a roster, with their institution."""

    outlets: dict[UUID, UUID]
    staff: dict[UUID, UUID]


def faults_of(
    naming: Naming, holder: Holder | None, known: Known, *, own_outlet_id: UUID | None
) -> tuple[FieldError, ...]:
    """Everything that speaks against naming this contact; nothing: it may be named.

    `holder` None: there is no such assignment, or not for this caller. `own_outlet_id` is set for a
    branch head, who names people for the own branch only.

    Source:  rules JS-08, JS-12.
    """
    if holder is None:
        return (_fault("assignment_id", "assignment.unknown", "分配不存在或无权查看"),)
    if holder.ended:
        return (_fault("assignment_id", "assignment.ended", "该分配已结束,不能再指定联系人"),)
    return people_faults(
        naming.outlet_id, naming.staff_id, holder.institution_id, known, own_outlet_id=own_outlet_id
    )


def people_faults(
    outlet_id: UUID | None,
    staff_id: UUID | None,
    institution_id: UUID,
    known: Known,
    *,
    own_outlet_id: UUID | None,
) -> tuple[FieldError, ...]:
    """What speaks against this branch and this person of a bank, where they are named.

    Source:  rules JS-08, JS-12.
    """
    faults: list[FieldError] = []
    if outlet_id and known.outlets.get(outlet_id) != institution_id:
        faults.append(_fault("outlet_id", "contact.outlet_not_yours", "本机构没有这个在用网点"))
    elif outlet_id and own_outlet_id is not None and outlet_id != own_outlet_id:
        faults.append(_fault("outlet_id", "contact.outlet_not_own", "支行只能指定本支行"))
    if staff_id and known.staff.get(staff_id) != institution_id:
        faults.append(
            _fault(
                "staff_id",
                "contact.not_on_roster",
                "此人今日不在本机构名册上;请先更新员工名册",
            )
        )
    return tuple(faults)


def _fault(where: str, code: str, message: str) -> FieldError:
    return FieldError(where, code, message)
