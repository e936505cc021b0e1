"""Look at enterprises, and enter that one moved."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.registry.domain.places import centre_of
from services.registry.store import queries as store
from services.registry.store.queries import Enterprise, Slice, Wanted
from shared.contracts.registry import EnterpriseChanged
from shared.kernel.errors import BadInput, NotFound, RuleViolation
from shared.kernel.industry import industry
from shared.kernel.region import county
from shared.platform.database import Transaction
from shared.platform.web import must_match


@dataclass(frozen=True, slots=True)
class EnterpriseFile:
    """An enterprise with its history and the lists it stands on."""

    enterprise: Enterprise
    slices: list[Slice]
    vintages: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEnterprise:
    """The enterprise is in another county, or another industry, from a day on."""

    enterprise_id: UUID
    expected_version: int
    region_code: str
    industry_code: str | None
    address: str | None
    valid_from: date
    reason: str


async def find_enterprises(tx: Transaction, wanted: Wanted) -> list[Enterprise]:
    """Enterprises the caller may see."""
    return await store.find_enterprises(tx, wanted)


async def open_enterprise(tx: Transaction, enterprise_id: UUID) -> EnterpriseFile:
    """One enterprise.

    Raises: NotFound `enterprise.unknown`: it does not exist, or not for this caller.
    """
    found = await store.find_enterprise(tx, enterprise_id)
    if found is None:
        raise _unknown()
    return EnterpriseFile(
        found,
        await store.slices_of(tx, enterprise_id),
        await store.vintages_of(tx, enterprise_id),
    )


async def change_enterprise(command: ChangeEnterprise, tx: Transaction) -> EnterpriseFile:
    """Enter a dated change. Earlier days keep what they had (ST-07).

    Raises: NotFound `enterprise.unknown`; Conflict `version.stale`; BadInput `region.*`,
    `industry.unknown`; RuleViolation `change.in_future`, `change.before_last`.
    """
    now = await store.find_enterprise(tx, command.enterprise_id, lock=True)
    if now is None:
        raise _unknown()
    must_match(command.expected_version, now.version)
    last = (await store.slices_of(tx, command.enterprise_id))[-1]
    _check_day(command.valid_from, last.valid_from, tx.today)
    if not command.reason.strip():
        raise BadInput("change.reason_missing", "请填写变更原因")
    new = _changed(command, now, tx)
    async with tx.beyond_walls():  # a bureau may move an enterprise to another's city
        await store.change_enterprise(tx, command.enterprise_id, new)
        changed = await _file(tx, command.enterprise_id)
    tx.emit(
        EnterpriseChanged(
            enterprise_id=command.enterprise_id,
            region_code=new.region_code,
            longitude_e6=new.longitude_e6,
            latitude_e6=new.latitude_e6,
            precision=new.precision,  # pyright: ignore[reportArgumentType]
            industry_code=new.industry_code,
            valid_from=new.valid_from,
        )
    )
    tx.audit(
        "enterprise.changed",
        command.enterprise_id,
        before={"region_code": now.region_code, "industry_code": now.industry_code},
        after={
            "region_code": new.region_code,
            "industry_code": new.industry_code,
            "valid_from": new.valid_from,
        },
    )
    return changed


async def _file(tx: Transaction, enterprise_id: UUID) -> EnterpriseFile:
    """The file after a change: also where that took it out of the caller's city."""
    found = await store.find_enterprise(tx, enterprise_id, scoped=False)
    assert found is not None  # it was locked a moment ago
    return EnterpriseFile(
        found,
        await store.slices_of(tx, enterprise_id),
        await store.vintages_of(tx, enterprise_id),
    )


def _check_day(valid_from: date, last_on: date, today: date) -> None:
    if valid_from > today:
        raise RuleViolation("change.in_future", "生效日期不能晚于今天")
    if valid_from < last_on:
        raise RuleViolation(
            "change.before_last", "生效日期早于最近一次变更", f"最近一次变更自 {last_on} 起生效"
        )


def _changed(command: ChangeEnterprise, now: Enterprise, tx: Transaction) -> Slice:
    here = centre_of(county(command.region_code).code)
    stays = now.region_code == command.region_code and command.address is None
    return Slice(
        valid_from=command.valid_from,
        region_code=command.region_code,
        industry_code=industry(command.industry_code).code
        if command.industry_code
        else now.industry_code,
        longitude_e6=now.longitude_e6 if stays else here.longitude_e6,
        latitude_e6=now.latitude_e6 if stays else here.latitude_e6,
        precision=now.precision if stays else here.precision,
        address=command.address or (now.business_address if stays else ""),
        reason=command.reason.strip(),
        recorded_at=tx.now,
        datum=now.datum if stays else "WGS-84",
    )


def _unknown() -> NotFound:
    return NotFound("enterprise.unknown", "没有这家企业,或不在您的管辖范围内")
