"""Which institution an outlet belongs to, read from the outlet's name.

Public outlet lists carry no institution codes. National banks are known by name; a local bank's
legal person is the part of the outlet's name up to the word that ends a bank's name.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from shared.contracts.registry import InstitutionType


@dataclass(frozen=True, slots=True)
class Bank:
    """An institution: code, name and type."""

    code: str
    name: str
    institution_type: InstitutionType


# The order decides: 中国农业发展银行 before 农业, 平安银行 before its older name.
_TABLE: Final[tuple[tuple[str, str, str, InstitutionType], ...]] = (
    ("邮政储蓄|邮储", "PSBC", "中国邮政储蓄银行", "postal"),
    ("农业发展银行|农发行", "ADBC", "中国农业发展银行", "policy"),
    ("国家开发银行|国开行", "CDB", "国家开发银行", "policy"),
    ("进出口银行", "EXIM", "中国进出口银行", "policy"),
    ("农业银行|农行", "ABC", "中国农业银行", "state"),
    ("工商银行|工行", "ICBC", "中国工商银行", "state"),
    ("建设银行|建行", "CCB", "中国建设银行", "state"),
    ("交通银行|交行", "BOCOM", "交通银行", "state"),
    ("招商银行", "CMB", "招商银行", "joint_stock"),
    ("浦东发展银行|浦发", "SPDB", "上海浦东发展银行", "joint_stock"),
    ("中信银行", "CITIC", "中信银行", "joint_stock"),
    ("民生银行", "CMBC", "中国民生银行", "joint_stock"),
    ("兴业银行", "CIB", "兴业银行", "joint_stock"),
    ("光大银行", "CEB", "中国光大银行", "joint_stock"),
    ("华夏银行", "HXB", "华夏银行", "joint_stock"),
    ("平安银行|深圳发展银行", "PAB", "平安银行", "joint_stock"),
    ("浙商银行", "CZB", "浙商银行", "joint_stock"),
    ("广发银行|广东发展银行", "CGB", "广发银行", "joint_stock"),
    ("渤海银行", "CBHB", "渤海银行", "joint_stock"),
    ("恒丰银行", "EGB", "恒丰银行", "joint_stock"),
    ("江苏银行", "JSB", "江苏银行", "city_commercial"),
    ("南京银行", "NJCB", "南京银行", "city_commercial"),
    ("苏州银行", "BSZ", "苏州银行", "city_commercial"),
    ("长江商业银行", "CJB", "江苏长江商业银行", "city_commercial"),
    ("吉林银行", "JLB", "吉林银行", "city_commercial"),
    ("苏宁银行", "SNB", "江苏苏宁银行", "private"),
    ("亿联银行", "YLB", "吉林亿联银行", "private"),
    ("^中国银行|^中行", "BOC", "中国银行", "state"),
)
_GUESTS: Final = (
    "上海|北京|宁波|杭州|徽商|天津|哈尔滨|大连|盛京|锦州|齐鲁|龙江|葫芦岛|"
    "长春市商业|包商|日照|莱商|厦门国际"
)
_CITY_BANK: Final = re.compile(f"({_GUESTS})银行")
_FOREIGN: Final = re.compile(
    "汇丰|渣打|花旗|东亚银行|星展|三菱|三井住友|瑞穗|南洋商业|恒生|友利|韩亚|新韩|企业银行|永丰|华侨|大华|华美|"
    "法国巴黎|德意志|摩根|澳大利亚|首都银行|国民银行|产业银行|富邦|国泰世华|玉山|彰化|第一商业|"
    "土地银行|合作金库|兆丰|中信商业|釜山|大邱|泰京|盘谷|集友|创兴"
)
_VILLAGE: Final = re.compile(r"(.+?村镇银行)")
_RURAL: Final = re.compile(
    r"(.+?(?:农村商业银行|农商银行|农商行|农村合作银行|农村信用合作联社|农村信用联社|信用合作联社|信用联社))"
)
_CREDIT_UNION: Final = re.compile(r"(.+?(?:信用合作社|信用社))")
_NATIONAL: Final = tuple(
    (re.compile(words), Bank(code, name, kind)) for words, code, name, kind in _TABLE
)
_LOCAL: Final[tuple[tuple[re.Pattern[str], str, InstitutionType], ...]] = (
    (_VILLAGE, "VIL", "village"),
    (_RURAL, "RCB", "rural_commercial"),
    (_CREDIT_UNION, "RCU", "rural_commercial"),
)


def bank_of(outlet_name: str) -> Bank | None:
    """Return the institution an outlet's name speaks of; None where it cannot be told.

    A village bank carries its founder's name and a rural one its place, so these go first.

    Units:   none.
    Raises:  nothing.
    Source:  JS-07; docs: identity of things.
    """
    for pattern, prefix, kind in _LOCAL:
        if found := pattern.match(outlet_name):
            return Bank(_code(prefix, found[1]), found[1], kind)
    for words, bank in _NATIONAL:
        if words.search(outlet_name):
            return bank
    if found := _CITY_BANK.search(outlet_name):
        return Bank(_code("CCB", found[0]), found[0], "city_commercial")
    if found := re.match(rf"(.*?(?:{_FOREIGN.pattern}).*?(?:公司|银行))", outlet_name):
        name = found[1].removesuffix("有限公司")
        return Bank(_code("FOR", name), name, "foreign")
    return None


def _code(prefix: str, name: str) -> str:
    """Return a code for a bank without one: the same name gives the same code, always."""
    return f"{prefix}-{hashlib.sha256(name.encode()).hexdigest()[:10].upper()}"
