"""GB/T 4754-2017 (JS-05)."""

import pytest

from shared.kernel import industry
from shared.kernel.errors import BadInput


def test_JS_05_the_standard_has_twenty_sections_and_ninety_seven_divisions() -> None:
    all_of_them = industry.industries()
    assert sum(each.is_section for each in all_of_them) == 20
    divisions = [each for each in all_of_them if not each.is_section]
    assert [each.code for each in divisions] == [f"{n:02d}" for n in range(1, 98)]
    assert [each.section for each in divisions] == sorted(each.section for each in divisions)


@pytest.mark.parametrize("each", industry.industries(), ids=lambda each: each.code)
def test_JS_05_every_code_and_name_reads_back(each: industry.Industry) -> None:
    assert industry.industry(each.code) == each
    assert industry.read(each.code) == each
    named = industry.read(each.name)
    assert named == each or (named.section == each.section and named.name == each.name)
    assert industry.section_of(each.code).code == each.section


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("C35", "35"),
        ("3512", "35"),
        ("Ｃ３５", "35"),
        ("35 专用设备制造业", "35"),
        (" 软件和信息技术服务业 ", "65"),
        ("计算机,通信和其他电子设备制造业", "39"),
        ("i65", "65"),
    ],
)
def test_JS_04_an_industry_cell_is_read_in_the_usual_forms(cell: str, code: str) -> None:
    assert industry.read(cell).code == code


@pytest.mark.parametrize("cell", ["", "其他", "D35", "99", "00", "Z"])
def test_JS_04_an_unknown_industry_is_refused(cell: str) -> None:
    with pytest.raises(BadInput, match=r"industry\.unknown"):
        industry.read(cell)


def test_JS_05_an_unknown_code_is_refused() -> None:
    with pytest.raises(BadInput, match=r"industry\.unknown"):
        industry.industry("3512")
