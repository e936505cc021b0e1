"""Personal data: sealed at rest, masked by default, unveiled for a purpose within a budget."""

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.registry.domain.masks import without_numbers
from services.registry.store import persons
from services.registry.store.files import path_of
from services.registry.store.persons import keyring
from shared.kernel.ids import derived_id
from shared.platform.vault import Keyring, VaultClosed, Wrapped, fresh_key, open_box, seal
from shared.platform.vault_keys import rewrap
from tests.registry.sheets import (
    HEADER,
    TODAY,
    csv_text,
    firm,
    imported,
    lines_of,
    rows_of,
    uscc,
    xlsx,
)
from tests.support.stack import Caller, Stack

NAME, PHONE = "欧阳测试", "13900001234"
ASKED = {"purpose": "arrange_visit", "reason": "约定上门走访时间"}


def enterprise(number: int) -> UUID:
    return derived_id("enterprise", uscc(number))


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator", account_id=uuid4())
    rows = [firm(1, 法定代表人=NAME, 联系电话=PHONE), firm(2), firm(3)]
    await imported(stack, caller, xlsx(lines_of(rows)))
    return caller


async def reveal(caller: Caller, number: int = 1, **asked: str) -> Any:
    path = f"/enterprises/{enterprise(number)}/reveals"
    return await caller.post(path, json=ASKED | asked)


async def dump(stack: Stack, service: str = "registry") -> str:
    """Every row of every table of a service as text; bytes also as what they may spell."""
    tables = await stack.rows(
        service, "select tablename from pg_tables where schemaname = 'public'"
    )
    found: list[str] = []
    for table in tables:
        for row in await stack.rows(service, f'select * from "{table[0]}"'):
            for value in row:
                found.append(
                    value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                )
    return "\n".join(found)


def test_a_box_opens_only_with_its_key_and_for_its_subject() -> None:
    ring = Keyring.parse(f"a {fresh_key()}", fresh_key())
    one, other = uuid4(), uuid4()
    key, wrapped = ring.new_key(one)
    box = seal(key, b"secret", bound_to=one.bytes)
    assert open_box(ring.unwrap(one, wrapped), box, bound_to=one.bytes) == b"secret"
    assert b"secret" not in box
    assert key not in wrapped.wrapped
    with pytest.raises(VaultClosed, match="tampered"):
        open_box(key, box, bound_to=other.bytes)
    with pytest.raises(VaultClosed, match="tampered"):
        ring.unwrap(other, wrapped)
    for at in range(len(box)):
        broken = box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :]
        with pytest.raises(VaultClosed, match="tampered"):
            open_box(key, broken, bound_to=one.bytes)


def test_keys_are_read_strictly() -> None:
    good = fresh_key()
    for masters in ("", "a", "a !!", f"a {good[:-8]}", f"a {good}\nb {good}\nc {good}"):
        with pytest.raises(ValueError, match="key") as failed:
            Keyring.parse(masters, good)
        assert good not in str(failed.value)
    assert Keyring.parse(f"b {good}\na {good}", good).current == "b"


def test_two_sealings_in_one_batch_share_neither_key_nor_nonce() -> None:
    ring = Keyring.parse(f"a {fresh_key()}", fresh_key())
    subjects = [(uuid4(), b"x" * 20) for _ in range(500)]
    sealed = ring.seal_new(subjects)
    assert len({box[:12] for _, box in sealed} | {w.wrapped[:12] for w, _ in sealed}) == 1000
    keys = {ring.unwrap(s, w) for (s, _), (w, _) in zip(subjects, sealed, strict=True)}
    assert len(keys) == 500
    for (subject, plain), (wrapped, box) in zip(subjects, sealed, strict=True):
        assert open_box(ring.unwrap(subject, wrapped), box, bound_to=subject.bytes) == plain


