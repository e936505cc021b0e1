"""Forgetting: asked for by one, granted by another, and gone from tables, sheets and backups."""

import asyncio
import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from python_calamine import CalamineWorkbook

from services.registry.settings import Settings
from services.registry.store.persons import keyring, opened
from services.registry.usecases.erasing import forget_old_uploads
from services.vaults import dump_keys, load_keys
from shared.contracts.event import decode
from shared.kernel.ids import derived_id
from shared.platform.embedded.pgbinaries import find_binaries
from shared.platform.embedded.postgres import Postgres
from shared.platform.settings import SERVICES
from tests.registry.sheets import TODAY, firm, imported, lines_of, rows_of, uscc, xlsx
from tests.registry.test_banks import INSTITUTIONS, OUTLETS, STAFF
from tests.registry.test_directory import enter, party
from tests.registry.test_vault import NAME, PHONE, dump, reveal
from tests.support.stack import Caller, Stack

STAFF_NAME = "欧阳经理"


def enterprise(number: int) -> UUID:
    return derived_id("enterprise", uscc(number))


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator", account_id=uuid4())
    await imported(
        stack, caller, xlsx(lines_of([firm(1, 法定代表人=NAME, 联系电话=PHONE), firm(2)]))
    )
    return caller


async def erased(stack: Stack, regulator: Caller, subject_id: UUID, **more: str) -> dict[str, Any]:
    body = {"subject_id": str(subject_id), "basis": "本人书面申请"} | more
    asked = await regulator.post("/erasures", json=body)
    assert asked.status_code == 201, asked.text
    second = stack.caller("registry", "province_regulator", account_id=uuid4())
    path = f"/erasures/{asked.json()['erasure_id']}/decision"
    answer = await second.post(path, json={"approve": True})
    assert answer.status_code == 200, answer.text
    await stack.settle()
    return answer.json()


async def test_S22_erasure_takes_two_persons_and_gives_a_receipt(
    stack: Stack, regulator: Caller
) -> None:
    body = {"subject_id": str(enterprise(1)), "basis": "本人书面申请"}
    asked = await regulator.post("/erasures", json=body)
    path = f"/erasures/{asked.json()['erasure_id']}"
    own = await regulator.post(f"{path}/decision", json={"approve": True})
    assert (own.status_code, own.json()["code"]) == (403, "approval.same_person")
    assert (await reveal(regulator)).status_code == 201
    twice = await regulator.post("/erasures", json=body)
    assert twice.json()["code"] == "erasure.requested_before"
    second = stack.caller("registry", "platform_admin", account_id=uuid4())
    done = (await second.post(f"{path}/decision", json={"approve": True})).json()
    assert done["state"] == "approved"
    receipt = done["receipt"]
    assert (receipt["keys_destroyed"], receipt["records_removed"]) == (1, 1)
    assert receipt["sheets_destroyed"] == 1
    assert (await regulator.get(path)).json()["receipt"] == receipt
    assert (await reveal(regulator)).json()["code"] == "person.unknown"
    shown = (await regulator.get(f"/enterprises/{enterprise(1)}")).json()
    assert (shown["legal_representative"], shown["phone"]) == ("", "")


async def test_S22_an_enterprise_asks_for_itself_and_sees_only_its_own(
    stack: Stack, regulator: Caller
) -> None:
    own = stack.caller("registry", "enterprise", enterprise_id=enterprise(1))
    basis = {"basis": "撤回同意"}
    foreign = await own.post("/erasures", json=basis | {"subject_id": str(enterprise(2))})
    assert foreign.status_code == 404
    asked = await own.post("/erasures", json=basis | {"subject_id": str(enterprise(1))})
    assert asked.status_code == 201
    other = stack.caller("registry", "enterprise", enterprise_id=enterprise(2))
    assert (await other.get("/erasures")).json()["items"] == []
    assert (await other.get(f"/erasures/{asked.json()['erasure_id']}")).status_code == 404


async def test_S22_counts_stay_and_a_later_list_does_not_bring_the_person_back(
    stack: Stack, regulator: Caller
) -> None:
    await erased(stack, regulator, enterprise(1))
    assert len((await regulator.get("/enterprises")).json()["items"]) == 2
    (members,) = await stack.rows("registry", "select count(*) from list_member")
    assert members[0] == 2
    await stack.set_clock("2023-04-08T09:00:00+08:00")
    sheet = xlsx(lines_of([firm(1, 法定代表人=NAME, 联系电话=PHONE), firm(2)]))
    job = await imported(stack, regulator, sheet, list_vintage="2022-12-31")
    assert job["counts"]["taken"] == 2
    assert (await reveal(regulator)).json()["code"] == "person.unknown"
    body = {"legal_representative": NAME, "phone": PHONE}
    answer = await regulator("PUT", f"/enterprises/{enterprise(1)}/person", json=body)
    assert answer.json()["code"] == "person.erased"


