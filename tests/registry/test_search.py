"""Finding enterprises as people type, counting them, and taking them out as files."""

import csv
import hashlib
import io
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from services.registry.domain.spelling import spelled, words_of
from services.registry.domain.tables import harmless
from services.registry.store.parquet import ParquetFile
from shared.kernel.ids import derived_id
from tests.registry.sheets import TODAY, firm, imported, lines_of, rows_of, uscc, xlsx
from tests.registry.test_banks import INSTITUTIONS
from tests.registry.test_enterprises import BANK_A, assigned
from tests.support.stack import Caller, Stack


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    """Five enterprises in two cities."""
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    rows = [
        firm(1),
        firm(2, 企业名称="苏州华光智能有限公司", 是否有贷款="否", 所属行业="65"),
        firm(3, 企业名称="昆山重庆机电(苏州)有限公司", 经营地址="昆山市样例路3号", 是否有贷款=""),
        firm(4, 企业名称="+南京ABC软件有限公司", 经营地址="南京市玄武区样例路4号", 所属行业="I"),
        firm(5, 企业名称="长春样例光电有限公司", 统一社会信用代码=uscc(5, "320102")),
    ]
    job = await imported(stack, caller, xlsx(lines_of(rows)))
    assert job["counts"]["taken"] == 5, await rows_of(caller, job)
    return caller


async def found(caller: Caller, **query: Any) -> list[int]:
    answer = await caller.get("/search", params=query)
    assert answer.status_code == 200, answer.text
    known = {uscc(n): n for n in range(1, 5)} | {uscc(5, "320102"): 5}
    return sorted(known[item["uscc"]] for item in answer.json()["items"])


async def test_R2_a_renamed_enterprise_is_found_by_its_new_name_and_by_its_former_one(
    stack: Stack, regulator: Caller
) -> None:
    (before,) = (await regulator.get("/search", params={"q": "华光智能"})).json()["items"]
    path = f"/enterprises/{before['enterprise_id']}"
    tag = (await regulator.get(path)).headers["etag"]
    body = {"name": "苏州远帆智造有限公司", "valid_from": "2022-04-01", "reason": "更名登记"}
    renamed = await regulator.post(f"{path}/names", json=body, headers={"if-match": tag})
    assert renamed.status_code == 200, renamed.text
    await stack.settle()
    for typed in ("远帆", "yuanfan", "远帆智造", "华光", "hgzn", "苏州华光智能", "华"):
        assert await found(regulator, q=typed) == [2], typed
    assert await found(regulator, q="远光") == []


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("华光智", [2]),
        ("华光", [2]),
        ("华", [2]),
        ("光", [2, 5]),
        ("huaguang", [2]),
        ("hgzn", [2]),
        ("HuaGuang", [2]),
        ("chongqing", [3]),  # the reading of 重 depends on its neighbour
        ("changchun", [5]),
        ("cc", [5]),
        ("hg", [2]),
        ("ch", [5]),  # how a name's pinyin begins
        ("有", [1, 2, 3, 4, 5]),
        ("司", [1, 2, 3, 4, 5]),
        ("abc", [4]),
        ("91320102", [5]),
        ("苏州 智能", [2]),
        ("hg 有限公司", [2]),
        ("(苏州)", [3]),
        ("%", []),
        ("_", []),
        ("不存在", []),
        ("xyzq", []),
    ],
)
async def test_JS_05_enterprises_are_found_as_people_type(
    regulator: Caller, q: str, expected: list[int]
) -> None:
    assert await found(regulator, q=q) == expected