async def test_M5_persons_are_sealed_in_the_tables_and_masked_in_answers(
    stack: Stack, regulator: Caller
) -> None:
    everything = await dump(stack)
    assert NAME not in everything
    assert PHONE not in everything
    shown = (await regulator.get(f"/enterprises/{enterprise(1)}")).json()
    assert (shown["legal_representative"], shown["phone"]) == ("欧**", "139****1234")
    listed = (await regulator.get("/enterprises")).json()["items"][0]
    assert (listed["legal_representative"], listed["phone"]) == ("欧**", "139****1234")


async def test_M5_a_reveal_needs_a_purpose_shows_to_the_asker_and_ends(
    stack: Stack, regulator: Caller
) -> None:
    without = await reveal(regulator, reason="  ")
    assert without.json()["code"] == "reveal.reason_missing"
    unknown = await reveal(regulator, purpose="curiosity")
    assert unknown.status_code == 422
    made = await reveal(regulator)
    assert made.status_code == 201, made.text
    assert (made.json()["used_today"], made.json()["budget"]) == (1, 50)
    assert made.json()["subject_id"] == made.json()["enterprise_id"] == str(enterprise(1))
    path = f"/reveals/{made.json()['reveal_id']}"
    shown = await regulator.get(path)
    assert shown.json() == {
        "legal_representative": NAME, "phone": PHONE, "id_type": "", "id_number": "",
    }  # fmt: skip
    assert shown.headers["cache-control"] == "no-store"
    other = stack.caller("registry", "province_regulator", account_id=uuid4())
    assert (await other.get(path)).status_code == 404
    await stack.set_clock("2022-04-08T09:06:00+08:00")
    ended = await regulator.get(path)
    assert (ended.status_code, ended.json()["code"]) == (409, "reveal.ended")


async def test_M5_a_reveal_is_audited_listed_and_never_kept_in_plain(
    stack: Stack, regulator: Caller
) -> None:
    said = {"reason": f"致电{NAME}核实"}
    made = await reveal(regulator, **said)
    await regulator.get(f"/reveals/{made.json()['reveal_id']}")
    again = await regulator.post(
        f"/enterprises/{enterprise(1)}/reveals", json=ASKED, key="the-same-key"
    )
    twin = await regulator.post(
        f"/enterprises/{enterprise(1)}/reveals", json=ASKED, key="the-same-key"
    )
    assert again.json() == twin.json()
    listed = (await regulator.get(f"/enterprises/{enterprise(1)}/reveals")).json()["items"]
    assert [(each["purpose"], each["role"]) for each in listed] == [
        ("arrange_visit", "province_regulator")
    ] * 2
    assert listed[1]["reason"] == said["reason"]
    audit = await stack.rows(
        "registry", "select subject from audit where action = 'person.revealed'"
    )
    assert [row["subject"] for row in audit] == [str(enterprise(1))] * 2
    everything = await dump(stack)
    assert NAME not in everything
    assert PHONE not in everything


async def test_M1_only_those_who_see_the_enterprise_may_unveil_it(
    stack: Stack, regulator: Caller
) -> None:
    nanjing = stack.caller("registry", "bureau", region_code="320100")
    assert (await reveal(nanjing)).status_code == 404
    suzhou = stack.caller("registry", "bureau", region_code="320500")
    assert (await reveal(suzhou)).status_code == 201
    bank = uuid4()
    manager = stack.caller("registry", "relationship_manager", institution_id=bank)
    assert (await reveal(manager)).status_code == 404
    for role in ("bank_head", "bank_core", "platform_admin"):
        caller = stack.caller("registry", role, institution_id=bank)
        assert (await reveal(caller)).status_code in (403, 404)
    assert (await manager.get(f"/enterprises/{enterprise(1)}/reveals")).status_code == 403


