"""Regions and the way from an address to one (JS-05, JS-06, ST-07)."""

import pytest

from shared.kernel import region
from shared.kernel.errors import BadInput
from shared.kernel.region import Level, Resolved, resolve_address

COUNTIES = [r for top in ("320000", "220000") for r in region.counties_of(top)]


def test_ST_07_the_trees_have_the_published_numbers_of_regions() -> None:
    assert len(region.cities_of("320000")) == 13
    assert len(region.cities_of("220000")) == 9
    codes = [r.code for r in region.regions()]
    assert len(codes) == len(set(codes)) == 2 + 13 + 9 + len(COUNTIES)
    assert codes == sorted(codes)
    by_level = [(r.code[:2], r.level) for r in COUNTIES]
    assert by_level.count(("32", Level.COUNTY)) == 95
    assert by_level.count(("22", Level.COUNTY)) == 60
    assert by_level.count(("32", Level.ZONE)) == 9
    assert by_level.count(("22", Level.ZONE)) == 9


@pytest.mark.parametrize("county", COUNTIES, ids=lambda r: r.code)
def test_ST_07_every_county_rolls_up_to_its_city_and_province(county: region.Region) -> None:
    city, province = region.city_of(county.code), region.province_of(county.code)
    assert county.parent == city
    assert [r.code for r in region.path_of(county.code)] == [province, city, county.code]
    assert county in region.counties_of(city)
    assert region.is_below(county.code, city)
    assert region.counties_of(county.code) == (county,)
    # A county lies within two degrees of its city: a swapped or mistyped point would not.
    centre = region.region(city)
    assert abs(county.lon - centre.lon) < 2
    assert abs(county.lat - centre.lat) < 2


@pytest.mark.parametrize("county", COUNTIES, ids=lambda r: r.code)
def test_JS_06_every_county_is_found_by_its_full_address(county: region.Region) -> None:
    expected = Resolved(county.code, county.level)
    city = region.region(region.city_of(county.code)).name
    assert resolve_address(region.full_name(county.code) + "样例路1号") == expected
    assert resolve_address(f"{city}{county.name}样例路1号") == expected
    assert resolve_address(f"{county.name}样例路1号", city_hint=city) == expected
    assert resolve_address(f"{county.name}样例路1号", city_hint=county.parent) == expected


def test_unknown_codes_are_refused_and_levels_are_kept_apart() -> None:
    for code in ("000000", "320199", ""):
        assert not region.exists(code)
        with pytest.raises(BadInput, match=r"region\.unknown"):
            region.region(code)
    with pytest.raises(BadInput, match=r"region\.not_a_county"):
        region.county("320500")
    with pytest.raises(BadInput, match=r"region\.above_city"):
        region.city_of("320000")
    assert region.city_of("320500") == "320500"