async def test_JS_05_filters_narrow_and_go_together(stack: Stack, regulator: Caller) -> None:
    assert await found(regulator, region="320500") == [1, 2, 3, 5]
    assert await found(regulator, region="320583") == [3]
    assert await found(regulator, industry="I") == [2, 4]  # a section with its divisions
    assert await found(regulator, industry="65") == [2]
    assert await found(regulator, loan="no") == [2]
    assert await found(regulator, loan="unknown") == [3]
    assert await found(regulator, loan="yes", q="有限公司", region="320500") == [1, 5]
    assert await found(regulator, list_vintage="2020-12-31") == []
    await stack.publish(assigned(2, BANK_A, uuid4()))
    await regulator.post("/assessments", json={})
    await stack.settle()
    assert await found(regulator, institution_id=str(BANK_A)) == [2]
    assert await found(regulator, stage="cocoon") == []
    assert await found(regulator, stage="butterfly") == [1, 2, 3, 4, 5]
    wrong = await regulator.get("/search", params={"industry": "00"})
    assert wrong.json()["code"] == "industry.unknown"


async def test_JS_05_facets_count_what_is_found(regulator: Caller) -> None:
    facets = (await regulator.get("/search/facets")).json()
    assert facets["total"] == 5
    cities = {each["value"]: (each["title"], each["enterprises"]) for each in facets["region"]}
    assert cities == {"320500": ("苏州市", 4), "320100": ("南京市", 1)}
    loans = {each["title"]: each["enterprises"] for each in facets["has_loan"]}
    assert loans == {"有贷款": 3, "无贷款": 1, "未知": 1}
    assert sum(each["enterprises"] for each in facets["industry"]) == 5
    narrowed = (await regulator.get("/search/facets", params={"q": "hg"})).json()
    assert narrowed["total"] == 1
    assert narrowed["region"] == [{"value": "320500", "title": "苏州市", "enterprises": 1}]


async def test_M1_a_search_shows_a_bank_what_it_was_given(stack: Stack, regulator: Caller) -> None:
    await stack.publish(assigned(2, BANK_A, uuid4()))
    await stack.settle()
    bank = stack.caller("registry", "relationship_manager", institution_id=BANK_A)
    assert await found(bank) == [2]
    assert await found(bank, q="南京") == []
    assert (await bank.get("/search/facets")).json()["total"] == 1
    other = stack.caller("registry", "bank_head", institution_id=derived_id("institution", "X"))
    assert await found(other) == []
    bureau = stack.caller("registry", "bureau", region_code="320100")
    assert await found(bureau) == [4]


async def test_JS_05_facets_count_by_the_institution_in_whose_care_they_are(
    stack: Stack, regulator: Caller
) -> None:
    await imported(stack, regulator, xlsx(INSTITUTIONS), kind="institutions")
    banks = [derived_id("institution", code) for code, *_ in INSTITUTIONS[1:]]
    for number, bank in ((1, banks[0]), (2, banks[0]), (2, banks[1]), (1, banks[0])):
        await stack.publish(assigned(number, bank, uuid4()))
    await stack.settle()

    async def counted(caller: Caller, **query: str) -> dict[str, int]:
        facets = (await caller.get("/search/facets", params=query)).json()["institution"]
        return {each["title"]: each["enterprises"] for each in facets}

    assert await counted(regulator) == {"样例银行一": 2, "样例银行二": 1}
    assert await counted(regulator, institution_id=str(banks[1])) == {
        "样例银行一": 1, "样例银行二": 1,
    }  # fmt: skip
    own = stack.caller("registry", "bank_head", institution_id=banks[0])
    assert await counted(own) == {"样例银行一": 2}


async def test_JS_05_pages_of_a_search_follow_each_other(regulator: Caller) -> None:
    first = (await regulator.get("/search", params={"limit": 3, "q": "公司"})).json()
    rest = (
        await regulator.get(
            "/search", params={"limit": 3, "q": "公司", "cursor": first["next_cursor"]}
        )
    ).json()
    assert len({item["uscc"] for item in first["items"] + rest["items"]}) == 5
    assert rest["next_cursor"] is None


async def exported(stack: Stack, caller: Caller, path: str, **body: str) -> Any:
    """A finished export's file."""
    answer = await caller.post(path, json={"purpose": "核对名单"} | body)
    assert answer.status_code == 202, answer.text
    await stack.settle()
    state = (await caller.get(f"/exports/{answer.json()['export_id']}")).json()
    assert state["rows"] is not None
    return await caller.get(f"/exports/{state['export_id']}/file")


