"""Canaries: words that only one tenant may ever read, put wherever a tenant may write words.

Two banks, two cities and two enterprises each leave their own word in every free text they have:
notes, remarks, reasons, evidence, purposes, addresses of webhooks. Whoever is foreign to them may
meet none of these words anywhere; nor may any log, metric or event hold them.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from python_calamine import CalamineWorkbook

from benchmarks.campaign.api import Api, Caller
from benchmarks.campaign.world import LAST_ON, World
from tests.registry.sheets import xlsx

Json = dict[str, Any]
MARK = "CANARY"
#: How the made-up province names its legal representatives and the staff of outlets, and how the
#: persons of the directory are named here.
PERSON = re.compile(r"样例(?:法人|行长|经理|专家|成员)\d+")
TODAY = LAST_ON.isoformat()


@dataclass(frozen=True, slots=True)
class Canary:
    """A word, where it was put, and the bank, city or enterprise that may read it."""

    word: str
    put_in: str
    bank: str = ""
    city: str = ""
    firm: str = ""


@dataclass(slots=True)
class Planted:
    """All canaries, and persons.

    Of the list telephone and name by credit code, the roster's names, and of the directory
    an expert's and a task force member's name by party id.
    """

    canaries: list[Canary] = field(default_factory=list[Canary])
    people: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    staff: set[str] = field(default_factory=set[str])
    directory: dict[str, str] = field(default_factory=dict[str, str])

    def word(self, put_in: str, **owner: str) -> str:
        """A new canary."""
        self.canaries.append(Canary(f"{MARK}{secrets.token_hex(6).upper()}", put_in, **owner))
        return self.canaries[-1].word

    @property
    def words(self) -> set[str]:
        """Every canary's word."""
        return {one.word for one in self.canaries}

    @property
    def personal(self) -> set[str]:
        """Every telephone and every name of a person on the list, the roster, the directory."""
        listed = {text for pair in self.people.values() for text in pair}
        return listed | self.staff | {*self.directory.values()}


async def plant(api: Api, world: World) -> Planted:
    """Let tenants write their words; every deed has to succeed."""
    inputs = world.options.folder / "inputs"
    people, staff = people_of(inputs / "enterprises.xlsx"), staff_of(inputs / "staff.xlsx")
    planted = Planted(people=people, staff=staff)
    everyone = list(world.callers.values())
    banks: set[str] = set()
    for manager in [c for c in everyone if c.role == "relationship_manager"]:
        await api.proof(manager)
        bank = manager.account["institution_id"]
        held = await _held_by(api, world, manager)
        if held and bank not in banks and len(banks) < 2:
            banks.add(bank)
            head = await _of_bank(api, everyone, "bank_head", bank)
            await _bank(api, world, planted, manager, head, held)
    assert len(banks) == 2, "two banks are needed to tell one from the other"
    bureaus = [c for c in everyone if c.role == "bureau"][:2]
    for bureau in bureaus:
        await _city(api, world, planted, bureau)
    await _province(api, world, planted, bureaus[0].account["region_code"])
    for firm in [c for c in everyone if c.role == "enterprise"][:2]:
        await _firm(api, planted, firm)
    return planted


async def _province(api: Api, world: World, planted: Planted, city: str) -> None:
    """What the province alone makes: an edition of the map, and persons of the directory."""
    body = {"title": "科技产业地图", "list_vintage": "2021-12-31"}
    await api.post(world.regulator, "/registry/v1/map-editions", body)
    bank = next(iter(world.banks.values()))
    force = {"kind": "task_force", "code": "F1"}
    parties = (
        {"kind": "bank", "code": bank.code, "name": bank.name},
        {**force, "name": "工作专班", "parent": {"kind": "bank", "code": bank.code}},
        {"kind": "member", "code": "F1-1", "name": "样例成员1", "parent": force},
        {"kind": "expert", "code": "E1", "name": "样例专家1", "region_code": city},
    )
    items = [party | {"valid_from": "2021-01-01"} for party in parties]
    made = await api.post(world.regulator, "/registry/v1/parties", {"items": items})
    named = zip(made["party_ids"], items, strict=True)
    planted.directory = {i: p["name"] for i, p in named if p["kind"] in ("member", "expert")}


async def _of_bank(api: Api, callers: Iterable[Caller], role: str, bank: str) -> Caller:
    for caller in callers:
        if caller.role == role:
            await api.proof(caller)
            if caller.account["institution_id"] == bank:
                return caller
    raise LookupError(bank)


async def _held_by(api: Api, world: World, manager: Caller) -> list[Json]:
    path = "/allocation/v1/assignments"
    rows = await api.get(manager, path, campaign_id=world.campaign_id, limit=20)
    return rows["items"]


