"""One province in small: two banks with an outlet each, some enterprises, and their people."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from shared.contracts.allocation import EnterpriseAssigned
from shared.contracts.registry import (
    EnterpriseChanged,
    EnterpriseListed,
    InstitutionChanged,
    OutletChanged,
)
from shared.kernel.ids import derived_id
from shared.kernel.uscc import check_character
from tests.support.stack import Caller, Stack

TODAY = "2022-08-15"
LISTED_ON = date(2021, 12, 31)
SUZHOU, KUNSHAN, NANJING = "320500", "320583", "320102"
CAMPAIGN = derived_id("campaign", "jiangsu-2022")


def uscc(number: int) -> str:
    """A well-formed credit code of a made-up enterprise."""
    first = f"91320583MA{number:07d}"
    return first + check_character(first)


@dataclass
class Bank:
    """A bank with one outlet."""

    code: str
    institution_id: UUID = field(init=False)
    outlet_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.institution_id = derived_id("institution", self.code)
        self.outlet_id = derived_id("outlet", self.code, "001")

    def events(self) -> tuple[Any, ...]:
        return (
            InstitutionChanged(
                institution_id=self.institution_id,
                institution_code=self.code,
                name=f"银行{self.code}",
                institution_type="city_commercial",
                active=True,
                valid_from=LISTED_ON,
            ),
            OutletChanged(
                outlet_id=self.outlet_id,
                institution_id=self.institution_id,
                name="营业部",
                region_code=KUNSHAN,
                longitude_e6=120_950_000,
                latitude_e6=31_380_000,
                precision="county",
                relationship_managers=5,
                service_capacity=None,
                active=True,
                valid_from=LISTED_ON,
            ),
        )


A, B = Bank("BANKA"), Bank("BANKB")


def listed(number: int, *, region: str = KUNSHAN, on: date = LISTED_ON) -> EnterpriseListed:
    return EnterpriseListed(
        enterprise_id=enterprise_id(number),
        uscc=uscc(number),
        list_vintage=LISTED_ON.isoformat(),
        region_code=region,
        longitude_e6=0,
        latitude_e6=0,
        precision="county",
        industry_code=None,
        has_loan=None,
        listed_on=on,
    )


def moved(number: int, *, region: str, on: date) -> EnterpriseChanged:
    return EnterpriseChanged(
        enterprise_id=enterprise_id(number),
        region_code=region,
        longitude_e6=0,
        latitude_e6=0,
        precision="county",
        industry_code=None,
        valid_from=on,
    )


def assigned(number: int, bank: Bank, *, on: date = date(2022, 4, 20)) -> EnterpriseAssigned:
    return EnterpriseAssigned(
        assignment_id=derived_id("assignment", number, bank.code),
        enterprise_id=enterprise_id(number),
        campaign_id=CAMPAIGN,
        tier=2,
        bureau_code=None,
        institution_id=bank.institution_id,
        region_code=KUNSHAN,
        round=1,
        assigned_on=on,
    )


def enterprise_id(number: int) -> UUID:
    return derived_id("enterprise", uscc(number))


def line(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "external_id": f"L{number}",
        "uscc": uscc(number),
        "outlet_code": "001",
        "amount": "1000000.00",
        "approved_on": "2022-05-01",
        "valid_from": "2022-05-01",
        "valid_until": "2023-04-30",
    } | changes


def loan(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "external_id": f"N{number}",
        "uscc": uscc(number),
        "outlet_id": str(A.outlet_id),
        "amount": "1000000.00",
        "origin": "new",
        "securities": ["unsecured"],
        "annual_rate_bp": 435,
        "granted_on": "2022-06-01",
        "matures_on": "2023-06-01",
        "booked_at": "2022-06-01T10:00:00+08:00",
    } | changes


def drawdown(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "external_id": f"D{number}",
        "loan_external_id": f"N{number}",
        "amount": "500000.00",
        "drawn_on": "2022-06-10",
    } | changes


def repayment(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "external_id": f"R{number}",
        "loan_external_id": f"N{number}",
        "principal": "100000.00",
        "repaid_on": "2022-07-10",
    } | changes


def reversal(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "external_id": f"V{number}",
        "drawdown_external_id": f"D{number}",
        "amount": "500000.00",
        "reversed_on": "2022-07-20",
    } | changes


def application(**changes: Any) -> dict[str, Any]:
    return {
        "application_id": str(uuid4()),
        "campaign_id": str(CAMPAIGN),
        "enterprise_id": str(enterprise_id(1)),
        "outlet_id": str(A.outlet_id),
        "product_code": "sukedai",
        "amount": "3000000.00",
        "filed_on": "2022-06-01",
    } | changes


@dataclass
class World:
    """The stack with the world in it."""

    stack: Stack

    def core(self, bank: Bank = A) -> Caller:
        return self.stack.caller("credit", "bank_core", institution_id=bank.institution_id)

    def head(self, bank: Bank = A) -> Caller:
        return self.stack.caller("credit", "bank_head", institution_id=bank.institution_id)

    def manager(self, bank: Bank = A) -> Caller:
        return self.stack.caller(
            "credit",
            "relationship_manager",
            institution_id=bank.institution_id,
            outlet_id=bank.outlet_id,
            staff_id=derived_id("staff", bank.code, "001"),
        )

    def bureau(self, city: str) -> Caller:
        return self.stack.caller("credit", "bureau", region_code=city)

    def regulator(self) -> Caller:
        return self.stack.caller("credit", "province_regulator")

    async def push(
        self, kind: str, *rows: dict[str, Any], bank: Bank = A, **more: Any
    ) -> list[dict[str, Any]]:
        """Push rows as a bank's core and give the row answers."""
        answer = await self.core(bank).post(f"/{kind}:batch", json={"rows": rows} | more)
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    async def pushed(self, kind: str, *rows: dict[str, Any], bank: Bank = A) -> list[str]:
        """Push rows that must all be taken; gives their ids."""
        answers = await self.push(kind, *rows, bank=bank)
        assert {answer["status"] for answer in answers} == {"created"}, answers
        return [answer["id"] for answer in answers]

    async def balance(self, external_id: str = "N1") -> str:
        page = (await self.head().get("/loans", params={"external_id": external_id})).json()
        return page["items"][0]["balance"]

    async def events(self, event_type: str) -> list[dict[str, Any]]:
        """What credit has announced of a type, in order."""
        import json

        await self.stack.settle()
        rows = await self.stack.rows(
            "credit",
            "select payload from event_log where type = $1 order by at, off",
            f"{event_type}.v1",
        )
        return [json.loads(row["payload"])["data"] for row in rows]


def codes(answer: dict[str, Any]) -> list[str]:
    """The error codes of a row answer."""
    return [error["code"] for error in answer["errors"]]