async def test_S22_the_sheet_that_named_the_person_is_gone(stack: Stack, regulator: Caller) -> None:
    folder = Path(os.environ["REGISTRY_UPLOAD_DIR"])
    (job,) = (await regulator.get("/imports")).json()["items"]
    (upload,) = await stack.rows("registry", "select upload_id from upload")
    assert (folder / upload[0].hex[-2:] / upload[0].hex).exists()
    await erased(stack, regulator, enterprise(1))
    assert not (folder / upload[0].hex[-2:] / upload[0].hex).exists()
    report = await regulator.get(f"/imports/{job['import_id']}/report.xlsx")
    assert (report.status_code, report.json()["code"]) == (409, "file.gone")
    assert len(await rows_of(regulator, job)) == 2


async def person_of(regulator: Caller, code: str) -> dict[str, Any]:
    """A member of staff as the directory shows it."""
    listed = (await regulator.get("/staff")).json()["items"]
    return next(each for each in listed if each["staff_code"] == code)


async def test_S22_a_member_of_staff_is_forgotten_too(stack: Stack, regulator: Caller) -> None:
    body = {"subject_id": str(uuid4()), "kind": "staff", "basis": "离职"}
    assert (await regulator.post("/erasures", json=body)).json()["code"] == "staff.unknown"
    roster = [(*STAFF[0],), ("S1", STAFF_NAME, *STAFF[1][2:]), STAFF[3]]
    for kind, lines in (("institutions", INSTITUTIONS), ("outlets", OUTLETS), ("staff", roster)):
        await imported(stack, regulator, xlsx(lines), kind=kind)
    person = await person_of(regulator, "S1")
    assert person["name"].startswith(STAFF_NAME[0])
    done = await erased(stack, regulator, UUID(person["staff_id"]), kind="staff")
    assert done["receipt"]["keys_destroyed"] == 1
    assert done["receipt"]["sheets_destroyed"] == 1
    # The person's place in the roster stays: visits rest on it.
    assert (await person_of(regulator, "S1")) == person | {"name": ""}
    assert STAFF_NAME not in "".join([await dump(stack, service) for service in SERVICES])
    files = Path(os.environ["REGISTRY_UPLOAD_DIR"]).rglob("*")
    assert not any(STAFF_NAME.encode() in f.read_bytes() for f in files if f.is_file())


PEOPLE = {
    "expert": party("expert", "E1", name=STAFF_NAME, details={"field": f"{STAFF_NAME}的专长"}),
    "member": party("member", "M1", name=STAFF_NAME, region_code=None, details={"post": "组长"}),
}


@pytest.mark.parametrize("kind", ["expert", "member"])
async def test_S22_a_person_of_the_directory_is_forgotten_too(
    stack: Stack, regulator: Caller, kind: str
) -> None:
    entry = PEOPLE[kind] | {"reason": f"{STAFF_NAME}来电要求登记"}
    made = await enter(regulator, entry, party("science_park", "P1"))
    assert made.status_code == 201, made.text
    person, park = map(UUID, made.json()["party_ids"])
    asked = {"purpose": "subject_request", "reason": f"{STAFF_NAME}本人申请"}
    assert (await regulator.post(f"/parties/{person}/reveals", json=asked)).status_code == 201
    for other in (park, uuid4()):  # a park is nobody
        body = {"subject_id": str(other), "kind": "party", "basis": "本人申请"}
        assert (await regulator.post("/erasures", json=body)).json()["code"] == "staff.unknown"
    own = stack.caller("registry", "enterprise", enterprise_id=enterprise(1), account_id=uuid4())
    body = {"subject_id": str(person), "kind": "party", "basis": "本人申请"}
    assert (await own.post("/erasures", json=body)).status_code == 404
    done = await erased(stack, regulator, person, kind="party")
    assert (done["receipt"]["keys_destroyed"], done["receipt"]["records_removed"]) == (1, 1)
    again = await regulator.post(f"/parties/{person}/reveals", json=asked)
    assert again.json()["code"] == "person.unknown"
    assert STAFF_NAME not in "".join([await dump(stack, service) for service in SERVICES])
    (told,) = await stack.rows(
        "registry", "select payload from event_log where type = 'PersonalDataErased.v2'"
    )
    assert b"party" in told["payload"]


