"""A small made province: three cities, six banks of six types, sixty enterprises."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any
from uuid import UUID

import httpx2

from shared.contracts.credit import CreditLineApproved, LoanGranted
from shared.contracts.event import Event
from shared.contracts.registry import (
    EnterpriseChanged,
    EnterpriseListed,
    InstitutionChanged,
    ListImported,
    OutletChanged,
    StaffChanged,
)
from shared.kernel.ids import derived_id, new_id
from tests.support.stack import Caller, Stack

VINTAGE = "2021-12-31"
APRIL = "2022-04-02T09:00:00+08:00"
MAY = "2022-05-02T09:00:00+08:00"
SEPTEMBER = "2022-09-05T09:00:00+08:00"
NANJING, SUZHOU, WUXI = "320100", "320500", "320200"
COUNTIES = {
    NANJING: ("320105", 118_760_000, 32_030_000),
    SUZHOU: ("320505", 120_560_000, 31_300_000),
    WUXI: ("320205", 120_360_000, 31_590_000),
}
TYPES: tuple[Any, ...] = (
    "state", "joint_stock", "city_commercial", "rural_commercial", "private", "foreign",
)  # fmt: skip


@dataclass(frozen=True)
class Bank:
    """A bank with an outlet, a head and a manager in every city."""

    number: int

    @property
    def code(self) -> str:
        return f"B{self.number}"

    @property
    def institution_id(self) -> UUID:
        return derived_id("institution", self.code)

    def outlet_id(self, city: str) -> UUID:
        return derived_id("outlet", self.code, city)

    def manager_id(self, city: str) -> UUID:
        return derived_id("staff", self.code, city, "M")

    def changed(self, **fields: Any) -> InstitutionChanged:
        return InstitutionChanged(
            **{
                "institution_id": self.institution_id,
                "institution_code": self.code,
                "name": f"样例银行{self.number}",
                "institution_type": TYPES[self.number % 6],
                "active": True,
                "valid_from": date(2020, 1, 1),
            }
            | fields
        )

    def outlet(self, city: str, **fields: Any) -> OutletChanged:
        county, longitude, latitude = COUNTIES[city]
        return OutletChanged(
            **{
                "outlet_id": self.outlet_id(city),
                "institution_id": self.institution_id,
                "name": f"样例支行{self.number}",
                "region_code": county,
                "longitude_e6": longitude + 9_000 * self.number,
                "latitude_e6": latitude - 7_000 * self.number,
                "precision": "point",
                "relationship_managers": 2,
                "service_capacity": None,
                "active": True,
                "valid_from": date(2020, 1, 1),
            }
            | fields
        )

    def manager(self, city: str, **fields: Any) -> StaffChanged:
        return StaffChanged(
            **{
                "staff_id": self.manager_id(city),
                "institution_id": self.institution_id,
                "outlet_id": self.outlet_id(city),
                "role": "relationship_manager",
                "valid_from": date(2020, 1, 1),
                "valid_to": None,
            }
            | fields
        )

    def facts(self) -> list[Event]:
        return [
            self.changed(),
            *(self.outlet(city) for city in COUNTIES),
            *(self.manager(city) for city in COUNTIES),
        ]


BANKS = tuple(Bank(number) for number in range(6))
BANK_OF = {bank.institution_id: bank for bank in BANKS}


@dataclass
class World:
    """The made province on a stack, and the callers in it."""

    stack: Stack
    enterprise_ids: dict[str, list[UUID]] = field(default_factory=dict)
    campaign_id: str = ""

    @property
    def everybody(self) -> list[UUID]:
        return [one for ids in self.enterprise_ids.values() for one in ids]

    def listed(self, enterprise_id: UUID, city: str, **fields: Any) -> EnterpriseListed:
        county, longitude, latitude = COUNTIES[city]
        rng = Random(enterprise_id.int)
        return EnterpriseListed(
            **{
                "enterprise_id": enterprise_id,
                "uscc": "91320000000000000X",
                "list_vintage": VINTAGE,
                "region_code": county,
                "longitude_e6": longitude + rng.randint(-60_000, 60_000),
                "latitude_e6": latitude + rng.randint(-60_000, 60_000),
                "precision": "point",
                "industry_code": "C39",
                "has_loan": rng.random() < 0.4,
                "listed_on": date(2021, 12, 31),
            }
            | fields
        )

    def imported(self, taken: int, **fields: Any) -> ListImported:
        return ListImported(
            **{
                "import_id": new_id(),
                "list_vintage": VINTAGE,
                "rows": taken,
                "taken": taken,
                "refused": 0,
                "doubtful": 0,
                "imported_on": date(2022, 3, 1),
            }
            | fields
        )

    async def publish(self, events: Iterable[Event]) -> None:
        """Emit events of registry or credit, in one transaction."""
        from shared.contracts.event import contract_of

        given = list(events)
        for source in ("registry", "credit"):
            mine = [one for one in given if contract_of(one).source == source]
            if mine:
                async with self.stack.database(source).transaction() as tx:
                    tx.emit(*mine)

    async def populate(self, per_city: int = 20, clock: str = APRIL) -> None:
        """Banks, rosters and the list, all known."""
        await self.stack.set_clock(clock)
        self.enterprise_ids = {
            city: [derived_id("enterprise", f"{city}-{n}") for n in range(per_city)]
            for city in COUNTIES
        }
        listed = [
            self.listed(one, city) for city, ids in self.enterprise_ids.items() for one in ids
        ]
        banks = [event for bank in BANKS for event in bank.facts()]
        await self.publish([*banks, *listed, self.imported(len(listed))])
        await self.stack.settle()

    async def open(self, **fields: Any) -> str:
        """Open the campaign and enrol; its id."""
        body = {
            "profile": "jiangsu-2022",
            "name": "对接活动",
            "list_vintage": VINTAGE,
            "opens_on": "2022-04-01",
        } | fields
        answer = await self.regulator.post("/campaigns", json=body)
        assert answer.status_code == 202, answer.text
        await self.stack.settle()
        self.campaign_id = answer.json()["campaign_id"]
        return self.campaign_id

    async def plan(self, tier: int, seed: int = 7, **fields: Any) -> str:
        """A solved draft."""
        answer = await self.regulator.post(
            f"/campaigns/{self.campaign_id}/plans", json={"tier": tier, "seed": seed} | fields
        )
        assert answer.status_code == 202, answer.text
        await self.stack.settle()
        plan = await self.read(f"/plans/{answer.json()['plan_id']}")
        assert plan["state"] == "draft", plan
        return plan["plan_id"]

    async def check(self, plan_id: str) -> None:
        """Check a draft as a second regulator."""
        answer = await self.second_regulator.post(f"/plans/{plan_id}/check")
        assert answer.status_code == 200, answer.text

    async def make_binding(self, plan_id: str) -> dict[str, Any]:
        """Check a draft as a second regulator and publish it; the published plan."""
        await self.check(plan_id)
        answer = await self.regulator.post(f"/plans/{plan_id}/publication")
        assert answer.status_code == 202, answer.text
        await self.stack.settle()
        plan = await self.read(f"/plans/{plan_id}")
        assert plan["state"] == "published", plan
        return plan

    async def share_out(self, seed: int = 7) -> None:
        """Both tiers, published."""
        await self.make_binding(await self.plan(1, seed))
        await self.make_binding(await self.plan(2, seed))

    async def rotate(self, on: str = "2022-09-05", seed: int = 9) -> dict[str, Any]:
        """A rotation, published; its plan."""
        answer = await self.regulator.post(
            f"/campaigns/{self.campaign_id}/rotations", json={"rotated_on": on, "seed": seed}
        )
        assert answer.status_code == 202, answer.text
        await self.stack.settle()
        return await self.make_binding(answer.json()["plan_id"])

    async def read(self, path: str, caller: Caller | None = None, **params: Any) -> Any:
        """The JSON of a successful GET."""
        answer = await (caller or self.regulator).get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def assignments(self, caller: Caller | None = None, **params: Any) -> list[Any]:
        """Assignments the caller sees."""
        return (await self.read("/assignments", caller, limit=500, **params))["items"]

    async def holders(self) -> dict[str, str]:
        """Institution by enterprise, at tier 2, now."""
        found = await self.assignments(tier=2)
        return {one["enterprise_id"]: one["institution_id"] for one in found}

    async def name_contacts(
        self, bank: Bank, city: str, rows: list[Any], caller: Caller | None = None
    ) -> httpx2.Response:
        """Name the bank's manager in a city for some assignments."""
        return await (caller or self.bank_head(bank)).post(
            "/contacts:batch",
            json={
                "rows": [
                    {
                        "assignment_id": one["assignment_id"],
                        "outlet_id": str(bank.outlet_id(city)),
                        "staff_id": str(bank.manager_id(city)),
                    }
                    for one in rows
                ]
            },
        )

    async def emitted(self, *names: str) -> list[tuple[str, dict[str, Any]]]:
        """Events of allocation in their log, by partition and place: name and data."""
        import msgspec

        rows = await self.stack.rows(
            "allocation", "select type, payload from event_log order by part, off"
        )
        found = [
            (row["type"].split(".")[0], msgspec.json.decode(row["payload"])["data"]) for row in rows
        ]
        return [one for one in found if not names or one[0] in names]

    def loan(self, enterprise_id: UUID | str, bank: Bank, on: date) -> LoanGranted:
        return LoanGranted(
            loan_id=new_id(),
            line_id=None,
            enterprise_id=UUID(str(enterprise_id)),
            institution_id=bank.institution_id,
            outlet_id=bank.outlet_id(SUZHOU),
            region_code="320505",
            amount_fen=100_000_000,
            origin="new",
            securities=("unsecured",),
            annual_rate_bp=400,
            booked_at=_noon(on),
            first_loan_claimed=None,
            granted_on=on,
            matures_on=date(on.year + 1, on.month, on.day),
        )

    def line(self, enterprise_id: UUID | str, bank: Bank, on: date) -> CreditLineApproved:
        return CreditLineApproved(
            line_id=new_id(),
            enterprise_id=UUID(str(enterprise_id)),
            institution_id=bank.institution_id,
            outlet_id=bank.outlet_id(SUZHOU),
            region_code="320505",
            amount_fen=100_000_000,
            valid_from=on,
            valid_until=date(on.year + 1, on.month, on.day),
            approved_on=on,
        )

    def moved(self, enterprise_id: UUID, city: str, on: date) -> EnterpriseChanged:
        county, longitude, latitude = COUNTIES[city]
        return EnterpriseChanged(
            enterprise_id=enterprise_id,
            region_code=county,
            longitude_e6=longitude,
            latitude_e6=latitude,
            precision="point",
            industry_code=None,
            valid_from=on,
        )

    @property
    def regulator(self) -> Caller:
        return self.stack.caller("allocation", "province_regulator")

    @property
    def second_regulator(self) -> Caller:
        return self.stack.caller("allocation", "province_regulator")

    def bureau(self, city: str) -> Caller:
        return self.stack.caller("allocation", "bureau", region_code=city)

    def bank_head(self, bank: Bank) -> Caller:
        return self.stack.caller("allocation", "bank_head", institution_id=bank.institution_id)

    def branch_head(self, bank: Bank, city: str) -> Caller:
        return self.stack.caller(
            "allocation",
            "branch_head",
            institution_id=bank.institution_id,
            outlet_id=bank.outlet_id(city),
        )

    def manager(self, bank: Bank, city: str) -> Caller:
        return self.stack.caller(
            "allocation",
            "relationship_manager",
            institution_id=bank.institution_id,
            outlet_id=bank.outlet_id(city),
            staff_id=bank.manager_id(city),
        )


def _noon(day: date) -> Any:
    from datetime import datetime

    from shared.kernel.periods import SHANGHAI

    return datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)
