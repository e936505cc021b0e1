"""Every reason a row can have, in Chinese, with what to do about it."""

from typing import Final

from services.registry.domain.masks import without_numbers
from services.registry.domain.records import Reason

MESSAGES: Final[dict[str, str]] = {
    "uscc.missing": "缺少统一社会信用代码,请补填",
    "uscc.length": "统一社会信用代码应为18位,请核对营业执照",
    "uscc.format": "统一社会信用代码含有不允许的字符(不使用I、O、S、V、Z)",
    "uscc.check_character": "统一社会信用代码校验位不符,有一位或多位填错",
    "uscc.old_registration": "这是旧的工商注册号,须查出18位统一社会信用代码后再导入",
    "cell.precision_lost": "代码被存为数字,已丢失位数或前导零,请将该列设为文本后重填",
    "name.missing": "缺少名称",
    "name.too_long": "名称过长(最多200字)",
    "name.used_twice": "另有一行同名但信用代码不同,按两家处理,请核对",
    "code.missing": "缺少编码",
    "code.format": "编码只能含字母、数字、点、横线和下划线,最多64个字符",
    "address.missing": "注册地址与经营地址均为空,无法确定所在区县",
    "address.outside_provinces": "地址不在本平台所辖省份",
    "address.nothing_recognised": "地址中没有可识别的市、县(区)",
    "address.county_missing": "地址只能定到市,无法确定区县",
    "address.ambiguous_county": "多个市有同名的区,无法确定是哪一个",
    "address.split_district": "原区划已拆分到多个区县,须人工确认",
    "address.zone_spans_counties": "该开发区跨多个区县,须人工确认",
    "address.other_city_than_hint": "地址所在的市与“地区”栏不一致",
    "address.county_by_township": "区县由乡镇(街道)名推定",
    "address.county_by_hint": "地址未写区县,区县由“地区”栏与信用代码推定",
    "address.county_by_name": "地址未写区县,区县由网点名称推定",
    "address.city_missing": "地址未写市,区县由唯一的区名确定",
    "address.county_inside": "地址未以市、县开头,区县由中间的名称确定",
    "address.registered_used": "经营地址无法识别,按注册地址确定区县",
    "region.unknown": "行政区划代码不存在",
    "region.not_a_county": "行政区划代码应为区县级",
    "industry.unknown": "无法识别的行业(填国标行业代码或名称)",
    "flag.format": "应填“是”或“否”",
    "date.format": "日期格式不正确(应为 2015-06-01 的形式)",
    "date.missing": "缺少日期",
    "date.order": "离岗日期早于到岗日期",
    "number.format": "应为不小于零的整数",
    "money.format": "金额格式不正确",
    "money.too_many_decimals": "金额小数位过多",
    "money.negative": "金额不能为负数",
    "money.too_large": "金额超出范围",
    "place.format": "经纬度应为十进制度数",
    "place.outside": "经纬度不在所辖省份之内(可能经纬度填反)",
    "facts.empty": "这一行没有填写任何数据",
    "facts.contradict": "数据互相矛盾:科技人员数大于职工总数",
    "enterprise.unknown": "名单中没有这家企业,请先导入名单",
    "place.datum": "坐标系应为 WGS-84、GCJ-02 或 BD-09",
    "place.half": "经度与纬度须同时填写",
    "row.duplicate": "与另一行重复",
    "row.same_code_differs": "同一代码在文件中出现多次且内容不同,须确认以哪一行为准",
    "row.too_many_cells": "该行的列数多于表头",
    "list.conflict": "该企业已在本期名单中且内容不同;已入库的名单不可更改,请用变更登记或下一期名单",
    "list.pinned": "该期名单已被专项行动采用,不可再增加企业;请导入下一期名单",
    "institution.unknown": "没有这家银行机构,请先导入机构名录",
    "institution.not_derived": "无法从网点名称判断所属银行,请补填所属机构编码",
    "institution.not_yours": "只能导入本机构的数据",
    "institution_type.unknown": "无法识别的机构类型",
    "outlet.unknown": "没有这个网点,请先导入网点名录",
    "outlet.other_institution": "该网点属于另一家机构",
    "staff.third_party": "走访人员须为本行正式员工,不能是派遣、外包等第三方人员",
    "role.unknown": "岗位应为“支行行长”或“客户经理”",
}
SHOWN: Final = 60


def reason(column: str, code: str, value: object = "", more: str = "") -> Reason:
    """Put a reason together; the value is cut to what a person needs to find it."""
    return Reason(column, code, MESSAGES[code] + more, without_numbers(str(value))[:SHOWN])