async def test_S12_a_harvest_stops_at_the_budget_and_raises_one_alarm(
    stack: Stack, regulator: Caller
) -> None:
    one_person = uuid4()
    bureau = stack.caller("registry", "bureau", region_code="320500", account_id=one_person)

    async def some(count: int) -> list[int]:
        return [(await reveal(bureau, n % 3 + 1)).status_code for n in range(count)]

    statuses = [s for part in await asyncio.gather(*(some(250) for _ in range(4))) for s in part]
    assert (statuses.count(201), statuses.count(429)) == (50, 950)
    refused = await reveal(bureau)
    assert refused.json()["code"] == "reveal.budget_used"
    alarms = (await regulator.get("/reveals/alarms")).json()["items"]
    assert [each["account_id"] for each in alarms] == [str(one_person)]
    assert (await reveal(regulator)).status_code == 201
    await stack.set_clock("2022-04-09T09:00:00+08:00")
    assert (await reveal(bureau)).status_code == 201


async def test_M5_a_telephone_is_found_by_its_keyed_value(stack: Stack, regulator: Caller) -> None:
    asked = ASKED | {"phone": "139-0000 1234"}
    found = await regulator.post("/enterprises/lookup", json=asked)
    assert [each["uscc"] for each in found.json()["items"]] == [uscc(1)]
    assert found.json()["items"][0]["phone"] == "139****1234"
    nanjing = stack.caller("registry", "bureau", region_code="320100")
    assert (await nanjing.post("/enterprises/lookup", json=asked)).json()["items"] == []
    everything = await dump(stack)
    assert PHONE not in everything


async def test_M5_a_correction_is_sealed_and_survives_a_newer_list(
    stack: Stack, regulator: Caller
) -> None:
    body = {
        "legal_representative": NAME, "phone": "13700009999",
        "id_type": "id_card", "id_number": "32050519700101000X",
    }  # fmt: skip
    answer = await regulator("PUT", f"/enterprises/{enterprise(1)}/person", json=body)
    assert answer.json() == {
        "legal_representative": "欧**", "phone": "137****9999", "id_type": "id_card", "id_number": "",
    }  # fmt: skip
    await stack.set_clock("2023-04-08T09:00:00+08:00")
    newer = xlsx(lines_of([firm(1, 法定代表人=NAME, 联系电话="13700008888")]))
    await imported(stack, regulator, newer, list_vintage="2022-12-31")
    made = await reveal(regulator)
    shown = (await regulator.get(f"/reveals/{made.json()['reveal_id']}")).json()
    assert shown == body | {"phone": "13700008888"}
    assert "32050519700101000X" not in await dump(stack)