def test_ST_07_a_retired_code_leads_to_its_successor() -> None:
    assert region.present_code("320103") == "320104"
    assert region.present_code("320583") == "320583"
    assert region.present_code("330100") is None


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("南京市白下区样例路1号", "320104"),
        ("南京市下关区样例路1号", "320106"),
        ("江苏省苏州市平江区", "320508"),
        ("苏州市沧浪区", "320508"),
        ("苏州市金阊区", "320508"),
        ("无锡市崇安区", "320213"),
        ("无锡市南长区", "320213"),
        ("无锡市北塘区", "320213"),
        ("南通市港闸区", "320613"),
        ("海门市样例镇", "320614"),
        ("通州市样例镇", "320612"),
        ("江都市样例镇", "321012"),
        ("姜堰市样例镇", "321204"),
        ("南京市溧水县", "320117"),
        ("高淳县样例镇", "320118"),
        ("赣榆县样例镇", "320707"),
        ("洪泽县样例镇", "320813"),
        ("铜山县样例镇", "320312"),
        ("大丰市样例镇", "320904"),
        ("金坛市样例镇", "320413"),
        ("吴江市样例镇", "320509"),
        ("淮安市楚州区", "320803"),
        ("淮安市清河区", "320812"),
        ("淮安市清浦区", "320812"),
        ("常州市戚墅堰区", "320412"),
        ("宿迁市宿豫县", "321311"),
        ("四平市公主岭市", "220184"),
    ],
)
def test_JS_06_abolished_districts_lead_to_their_successors(address: str, code: str) -> None:
    assert resolve_address(address).code == code


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("苏州工业园区样例街1号", "320576"),
        ("苏州市工业园区样例街1号", "320576"),
        ("苏州高新区样例街1号", "320505"),
        ("昆山开发区样例街1号", "320583"),
        ("无锡新区样例街1号", "320214"),
        ("无锡市新吴区样例街1号", "320214"),
        ("常州新北区样例街1号", "320411"),
        ("常州市新北样例街1号", "320411"),
        ("南京经济技术开发区", "320113"),
        ("南通开发区样例街1号", "320671"),
        ("镇江新区样例街1号", "321171"),
        ("长春市净月开发区", "220172"),
        ("长春高新区", "220173"),
        ("吉林长春朝阳区", "220104"),
        ("吉林省吉林市船营区", "220204"),
        ("前郭县样例镇", "220721"),
        ("延吉市长白山西路1号", "222401"),
        ("通化县样例镇", "220521"),
        ("淮安市淮安区样例路", "320803"),
    ],
)
def test_JS_06_development_zones_and_namesakes_are_told_apart(address: str, code: str) -> None:
    found = resolve_address(address)
    assert (found.code, found.doubt) == (code, ())


@pytest.mark.parametrize(
    ("address", "hint", "code", "doubt"),
    [
        ("南京市江北新区样例路", None, "320111", "address.zone_spans_counties"),
        ("南京市江北新区大厂街道样例路", None, "320116", "address.county_by_township"),
        ("苏州市吴县市", None, "320506", "address.split_district"),
        ("苏州市人民路1号", None, "320500", "address.county_missing"),
        ("人民路1号", "苏州市", "320500", "address.county_missing"),
        ("宜兴环科园样例路", "南京", "320282", "address.other_city_than_hint"),
        ("无锡市滨湖区样例路", "320100", "320211", "address.other_city_than_hint"),
        ("鼓楼区样例路", None, None, "address.ambiguous_county"),
        ("朝阳区样例路", None, "220104", "address.city_missing"),
        ("样例科技园8号楼", None, None, "address.nothing_recognised"),
        ("", None, None, "address.nothing_recognised"),
        ("浙江省杭州市样例路", None, None, "address.outside_provinces"),
        ("上海市浦东新区", "苏州", None, "address.outside_provinces"),
    ],
)
def test_JS_06_what_was_inferred_is_a_doubt(
    address: str, hint: str | None, code: str | None, doubt: str
) -> None:
    found = resolve_address(address, hint)
    assert found.code == code
    assert doubt in found.doubt


@pytest.mark.parametrize(
    "address", ["苏州吴中路1号", "苏州市吴江路1号", "徐州市铜山路1号", "上海路1号"]
)
def test_JS_06_a_street_named_after_a_county_is_no_county(address: str) -> None:
    assert not resolve_address(address, "徐州" if "铜山" in address else "苏州").is_county


def test_JS_06_a_credit_code_fills_in_the_county_with_a_doubt() -> None:
    found = resolve_address("南京市样例路1号", county_hint="320103")
    assert (found.code, found.doubt) == ("320104", ("address.county_by_hint",))
    alone = resolve_address("样例路1号", county_hint="320583")
    assert (alone.code, alone.doubt) == ("320583", ("address.county_by_hint",))
    elsewhere = resolve_address("南京市样例路1号", county_hint="320583")
    assert elsewhere.code == "320100"
    assert "address.county_missing" in elsewhere.doubt


def test_JS_06_width_and_spaces_do_not_matter() -> None:
    assert resolve_address(" 江苏省 昆山市 ＮＯ．１ ").code == "320583"
