"""Accounts: the administrator opens them, those who act activate theirs with the code they got."""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from benchmarks.campaign.api import Caller, Json, NotThere
from benchmarks.campaign.waiting import gathered
from benchmarks.campaign.world import Bank, World
from shared.kernel.region import cities_of

IDENTITY = "/identity/v1"
ROWS = 500
PROVINCE = "320000"
#: Enterprises that sign in, of those with a need.
ENTERPRISES = 3


async def open_accounts(world: World, rows: Sequence[Json]) -> None:
    """Open accounts in batches and activate each with its code; their owners may then sign in."""
    codes: list[tuple[Json, str]] = []
    for start in range(0, len(rows), ROWS):
        batch = list(rows[start : start + ROWS])
        answer = await world.api.post(world.admin, f"{IDENTITY}/accounts:batch", {"rows": batch})
        for row, item in zip(batch, answer["items"], strict=True):
            if item["errors"]:
                raise NotThere(f"{row['username']}: {item['errors']}")
            codes.append((row, item["activation_code"]))
    await gathered([_activate(world, row, code) for row, code in codes])


async def _activate(world: World, row: Json, code: str) -> None:
    caller = Caller(row["username"], row["role"], secrets.token_urlsafe(9))
    body = {
        "username": caller.name,
        "activation_code": code,
        "password": caller.password,
    }
    await world.api.ask(None, "POST", f"{IDENTITY}/activations", json=body)
    world.callers[caller.name] = caller


async def open_regulators(world: World) -> None:
    """The first accounts beside the administrator's: who acts for the province, and who agrees."""
    names = ("regulator", "regulator-2")
    rows: list[Json] = [{"username": name, "role": "province_regulator"} for name in names]
    await open_accounts(world, rows)


async def open_all(world: World) -> None:
    """Every role: authorities, those around them, banks' people, each bank's machine client."""
    with world.steps.step("开户与激活 accounts") as step:
        rows: list[Json] = [
            {"username": f"bureau-{city.code}", "role": "bureau", "region_code": city.code}
            for city in cities_of(PROVINCE)
        ]
        banks = [world.banks[key] for key in sorted(world.banks)]
        rows += _other_rows(world)
        for bank in banks:
            rows.append(_head_row(bank))
            rows += _desk_rows(bank)
        step.of(len(rows) + len(banks))
        for start in range(0, len(rows), 40):
            await open_accounts(world, rows[start : start + 40])
            step.done(len(rows[start : start + 40]))
        for bank in banks:
            await _open_core(world, bank)
            step.done()
        people = sum(row["role"] in ("relationship_manager", "branch_head") for row in rows)
        step.note(
            f"只为需要登录操作的人员开户:{people} 名支行行长和客户经理"
            f" only people who act have accounts: {people} at the desks"
        )
    write_accounts(world)


def _other_rows(world: World) -> list[Json]:
    """Who takes no part in the campaign itself, but has an account: one at least of each role."""
    rows: list[Json] = [
        {"username": f"st-bureau-{city.code}", "role": "st_bureau", "region_code": city.code}
        for city in cities_of(PROVINCE)
    ]
    for role in ("association", "expert", "auditor"):
        rows += [{"username": f"{role}-{number}", "role": role} for number in (1, 2)]
    asking = [firm for _, firm in sorted(world.firms.items()) if firm.need]
    rows += [
        {
            "username": f"enterprise-{number}",
            "role": "enterprise",
            "enterprise_id": firm.enterprise_id,
        }
        for number, firm in enumerate(asking[:ENTERPRISES], start=1)
    ]
    return rows


def _head_row(bank: Bank) -> Json:
    return {
        "username": f"head-{bank.code}",
        "role": "bank_head",
        "institution_id": bank.institution_id,
    }


def _desk_rows(bank: Bank) -> list[Json]:
    # Every manager visits and signs in; of the branch heads, who join them, one a bank does.
    desks = bank.all_desks()
    people = [desks[0].head, *(desk.manager for desk in desks)]
    return [
        {
            "username": person.username,
            "role": person.role,
            "institution_id": person.institution_id,
            "outlet_id": person.outlet_id,
            "staff_id": person.staff_id,
        }
        for person in people
    ]


async def _open_core(world: World, bank: Bank) -> None:
    body = {"name": f"core {bank.code}", "institution_id": bank.institution_id}
    answer = await world.api.post(world.admin, f"{IDENTITY}/clients", body)
    world.cores[bank.institution_id] = Caller(
        answer["client_id"], "bank_core", answer["client_secret"], machine=True
    )


def write_accounts(world: World) -> Path:
    """Write all names and passwords to a file that only its owner may read."""
    people = [world.admin, *world.callers.values(), *world.cores.values()]
    rows = [
        {
            "username": caller.name,
            "role": caller.role,
            "password": caller.password,
            "machine_client": caller.machine,
        }
        for caller in people
    ]
    path = world.options.folder / "accounts.json"
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False, indent=1)
    return path