async def test_S16_a_file_holds_what_was_filtered_and_no_formula(
    stack: Stack, regulator: Caller
) -> None:
    answer = await exported(stack, regulator, "/search/exports?region=320100", format="csv")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(lines) == 2
    assert lines[1][1] == "'+南京ABC软件有限公司"
    book = await exported(stack, regulator, "/search/exports?q=公司", format="xlsx")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(book.content)).get_sheet_by_index(0)
    rows = sheet.to_python()
    assert [row[1] for row in rows].count("+南京ABC软件有限公司") == 1
    assert len(rows) == 6
    assert b"<f>" not in book.content
    parquet = await exported(stack, regulator, "/search/exports", format="parquet")
    assert parquet.content[:4] == parquet.content[-4:] == b"PAR1"


async def test_M1_a_file_holds_what_its_asker_may_see_and_only_they_fetch_it(
    stack: Stack, regulator: Caller
) -> None:
    bureau = stack.caller("registry", "bureau", region_code="320100")
    answer = await bureau.post("/search/exports", json={"format": "csv", "purpose": "本市核对"})
    await stack.settle()
    path = f"/exports/{answer.json()['export_id']}"
    state = (await bureau.get(path)).json()
    assert state["rows"] == 1
    other = stack.caller("registry", "bureau", region_code="320500")
    assert (await other.get(f"{path}/file")).status_code == 404
    assert (await regulator.get(f"{path}/file")).status_code == 200
    (line,) = await stack.rows("registry", "select after from audit where action = 'export.made'")
    assert line["after"] == {"rows": 1, "what": "enterprises"}


async def test_M5_a_file_without_a_purpose_is_refused(regulator: Caller) -> None:
    answer = await regulator.post("/search/exports", json={"format": "csv"})
    assert answer.status_code == 422


async def test_R5_results_are_exported(stack: Stack, regulator: Caller) -> None:
    await regulator.post("/assessments", json={})
    await stack.settle()
    path = "/assessments/exports?standard=tech_sme&verdict=unknown"
    answer = await exported(stack, regulator, path, format="csv")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(lines) == 6
    assert {line[3] for line in lines[1:]} == {"unknown"}


def test_parquet_bytes_are_those_an_independent_reader_has_read(tmp_path: Path) -> None:
    """The digest is of a file that pyarrow 26 read back to exactly these rows, nulls and all."""
    rows: list[tuple[Any, ...]] = [
        (
            f"甲{n}" if n % 3 else None,
            n - 5 if n % 4 else None,
            n % 2 == 0 if n % 5 else None,
            date(2020, 1, 1 + n) if n % 7 else None,
        )
        for n in range(20)
    ]
    path = tmp_path / "t.parquet"
    file = ParquetFile(path, [("a", "text"), ("b", "number"), ("c", "flag"), ("d", "date")])
    file.write(rows)
    file.write([("x", 1, True, date(1960, 1, 1))] * 9)
    file.write([(None,) * 4])
    file.close()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == "b66e276c57f8c1e872088cde22da9d074175617da54de87b7d3ae0c3af425fdc"


@given(st.text(alphabet="苏州华光重庆长(A1%_ ", min_size=2, max_size=20))
def test_JS_05_every_pair_and_spelled_part_of_a_name_finds_it(name: str) -> None:
    text = spelled(name)
    for at in range(len(name) - 1):
        for word in words_of(name[at : at + 2]):
            if word.kind == "pair":
                assert f" {word.text} " in text
            elif word.kind == "start":
                assert f" {word.text}" in text
    for word in words_of(" ".join(name)):
        if word.kind == "start":
            assert f" {word.text}" in text
    for at in range(len(name) - 2):
        for word in words_of(name[at : at + 3]):
            if word.kind == "spelled":
                assert word.text in text


@given(st.text(max_size=30))
def test_S16_no_cell_of_a_csv_file_acts(text: str) -> None:
    assert harmless(text)[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