async def _bank(
    api: Api, world: World, planted: Planted, manager: Caller, head: Caller, held: list[Json]
) -> None:
    firm, bank = held[0]["enterprise_id"], manager.account["institution_id"]
    owner = {"bank": bank, "city": held[0]["region_code"][:4], "firm": firm}
    put = _putter(planted, bank=bank)
    local = _putter(planted, bank=bank, city=owner["city"])
    shared = _putter(planted, **owner)
    await _visit(api, world, manager, firm, local("visit.note"), local("visit.interviewee"))
    await _application(api, world, head, manager, firm, local("application.remark"))
    await api.post(
        manager,
        f"/registry/v1/enterprises/{firm}/reveals",
        {"purpose": "follow_up", "reason": shared("reveal.reason")},
    )
    await api.post(
        manager,
        f"/registry/v1/enterprises/{firm}/dispositions",
        {"kind": "no_need", "disposed_on": TODAY, "evidence": shared("disposition.evidence")},
    )
    await api.post(
        head,
        f"/allocation/v1/assignments/{held[-1]['assignment_id']}/returns",
        {"reason_code": "refuses_contact", "note": shared("return.note")},
    )
    await api.post(
        head,
        "/identity/v1/approvals",
        {
            "action": "visit.void",
            "subject": str(uuid4()),
            "summary": put("approval.summary"),
            "payload": {"reason_code": "wrong_enterprise", "reason": put("approval.payload")},
        },
    )
    core = await _of_bank(api, world.cores.values(), "bank_core", bank)
    await api.post(
        core,
        "/credit/v1/webhooks",
        {
            "url": f"http://127.0.0.1:9/{put('webhook.url')}",
            "event_types": ["EnterpriseAssigned"],
        },
    )
    await _sheet(api, head, put("import.file_name"), put("import.cell"))


def _putter(planted: Planted, **owner: str) -> Callable[[str], str]:
    return lambda put_in: planted.word(put_in, **owner)


async def _visit(api: Api, world: World, manager: Caller, firm: str, note: str, name: str) -> None:
    body = {
        "visit_id": str(uuid4()),
        "campaign_id": world.campaign_id,
        "enterprise_id": firm,
        "visited_on": TODAY,
        "staff_ids": [manager.account["staff_id"]],
        "interviewee": {"role": "other", "name": name},
        "told_campaign": True,
        "told_qr": True,
        "note": note,
    }
    await api.post(manager, "/visits/v1/visits", body)


async def _application(
    api: Api, world: World, head: Caller, manager: Caller, firm: str, remark: str
) -> None:
    products = await api.get(head, "/credit/v1/products")
    application_id = str(uuid4())
    body = {
        "application_id": application_id,
        "campaign_id": world.campaign_id,
        "enterprise_id": firm,
        "outlet_id": manager.account["outlet_id"],
        "product_code": products["items"][0]["code"],
        "amount": "1000000.00",
        "filed_on": TODAY,
    }
    await api.post(head, "/credit/v1/applications", body)
    decision = {
        "approved": False,
        "reason_code": "debt_too_high",
        "remark": remark,
        "decided_on": TODAY,
    }
    await api.post(head, f"/credit/v1/applications/{application_id}/decision", decision)


async def _sheet(api: Api, head: Caller, file_name: str, cell: str) -> None:
    """A roster that the bank sends in itself; its rows are refused, and keep the word."""
    row = {
        "人员编号": cell, "姓名": "样例人员", "机构编码": cell, "网点编码": cell, "岗位": "客户经理",
        "用工性质": "正式", "手机号": "", "到岗日期": "2021-01-04",
    }  # fmt: skip
    raw = xlsx([list(row), list(row.values())])
    form = {"kind": "staff"}
    await api.upload(head, "/registry/v1/imports", f"{file_name}.xlsx", raw, form)


async def _city(api: Api, world: World, planted: Planted, bureau: Caller) -> None:
    await api.proof(bureau)
    city = bureau.account["region_code"]
    word = planted.word("scenario.name", city=city[:4])
    body = {"name": word, "city_code": city, "changes": {"remote_m": 1}}
    await api.post(bureau, f"/allocation/v1/campaigns/{world.campaign_id}/scenarios", body)
    word = planted.word("export.purpose", city=city[:4])
    await api.post(bureau, "/registry/v1/search/exports", {"format": "csv", "purpose": word})
    (firm,) = (await api.get(bureau, "/registry/v1/enterprises", limit=1))["items"]
    word = planted.word("reveal.reason", city=city[:4], firm=firm["enterprise_id"])
    body = {"purpose": "verification", "reason": word}
    await api.post(bureau, f"/registry/v1/enterprises/{firm['enterprise_id']}/reveals", body)


async def _firm(api: Api, planted: Planted, firm: Caller) -> None:
    await api.proof(firm)
    own = firm.account["enterprise_id"]
    reason = planted.word("reveal.reason", firm=own)
    await api.post(
        firm,
        f"/registry/v1/enterprises/{own}/reveals",
        {"purpose": "subject_request", "reason": reason},
    )
    basis = planted.word("erasure.basis", firm=own)
    await api.post(firm, "/registry/v1/erasures", {"subject_id": own, "basis": basis})


def people_of(path: Path) -> dict[str, tuple[str, str]]:
    """Telephone and legal representative by credit code, as the list that was sent in has them."""
    rows = list(_rows(path))
    header = next(i for i, row in enumerate(rows) if "统一社会信用代码" in row)
    columns = [rows[header].index(n) for n in ("统一社会信用代码", "联系电话", "法定代表人")]
    found: dict[str, tuple[str, str]] = {}
    for row in rows[header + 1 :]:
        code, phone, name = (row[column].strip() for column in columns)
        if len(phone) == 11 and phone.isdigit() and PERSON.fullmatch(name):
            found[code] = (phone, name)
    return found


def staff_of(path: Path) -> set[str]:
    """The names on the roster that was sent in."""
    return {cell for row in _rows(path) for cell in row if PERSON.fullmatch(cell)}


def _rows(path: Path) -> Iterator[list[str]]:
    book = CalamineWorkbook.from_path(path)
    for name in book.sheet_names:
        for row in book.get_sheet_by_name(name).to_python():
            yield [str(value) for value in row]
