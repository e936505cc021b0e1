"""A small campaign for the tests of visits: one bank with a team, one enterprise in its care."""

import io
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx2
from PIL import Image

from shared.contracts.allocation import (
    CampaignOpened,
    ContactNamed,
    EnterpriseAssigned,
    EnterpriseEnrolled,
)
from shared.contracts.event import Event
from shared.contracts.registry import EnterpriseListed, StaffChanged
from shared.kernel.ids import derived_id
from tests.support.approvals import by_two
from tests.support.stack import Caller, Stack

VINTAGE = "2021-12-31"
OPENS_ON = date(2022, 4, 1)
NOON = "2022-06-15T12:00:00+08:00"
SUZHOU, WUXI = "320505", "320205"
LONGITUDE_E6, LATITUDE_E6 = 120_620_000, 31_320_000


def a_jpeg(color: str = "steelblue", size: tuple[int, int] = (320, 240), **save: Any) -> bytes:
    """A small photo; a colour makes it different from others."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "JPEG", **save)
    return buffer.getvalue()


@dataclass
class Bank:
    """A bank with one outlet, a branch head and a manager."""

    code: str
    institution_id: UUID = field(init=False)
    outlet_id: UUID = field(init=False)
    head_id: UUID = field(init=False)
    manager_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.institution_id = derived_id("institution", self.code)
        self.outlet_id = derived_id("outlet", self.code, "001")
        self.head_id = derived_id("staff", self.code, "H1")
        self.manager_id = derived_id("staff", self.code, "M1")

    def staff(
        self,
        staff_id: UUID,
        *,
        role: Any = "relationship_manager",
        valid_from: date = date(2020, 1, 1),
        valid_to: date | None = None,
        outlet_id: UUID | None = None,
    ) -> StaffChanged:
        return StaffChanged(
            staff_id=staff_id,
            institution_id=self.institution_id,
            outlet_id=outlet_id or self.outlet_id,
            role=role,
            valid_from=valid_from,
            valid_to=valid_to,
        )

    def roster(self) -> list[Event]:
        return [self.staff(self.head_id, role="branch_head"), self.staff(self.manager_id)]


@dataclass
class Campaign:
    """The campaign and its one enterprise, given to `bank`."""

    stack: Stack
    bank: Bank = field(default_factory=lambda: Bank("A"))
    other_bank: Bank = field(default_factory=lambda: Bank("B"))
    campaign_id: UUID = field(default_factory=uuid4)

    def opened(self) -> CampaignOpened:
        return CampaignOpened(
            campaign_id=self.campaign_id,
            profile="jiangsu-2022",
            list_vintage=VINTAGE,
            opens_on=OPENS_ON,
            visits_from=date(2022, 5, 1),
            visits_until=date(2022, 8, 31),
            contacts_due_on=date(2022, 4, 30),
            rotation_on=date(2022, 9, 5),
        )

    def listed(self, enterprise_id: UUID, *, region: str = SUZHOU, precision: Any = "point"):
        return EnterpriseListed(
            enterprise_id=enterprise_id,
            uscc="91320000000000000X",
            list_vintage=VINTAGE,
            region_code=region,
            longitude_e6=LONGITUDE_E6,
            latitude_e6=LATITUDE_E6,
            precision=precision,
            industry_code="C39",
            has_loan=False,
            listed_on=date(2022, 3, 1),
        )

    def enrolled(self, enterprise_id: UUID) -> EnterpriseEnrolled:
        return EnterpriseEnrolled(
            enterprise_id=enterprise_id,
            campaign_id=self.campaign_id,
            list_vintage=VINTAGE,
            region_code=SUZHOU,
            opens_on=OPENS_ON,
        )

    def assigned(
        self,
        enterprise_id: UUID,
        *,
        bank: Bank | None = None,
        assigned_on: date = date(2022, 4, 10),
    ) -> EnterpriseAssigned:
        owner = bank or self.bank
        return EnterpriseAssigned(
            assignment_id=self.assignment_id(enterprise_id, owner),
            enterprise_id=enterprise_id,
            campaign_id=self.campaign_id,
            tier=2,
            bureau_code=None,
            institution_id=owner.institution_id,
            region_code=SUZHOU,
            round=1,
            assigned_on=assigned_on,
        )

    def contact(self, enterprise_id: UUID, *, bank: Bank | None = None) -> ContactNamed:
        owner = bank or self.bank
        return ContactNamed(
            assignment_id=self.assignment_id(enterprise_id, owner),
            enterprise_id=enterprise_id,
            campaign_id=self.campaign_id,
            institution_id=owner.institution_id,
            outlet_id=owner.outlet_id,
            staff_id=owner.manager_id,
            named_on=date(2022, 4, 20),
        )

    def assignment_id(self, enterprise_id: UUID, bank: Bank) -> UUID:
        return derived_id("assignment", self.campaign_id, enterprise_id, bank.code)

    def all_of(self, enterprise_id: UUID, *, bank: Bank | None = None) -> list[Event]:
        """Everything about one enterprise, in the order it happens."""
        return [
            self.listed(enterprise_id),
            self.enrolled(enterprise_id),
            self.assigned(enterprise_id, bank=bank),
            self.contact(enterprise_id, bank=bank),
        ]

    async def begin(self, *enterprise_ids: UUID) -> UUID:
        """Noon of 15 June, with rosters, the campaign and its enterprises known."""
        await self.stack.set_clock(NOON)
        ids = enterprise_ids or (uuid4(),)
        events: list[Event] = [*self.bank.roster(), *self.other_bank.roster(), self.opened()]
        for enterprise_id in ids:
            events += self.all_of(enterprise_id)
        await self.stack.publish(*events)
        await self.stack.settle()
        return ids[0]

    def manager(self, bank: Bank | None = None, **more: Any) -> Caller:
        owner = bank or self.bank
        place = {
            "institution_id": owner.institution_id,
            "outlet_id": owner.outlet_id,
            "staff_id": owner.manager_id,
        }
        return self.stack.caller("visits", "relationship_manager", **(place | more))

    def branch_head(self, bank: Bank | None = None, **more: Any) -> Caller:
        owner = bank or self.bank
        place = {
            "institution_id": owner.institution_id,
            "outlet_id": owner.outlet_id,
            "staff_id": owner.head_id,
        }
        return self.stack.caller("visits", "branch_head", **(place | more))

    def bank_head(self, bank: Bank | None = None) -> Caller:
        owner = bank or self.bank
        return self.stack.caller("visits", "bank_head", institution_id=owner.institution_id)

    def regulator(self) -> Caller:
        return self.stack.caller("visits", "province_regulator")

    def bureau(self, city: str) -> Caller:
        return self.stack.caller("visits", "bureau", region_code=city)

    def report(self, enterprise_id: UUID, **changes: Any) -> dict[str, Any]:
        """The JSON of a complete report without a need, but for its photo."""
        return {
            "visit_id": str(uuid4()),
            "campaign_id": str(self.campaign_id),
            "enterprise_id": str(enterprise_id),
            "visited_on": "2022-06-14",
            "started_at": "2022-06-14T10:00:00+08:00",
            "staff_ids": [str(self.bank.head_id), str(self.bank.manager_id)],
            "interviewee": {"role": "legal_representative", "name": "测试甲"},
            "place": {
                "longitude": LONGITUDE_E6 / 1e6,
                "latitude": LATITUDE_E6 / 1e6,
                "accuracy_m": 20,
                "datum": "WGS-84",
            },
            "photo_ids": [],
            "told_campaign": True,
            "told_qr": True,
            "need": None,
            "note": None,
        } | changes

    async def void(
        self, caller: Caller, visit_id: str, body: dict[str, Any] | None = None
    ) -> httpx2.Response:
        """A void that somebody else agreed to."""
        given = body or {"reason_code": "duplicate", "reason": "与另一条重复"}
        path = f"/visits/{visit_id}/void"
        return await by_two(self.stack, caller, path, given, action="visit.void", subject=visit_id)

    async def photo(self, caller: Caller, data: bytes | None = None) -> str:
        """An uploaded photo's id."""
        photo_id = str(uuid4())
        answer = await caller("PUT", f"/photos/{photo_id}", content=data or a_jpeg())
        assert answer.status_code == 201, answer.text
        return photo_id