@pytest.mark.parametrize("kind", ["expert", "member"])
async def test_S22_a_later_entry_of_the_directory_does_not_bring_a_person_back(
    stack: Stack, regulator: Caller, kind: str
) -> None:
    made = await enter(regulator, PEOPLE[kind])
    (person,) = map(UUID, made.json()["party_ids"])
    await erased(stack, regulator, person, kind="party")
    said = "select from event_log where type = 'PartyChanged.v2'"
    before = len(await stack.rows("registry", said))
    later = PEOPLE[kind] | {"valid_from": "2022-04-01", "active": False, "reason": STAFF_NAME}
    for _ in range(2):  # the second time it is nothing new
        assert (await enter(regulator, later)).status_code == 201
    await stack.settle()
    assert len(await stack.rows("registry", said)) == before + 1
    history = (await regulator.get(f"/parties/{person}/history")).json()["items"]
    assert [(one["name"], one["details"], one["reason"], one["active"]) for one in history] == [
        ("", {}, "", True), ("", {}, "", False),
    ]  # fmt: skip
    assert STAFF_NAME not in await dump(stack)
    assert not await stack.rows("registry", f"select from data_key where subject_id = '{person}'")


async def test_M5_everything_held_on_a_person_of_the_directory_is_handed_over(
    regulator: Caller,
) -> None:
    made = await enter(regulator, PEOPLE["expert"] | {"reason": "聘任"})
    (person,) = made.json()["party_ids"]
    asked = {"purpose": "subject_request", "reason": "本人申请"}
    revealed = (await regulator.post(f"/parties/{person}/reveals", json=asked)).json()
    path = f"/reveals/{revealed['reveal_id']}/holdings"
    held = (await regulator.get(path)).json()
    assert held["person"][0]["legal_representative"] == STAFF_NAME
    assert held["party"] == [{"party_id": person, "kind": "expert", "code": "E1"}]
    assert [row["reason"] for row in held["party_slice"]] == ["聘任"]
    assert "专长" in held["party_slice"][0]["details"]
    assert held["who_looked"][0]["purpose"] == "subject_request"
    assert "enterprise" not in held


async def test_S22_what_was_written_about_the_enterprise_goes_with_its_persons(
    stack: Stack, regulator: Caller
) -> None:
    words = f"电话{PHONE}找{NAME},已搬走"
    body = {"kind": "unreachable", "disposed_on": TODAY[:10], "evidence": words}
    path = f"/enterprises/{enterprise(1)}/dispositions"
    assert (await regulator.post(path, json=body)).status_code == 201
    own = f"/enterprises/{enterprise(1)}"
    named = {"name": "苏州新样例科技有限公司", "valid_from": "2022-04-02", "reason": words}
    first = await regulator.post(f"{own}/names", json=named, headers={"if-match": '"1"'})
    assert first.status_code == 200, first.text
    moved = {"region_code": "320507", "valid_from": "2022-04-02", "reason": words}
    second = await regulator("PATCH", own, json=moved, headers={"if-match": '"2"'})
    assert second.status_code == 200, second.text
    assert PHONE in await dump(stack, "registry")
    await erased(stack, regulator, enterprise(1))
    assert PHONE not in await dump(stack, "registry")
    (kept,) = (await regulator.get("/dispositions")).json()["items"]
    assert (kept["kind"], kept["evidence"]) == ("unreachable", "")


async def test_M5_everything_held_on_an_enterprise_is_handed_to_it(
    stack: Stack, regulator: Caller
) -> None:
    own = stack.caller("registry", "enterprise", enterprise_id=enterprise(1), account_id=uuid4())
    made = await reveal(own, purpose="subject_request")
    assert made.status_code == 201, made.text
    path = f"/reveals/{made.json()['reveal_id']}/holdings"
    held = (await own.get(path)).json()
    assert held["person"][0]["phone"] == PHONE
    assert held["enterprise"][0]["uscc"] == uscc(1)
    assert [row["list_vintage"] for row in held["list_member"]] == ["2021-12-31"]
    assert held["who_looked"][0]["purpose"] == "subject_request"
    book = await own.get(path, params={"format": "xlsx"})
    sheets = CalamineWorkbook.from_filelike(io.BytesIO(book.content))
    assert sheets.get_sheet_by_name("person").to_python()[1][:2] == [NAME, PHONE]
    other = await reveal(regulator)
    refused = await regulator.get(f"/reveals/{other.json()['reveal_id']}/holdings")
    assert refused.json()["code"] == "reveal.other_purpose"
    assert (await regulator.get(path)).status_code == 404


