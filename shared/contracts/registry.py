"""Registry: who there is. Institutions, outlets, staff, the list and each enterprise on it."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from shared.contracts.event import (
    Code,
    Data,
    Event,
    ListVintage,
    RegionCode,
    contract,
    upcast,
)

TOPIC = "registry.events"

InstitutionType = Literal[
    "state", "postal", "policy", "joint_stock", "city_commercial",
    "rural_commercial", "village", "private", "foreign", "other",
]  # fmt: skip
StaffRole = Literal["branch_head", "relationship_manager"]
Precision = Literal["point", "county", "city"]
ErasedKind = Literal["enterprise", "staff", "party"]
PartyKind = Literal[
    "bank_group", "bank", "branch", "outlet", "guarantor", "expert", "partner", "bureau",
    "st_department", "science_park", "task_force", "member",
]  # fmt: skip
Verdict = Literal["met", "not_met", "unknown"]
Stage = Literal["cocoon", "butterfly"]
Phase = Literal["seed", "start_up", "incubation", "growth", "maturity"]


@contract(topic=TOPIC, key="institution_id", business_on="valid_from")
class InstitutionChanged(Event, frozen=True, kw_only=True):
    """A bank institution was entered or changed; `name` is the organisation's public name."""

    institution_id: UUID
    institution_code: Code
    name: str
    institution_type: InstitutionType
    active: bool
    valid_from: date


@contract(topic=TOPIC, key="outlet_id", business_on="valid_from")
class OutletChanged(Event, frozen=True, kw_only=True):
    """An outlet was entered or changed: place (WGS-84 micro-degrees), staff count, capacity.

    `service_capacity` is the number of enterprises the outlet declares it can serve; None:
    undeclared.
    """

    outlet_id: UUID
    institution_id: UUID
    name: str
    region_code: RegionCode
    longitude_e6: int
    latitude_e6: int
    precision: Precision
    relationship_managers: int
    service_capacity: int | None
    active: bool
    valid_from: date


@contract(topic=TOPIC, key="staff_id", business_on="valid_from")
class StaffChanged(Event, frozen=True, kw_only=True):
    """A person joined, moved or left a bank's roster (JS-12). Only the id: the name stays here.

    `valid_to` is the last day on the roster; None: still there.
    """

    staff_id: UUID
    institution_id: UUID
    outlet_id: UUID
    role: StaffRole
    valid_from: date
    valid_to: date | None


@contract(topic=TOPIC, key="list_vintage", business_on="imported_on")
class ListImported(Event, frozen=True, kw_only=True):
    """A list was taken in whole; every enterprise taken has its own `EnterpriseListed`."""

    import_id: UUID
    list_vintage: ListVintage
    rows: int
    taken: int
    refused: int
    doubtful: int
    imported_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="listed_on")
class EnterpriseListed(Event, frozen=True, kw_only=True):
    """An enterprise stands on a list vintage, with what the list says of it.

    The region is that of the business address (JS-06), or of the registered one where the former is
    missing. `has_loan` is None where the list does not say (JS-05 breaks down by it).
    """

    enterprise_id: UUID
    uscc: Code
    list_vintage: ListVintage
    region_code: RegionCode
    longitude_e6: int
    latitude_e6: int
    precision: Precision
    industry_code: str | None
    has_loan: bool | None
    lender_ids: tuple[UUID, ...] = ()
    listed_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="valid_from")
class EnterpriseChanged(Event, frozen=True, kw_only=True):
    """What is known of an enterprise changed from `valid_from` on: it moved, or changed industry.

    Earlier days keep what they had: figures use region and industry as they stood (ST-07).
    """

    enterprise_id: UUID
    region_code: RegionCode
    longitude_e6: int
    latitude_e6: int
    precision: Precision
    industry_code: str | None
    valid_from: date


DispositionKind = Literal["cancelled", "moved_away", "unreachable", "refused", "no_need"]


