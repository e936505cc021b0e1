"""The synthetic province: what later tests and measurements rest on."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from benchmarks.province import Province, generate, write_files
from benchmarks.province.__main__ import main
from benchmarks.province.draws import Draws, apportion
from benchmarks.province.sheets import Manifest, SheetBook
from shared.kernel import industry, uscc
from shared.kernel.errors import BadInput
from shared.kernel.money import fen_from_sheet, wan
from shared.kernel.region import cities_of, city_of, county, resolve_address


@pytest.fixture(scope="module")
def province() -> Province:
    return generate("small", 7)


@pytest.fixture(scope="module")
def folder(province: Province, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("province")
    write_files(province, out)
    return out


@pytest.fixture(scope="module")
def manifest(province: Province, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_files(province, tmp_path_factory.mktemp("manifest"))


def read(folder: Path, book: SheetBook) -> list[dict[str, object]]:
    cells = CalamineWorkbook.from_path(folder / book.file).get_sheet_by_name(book.sheet)
    rows = cells.to_python(skip_empty_area=False)
    return [dict(zip(book.columns, row, strict=True)) for row in rows[book.first_row - 1 :]]


def test_the_same_seed_gives_the_same_province_and_another_seed_another(
    province: Province,
) -> None:
    assert generate("small", 7) == province
    assert generate("small", 8).enterprises != province.enterprises


def test_the_same_province_gives_the_same_bytes(province: Province, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_files(province, tmp_path / name)
    digests = [
        {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sub.iterdir()}
        for sub in (tmp_path / "one", tmp_path / "two")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 5


def test_the_content_is_the_one_recorded_for_this_seed(province: Province) -> None:
    # Moves only when the generator is changed on purpose: measurements name this digest.
    said = repr((province.institutions, province.outlets, province.staff, province.enterprises))
    assert hashlib.sha256(said.encode()).hexdigest() == (
        "1f66ab40ac5e90fa428cf5fa9e82d3c883d0f9a0313979e9cfcd648ae3402391"
    )


def test_a_small_province_has_the_promised_numbers(province: Province) -> None:
    assert len(province.enterprises) == 2_000
    assert len(province.institutions) == 24
    assert len(province.outlets) == 240
    cities = {city.code for city in cities_of("320000")}
    assert {city_of(e.region_code) for e in province.enterprises} == cities


def test_a_city_sized_province_keeps_to_its_cities() -> None:
    made = generate("city", 3)
    assert len(made.enterprises) == 10_000
    assert {city_of(e.region_code) for e in made.enterprises} == {"320200", "320400", "320500"}
    assert {city_of(o.region_code) for o in made.outlets} <= {"320200", "320400", "320500"}


def test_JS_07_every_city_has_several_staffed_banks_and_room_for_its_enterprises(
    province: Province,
) -> None:
    demand = Counter(city_of(e.region_code) for e in province.enterprises)
    for city, wanted in demand.items():
        here = [o for o in province.outlets if city_of(o.region_code) == city and o.managers]
        assert len({o.institution_code for o in here}) >= 3
        assert sum(o.capacity for o in here) >= wanted
    assert all(o.capacity == 0 for o in province.outlets if not o.managers)


def test_keys_are_unique_and_codes_are_valid(province: Province) -> None:
    codes = [e.uscc for e in province.enterprises] + [i.uscc for i in province.institutions]
    assert len(set(codes)) == len(codes)
    assert all(uscc.check(code) == code for code in codes)
    for keys in (
        [e.registration_no for e in province.enterprises],
        [e.name for e in province.enterprises],
        [i.code for i in province.institutions],
        [o.code for o in province.outlets],
        [s.code for s in province.staff],
    ):
        assert len(set(keys)) == len(keys)


def test_JS_06_every_address_leads_to_the_enterprise_s_county_without_a_doubt(
    province: Province,
) -> None:
    for firm in province.enterprises:
        found = resolve_address(firm.business_address)
        assert (found.code, found.doubt) == (firm.region_code, ())


def test_nobody_in_it_can_be_a_real_person_or_bank(province: Province) -> None:
    assert all(e.phone.startswith("000") for e in province.enterprises)
    assert all(e.legal_representative.startswith("样例法人") for e in province.enterprises)
    assert all("样例" in e.name and "样例" in e.business_address for e in province.enterprises)
    assert all("(样例" in i.name for i in province.institutions)
    assert all(s.name.startswith(("样例经理", "样例行长")) for s in province.staff)


def test_JS_12_every_staffed_outlet_has_a_head_and_its_managers_on_the_roster(
    province: Province,
) -> None:
    present = Counter((s.outlet_code, s.role) for s in province.staff if s.left_on is None)
    for outlet in province.outlets:
        assert present[outlet.code, "relationship_manager"] == outlet.managers
        assert present[outlet.code, "branch_head"] == (1 if outlet.managers else 0)
    assert any(s.left_on for s in province.staff)
    assert all(s.left_on > s.joined_on for s in province.staff if s.left_on)


def test_JS_18_the_truth_has_borrowers_needs_and_lenders_that_exist(province: Province) -> None:
    banks = {i.code for i in province.institutions}
    lenders = province.truth.lenders
    assert {e.uscc for e in province.enterprises if e.has_loan} == set(lenders)
    assert all(set(own) <= banks and 1 <= len(own) <= 3 for own in lenders.values())
    for need in province.truth.needs.values():
        assert need.amount_fen >= need.approved_fen >= need.drawn_fen >= 0
        assert need.eligible or need.approved_fen == 0


def plain_values(row: dict[str, object]) -> tuple[object, ...]:
    """Read a row as an import would; raises BadInput where it may not be taken."""
    if row["是否有贷款"] not in ("是", "否") and str(row["是否有贷款"]).strip() not in ("是", "否"):
        raise BadInput("flag.format", "是否有贷款")
    year, month, day = (int(n) for n in str(row["成立日期"]).replace("/", "-").split("-"))
    if month > 12:
        raise BadInput("date.format", "成立日期")
    place = resolve_address(str(row["经营地址"] or row["注册地址"]))
    if not (row["经营地址"] or row["注册地址"]):
        raise BadInput("address.missing", "地址")
    if not place.is_county:
        raise BadInput(place.doubt[0], "地址")
    if not row["企业名称"]:
        raise BadInput("name.missing", "名称")
    if not row["统一社会信用代码"]:
        raise BadInput("uscc.missing", "代码")
    revenue = fen_from_sheet(str(row["销售收入(万元)"]), unit="wan")
    code = industry.read(str(row["所属行业"])).code
    founded = f"{year:04d}-{month:02d}-{day:02d}"
    return (uscc.check(str(row["统一社会信用代码"])), place.code, code, revenue, founded)


def test_JS_04_the_manifest_names_exactly_the_faulty_rows_and_why(
    folder: Path, manifest: Manifest
) -> None:
    book = manifest.enterprises
    found: dict[int, str] = {}
    seen: set[str] = set()
    for number, row in enumerate(read(folder, book), book.first_row):
        try:
            code = str(plain_values(row)[0])
        except BadInput as refused:
            found[number] = refused.code
            continue
        if code in seen:
            found[number] = "row.duplicate"
        seen.add(code)
    assert found == {mark.row: mark.code for mark in book.faulty}
    assert book.refused + book.doubtful + book.clean == book.rows
    assert len(book.faulty) == 20
    assert {m.row for m in book.repaired}.isdisjoint(found)


def test_JS_04_clean_and_repaired_rows_say_what_the_province_says(
    province: Province, folder: Path, manifest: Manifest
) -> None:
    book = manifest.enterprises
    faulty = {mark.row for mark in book.faulty}
    expected = {
        e.registration_no: (
            e.uscc,
            e.region_code,
            e.industry_code,
            fen_from_sheet(wan(e.revenue_fen), unit="wan"),
            e.founded_on.isoformat(),
        )
        for e in province.enterprises
    }
    taken = 0
    for number, row in enumerate(read(folder, book), book.first_row):
        if number not in faulty:
            assert plain_values(row) == expected[str(row["入库登记编号"])]
            taken += 1
    assert taken == book.clean


def test_JS_04_the_list_has_a_title_a_merged_header_and_only_text_cells(
    folder: Path, manifest: Manifest
) -> None:
    sheet = CalamineWorkbook.from_path(folder / "enterprises.xlsx").get_sheet_by_name("名单")
    rows = sheet.to_python(skip_empty_area=False)
    assert rows[0][0] == "科技型中小企业名单"
    assert rows[1][0] == "序号"
    assert {"基本信息", "联系方式", "经营情况"} <= set(rows[1])
    assert rows[2][1:] == list(manifest.enterprises.columns[1:])
    assert all(isinstance(cell, str) for row in rows[3:] for cell in row)
    assert len(sheet.merged_cell_ranges or []) == 5


def test_JS_04_the_other_files_have_their_faults_as_additional_rows(
    province: Province, folder: Path, manifest: Manifest
) -> None:
    for book, real in (
        (manifest.institutions, len(province.institutions)),
        (manifest.outlets, len(province.outlets)),
        (manifest.staff, len(province.staff)),
    ):
        rows = read(folder, book)
        assert len(rows) == book.rows == real + len(book.faulty)
        assert book.clean == real
        assert [mark.row for mark in book.faulty] == list(
            range(book.first_row + real, book.last_row + 1)
        )
    outlets = read(folder, manifest.outlets)
    assert all(county(str(row["行政区划代码"])) for row in outlets[: len(province.outlets)])


def test_without_faults_every_row_is_clean(province: Province, tmp_path: Path) -> None:
    few = replace(province, enterprises=province.enterprises[:50])
    book = write_files(few, tmp_path, faults=False).enterprises
    assert (book.rows, book.clean, book.faulty, book.repaired) == (50, 50, (), ())
    saved = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert saved["enterprises"]["clean"] == 50


def test_the_command_writes_the_files_and_says_what_they_hold(
    province: Province, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--size", "small", "--seed", "7", "--clean"]) == 0
    said = capsys.readouterr().out
    assert f"enterprises.xlsx: {len(province.enterprises)} rows" in said
    assert (tmp_path / "manifest.json").exists()


def test_the_column_order_depends_on_the_seed(province: Province, tmp_path: Path) -> None:
    few = replace(province, enterprises=province.enterprises[:3])
    orders = {
        write_files(replace(few, seed=seed), tmp_path / str(seed), faults=False).enterprises.columns
        for seed in range(4)
    }
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1


def test_shares_add_up_and_raw_bits_are_those_of_numpy_s_promise() -> None:
    assert apportion([1, 1, 1], 10).sum() == 10
    assert apportion([5, 1], 4, floor=1).tolist() == [3, 1]
    assert [int(n) for n in Draws(7, 1).below(1000, 5)] == [480, 59, 222, 133, 94]