async def test_M5_rotation_wraps_all_keys_anew_while_both_master_keys_are_valid(
    stack: Stack, regulator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = os.environ["REGISTRY_MASTER_KEYS"]
    new = f"test-2 {fresh_key()}"
    database = stack.database("registry")
    try:
        monkeypatch.setenv("REGISTRY_MASTER_KEYS", f"{new}\n{old}")
        keyring.cache_clear()
        assert (await reveal(regulator)).status_code == 201
        async with database.transaction() as tx:
            assert await rewrap(tx, keyring(), 2) == 2
        async with database.transaction() as tx:
            assert await rewrap(tx, keyring(), 100) > 0
        async with database.transaction() as tx:
            assert await rewrap(tx, keyring(), 100) == 0
        monkeypatch.setenv("REGISTRY_MASTER_KEYS", new)
        keyring.cache_clear()
        made = await reveal(regulator)
        shown = (await regulator.get(f"/reveals/{made.json()['reveal_id']}")).json()
        assert shown["phone"] == PHONE
        monkeypatch.setenv("REGISTRY_MASTER_KEYS", old)
        keyring.cache_clear()
        closed = await regulator.get(f"/enterprises/{enterprise(1)}")
        assert (closed.status_code, closed.json()["code"]) == (503, "vault.master_key_missing")
    finally:
        monkeypatch.undo()
        keyring.cache_clear()


def test_M5_a_wrapped_key_of_another_master_is_not_opened() -> None:
    ring = Keyring.parse(f"a {fresh_key()}", fresh_key())
    stranger = Keyring.parse(f"a {fresh_key()}", fresh_key())
    subject = uuid4()
    _, wrapped = stranger.new_key(subject)
    with pytest.raises(VaultClosed, match="tampered"):
        ring.unwrap(subject, wrapped)
    with pytest.raises(VaultClosed, match="missing"):
        ring.unwrap(subject, Wrapped("b", wrapped.wrapped))


def test_M5_masks_show_little() -> None:
    person = persons.Person("张三", "13800008000", "id_card", "320505197001010000").masked()
    assert person == persons.Person("张*", "138****8000", "id_card", "")


async def test_M5_an_uploaded_sheet_lies_sealed_and_its_report_still_comes(
    stack: Stack, regulator: Caller
) -> None:
    folder = Path(os.environ["REGISTRY_UPLOAD_DIR"])
    text = csv_text(
        lines_of(
            [
                firm(5, 法定代表人=NAME, 联系电话=PHONE) | {"销售收入(万元)": "5"},
                firm(6, 统一社会信用代码="1") | {"销售收入(万元)": "5"},
            ]
        )
    )
    job = await imported(stack, regulator, text.encode(), name="名单.csv")
    assert job["counts"]["taken"] == 1
    stored = [path for path in folder.rglob("*") if path.is_file()]
    assert stored
    assert all(PHONE.encode() not in path.read_bytes() for path in stored)
    assert all(NAME.encode() not in path.read_bytes() for path in stored)
    report = await regulator.get(f"/imports/{job['import_id']}/report.xlsx")
    assert report.status_code == 200
    assert not list(folder.glob("report-*"))
    (upload,) = await stack.rows(
        "registry", "select upload_id from upload where digest = $1", job["digest"]
    )
    path = path_of(folder, upload[0])
    sound = path.read_bytes()
    for broken in (sound[:-1], sound[:40] + bytes([sound[40] ^ 1]) + sound[41:], sound[:4]):
        path.write_bytes(broken)
        answer = await regulator.get(f"/imports/{job['import_id']}/report.xlsx")
        assert answer.json()["code"] == "vault.tampered"


async def test_S21_a_shifted_row_does_not_bring_numbers_into_the_report_or_the_tables(
    stack: Stack, regulator: Caller
) -> None:
    shifted = firm(7, 统一社会信用代码=PHONE, 企业名称="32050519700101000X", 经营地址=PHONE)
    footer = dict.fromkeys(HEADER, "") | {"企业名称": f"填表人:{NAME} {PHONE}"}
    job = await imported(stack, regulator, xlsx(lines_of([firm(8), shifted, footer])))
    (row,) = await rows_of(regulator, job, "refused")
    assert row["key"] == "139****1234"
    assert {reason["value"] for reason in row["reasons"]} <= {"139****1234", ""}
    assert [line["text"] for line in job["skipped"]] == ["填表人:"]
    everything = await dump(stack)
    assert PHONE not in everything
    assert NAME not in everything
    assert "32050519700101000X" not in everything


def test_S21_numbers_in_a_shown_value_are_hidden_and_codes_are_not() -> None:
    assert without_numbers("电话13900001234。") == "电话139****1234。"
    assert without_numbers("32050519700101000X") == "320505************"
    for code in (uscc(1), "913205050000000100", "320500000012345", "20220408000001"):
        assert without_numbers(code) == code


async def test_M5_an_enterprise_sees_who_looked_at_its_data_and_nobody_elses(
    stack: Stack, regulator: Caller
) -> None:
    await reveal(regulator)
    own = stack.caller("registry", "enterprise", enterprise_id=enterprise(1))
    listed = (await own.get(f"/enterprises/{enterprise(1)}/reveals")).json()["items"]
    assert [each["reason"] for each in listed] == [ASKED["reason"]]
    assert (await own.get(f"/enterprises/{enterprise(2)}/reveals")).status_code == 404
    assert (await reveal(own, 2)).status_code == 404