@contract(topic=TOPIC, key="enterprise_id", business_on="merged_on")
class EnterprisesMerged(Event, frozen=True, kw_only=True):
    """Two enterprises are one from `merged_on` on: `merged_id` counts under `survivor_id` (R3).

    Said twice, once in the order of each of the two: `enterprise_id` is the one or the other.
    """

    enterprise_id: UUID
    merger_id: UUID
    survivor_id: UUID
    merged_id: UUID
    merged_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="unmerged_on")
class EnterprisesUnmerged(Event, frozen=True, kw_only=True):
    """A merger was an error and never held: both count again as they did (R3). Said twice."""

    enterprise_id: UUID
    merger_id: UUID
    survivor_id: UUID
    merged_id: UUID
    unmerged_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="disposed_on")
class EnterpriseDisposed(Event, frozen=True, kw_only=True):
    """The bureau agreed to how a bank found an enterprise (R9).

    Only `cancelled` takes it out of the denominator, from `disposed_on` on.
    """

    enterprise_id: UUID
    disposition_id: UUID
    kind: DispositionKind
    disposed_on: date


@contract(topic=TOPIC, key="subject_id", business_on="erased_on", version=2)
class PersonalDataErased(Event, frozen=True, kw_only=True):
    """The key to a subject's personal data was destroyed: whoever keeps any of it forgets it.

    `kind` tells whose data they were: an enterprise's persons, a member of a bank's staff, or a
    person of the directory (an expert, a member of a task force).
    """

    subject_id: UUID
    kind: ErasedKind
    erased_on: date


@upcast(PersonalDataErased, from_version=1)
def _personal_data_erased_2(data: Data) -> Data:
    """Version 2 has one kind more; what version 1 says stays as it is."""
    return data


@contract(topic=TOPIC, key="enterprise_id", business_on="judged_on")
class EnterpriseAssessed(Event, frozen=True, kw_only=True):
    """An enterprise was judged by a standard, with another result than before (TS-04, JL-01).

    `points` are the fewest it has for sure; None where the standard gives none.
    """

    enterprise_id: UUID
    standard: Literal["tech_sme", "four_tech"]
    verdict: Verdict
    points: int | None
    version: str
    judged_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="valid_from")
class StageAssessed(Event, frozen=True, kw_only=True):
    """An enterprise is in a life-cycle stage from `valid_from` on (JL-03, R7).

    `source` tells a judgement by rule from a person's override. Several phases may be left: None.
    """

    enterprise_id: UUID
    stage: Stage
    phase: Phase | None
    source: Literal["rule", "override"]
    version: str
    valid_from: date


@contract(topic=TOPIC, key="enterprise_id", business_on="valid_from")
class LoanStatusStated(Event, frozen=True, kw_only=True):
    """Whether an enterprise has a loan was stated for a day, beside what lists say (JS-05).

    `source`: a bank's or the regulator's answer, or the bookings of the banks. None: not known any
    more, since the loans we knew of are repaid and others may be left.
    """

    enterprise_id: UUID
    has_loan: bool | None
    source: Literal["answer", "bookings"]
    valid_from: date


@contract(topic=TOPIC, key="party_id", business_on="valid_from", version=2)
class PartyChanged(Event, frozen=True, kw_only=True):
    """An organisation of the directory was entered or changed, from `valid_from` on.

    Groups, branches, guarantors, partners, bureaus, departments, parks and task forces by their
    public names; experts and members are persons: `name` is empty, and stays with the registry.
    `parent_id` is where it stands in its tree.
    """

    party_id: UUID
    kind: PartyKind
    code: Code
    name: str
    parent_id: UUID | None
    region_code: RegionCode | None
    active: bool
    valid_from: date


@upcast(PartyChanged, from_version=1)
def _party_changed_2(data: Data) -> Data:
    """Version 2 has two kinds more; what version 1 says stays as it is."""
    return data


@contract(topic=TOPIC, key="year", business_on=None)
class CalendarSet(Event, frozen=True, kw_only=True):
    """A year's working days became known: the week, with these exceptions.

    `provisional`: the State Council's order is not out yet; a later event replaces it.
    """

    year: int
    days_off: tuple[date, ...]
    days_worked: tuple[date, ...]
    provisional: bool