def run_program(name: str, *arguments: str) -> None:
    program = str(find_binaries().program(name))
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def readable(url: str) -> set[str]:
    """Every telephone that opens in a database with today's master keys and its own data keys."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select p.subject_id, p.box, k.master, k.wrapped from person_data p"
            " left join data_key k using (subject_id)"
        )
        keys = await connection.fetch("select subject_id, master, wrapped from data_key")
    finally:
        await connection.close()
    assert rows
    assert keys
    return {opened(*row).phone for row in rows}


async def plain_text(url: str) -> str:
    """Every value of every table, as text and as bytes."""
    connection = await asyncpg.connect(url)
    try:
        found: list[str] = []
        for table in await connection.fetch(
            "select tablename from pg_tables where schemaname = 'public'"
        ):
            for row in await connection.fetch(f'select * from "{table[0]}"'):
                found += [
                    v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in row
                ]
        return "\n".join(found)
    finally:
        await connection.close()


@pytest.fixture
async def another_database(postgres: Postgres) -> Any:
    """Makes empty databases on the test's server, and removes them."""
    admin = await asyncpg.connect(postgres.admin_url)
    made: list[str] = []

    async def make() -> str:
        name = f"restored_{uuid4().hex[:8]}"
        await admin.execute(f"create database {name}")
        made.append(name)
        return postgres.admin_url.rpartition("/")[0] + f"/{name}"

    yield make
    for name in made:
        await admin.execute(f"drop database {name} with (force)")
    await admin.close()


async def test_S22_after_erasure_nothing_is_readable_in_any_store_or_restored_backup(
    stack: Stack,
    postgres: Postgres,
    regulator: Caller,
    tmp_path: Path,
    another_database: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said: list[str] = []
    # A backup is taken by the server's own superuser: row policies hide rows from everyone else.
    source = f"{postgres.admin_url.rpartition('/')[0]}/{stack.databases['registry'].url.rpartition('/')[2]}"
    backup, old_keys, new_keys = (tmp_path / name for name in ("data.dump", "old", "new"))
    await reveal(regulator, reason=f"致电{NAME} {PHONE}")
    # The nightly backup leaves the keys out; they are dumped apart.
    run_program(
        "pg_dump", "-Fc", "--exclude-table-data=data_key", "-f", str(backup), source
    )  # fmt: skip
    await asyncio.to_thread(dump_keys, old_keys, said.append)
    await erased(stack, regulator, enterprise(1))
    await asyncio.to_thread(dump_keys, new_keys, said.append)

    everywhere = "".join([await dump(stack, service) for service in SERVICES])
    events = await stack.rows("registry", "select payload, part, off, at from event_log")
    told = [
        decode(
            e["payload"], topic="registry.events", part=e["part"], off=e["off"], known_at=e["at"]
        )
        for e in events
    ]
    assert "PersonalDataErased" in {type(one.event).__name__ for one in told}
    files = b"".join(
        path.read_bytes()
        for path in Path(os.environ["REGISTRY_UPLOAD_DIR"]).rglob("*")
        if path.is_file()
    )
    output = "".join(capsys.readouterr()) + "".join(said)
    for secret in (NAME, PHONE):
        assert secret not in everywhere
        assert secret not in output
        assert secret.encode() not in files
        assert secret.encode() not in new_keys.read_bytes() + backup.read_bytes()

    restored = await another_database()
    run_program("pg_restore", "--no-owner", "--no-acl", "-d", restored, str(backup))
    monkeypatch.setenv("REGISTRY_DATABASE_URL", restored)
    text = await plain_text(restored)
    assert NAME not in text
    assert PHONE not in text
    await asyncio.to_thread(load_keys, old_keys, said.append)
    assert PHONE in await readable(restored)  # the old keys did open it: the check can see
    await asyncio.to_thread(load_keys, new_keys, said.append)
    assert PHONE not in await readable(restored)
    connection = await asyncpg.connect(restored)
    try:
        boxes = await connection.fetch("select subject_id, box from person_data")
        reasons = await connection.fetch("select reason_box from reveal")
        left = await connection.fetch("select subject_id, master, wrapped from data_key")
    finally:
        await connection.close()
    assert len(boxes) == 2
    assert len(reasons) == 1
    assert enterprise(1) not in {row["subject_id"] for row in left}
    assert keyring().current in {row["master"] for row in left}


async def test_M5_a_sheet_is_thrown_away_with_its_key_when_its_time_is_over(
    stack: Stack, regulator: Caller
) -> None:
    database, settings = stack.database("registry"), Settings()  # pyright: ignore[reportCallIssue]
    assert await forget_old_uploads(database, settings) == 0
    await stack.set_clock("2022-05-09T09:00:00+08:00")
    assert await forget_old_uploads(database, settings) == 1
    (left,) = await stack.rows("registry", "select count(*) from data_key where kind = 'upload'")
    assert left[0] == 0
    (job,) = (await regulator.get("/imports")).json()["items"]
    report = await regulator.get(f"/imports/{job['import_id']}/report.xlsx")
    assert report.json()["code"] == "file.gone"
