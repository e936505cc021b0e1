"""The columns of each kind of file, and the many names they arrive under (JS-04)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.registry.domain.facts import CATALOGUE
from services.registry.domain.records import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A column we know: its own name, and the synonyms it is recognised by."""

    field: str
    title: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of file: its columns, and of which groups of columns at least one must be there."""

    kind: Kind
    columns: tuple[Column, ...]
    required: tuple[tuple[str, ...], ...]

    def title(self, field: str) -> str:
        """The column's own name."""
        return next(column.title for column in self.columns if column.field == field)

    def missing(self, found: Sequence[str]) -> list[str]:
        """Name the required columns that are not among `found`."""
        return [
            "或".join(self.title(field) for field in group)
            for group in self.required
            if not any(field in found for field in group)
        ]


_USCC = Column("uscc", "统一社会信用代码", ("信用代码", "社会信用代码", "统一信用代码"))
_CITY = Column(
    "city", "地区", ("所在地区", "所属地区", "所在地市", "所属地市", "地市", "所在市", "城市")
)
_PROVINCE = Column("province", "所在省份", ("省份", "省", "所属省份"))
_LONGITUDE = Column("longitude", "经度", ("lng", "longitude"))
_LATITUDE = Column("latitude", "纬度", ("lat", "latitude"))
_DATUM = Column("datum", "坐标系", ("坐标系统", "坐标类型", "坐标基准", "datum"))
_INSTITUTION = Column(
    "institution_code", "所属机构编码", ("所属机构代码", "机构编码", "机构代码", "所属银行编码")
)

_FACT_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "founded_on": ("注册日期", "成立时间"),
    "staff": ("职工人数", "员工人数", "从业人数"),
    "rd_staff": ("科技人员", "研发人员数"),
    "sales": ("销售收入", "营业收入"),
    "rd": ("研发费用", "研发投入"),
    "cost": ("成本费用总额", "成本费用"),
    "assets": ("总资产",),
    "class_one_rights": ("i类知识产权数", "一类知识产权数"),
    "class_two_rights": ("ii类知识产权数", "二类知识产权数"),
}
# Rights one by one are filed through the API; a sheet has their counts.
_FACTS: Final = tuple(
    Column(name, each.title.split("(")[0], _FACT_NAMES.get(name, ()))
    for name, each in CATALOGUE.items()
    if each.kind != "rights"
)

FORMS: Final[dict[Kind, Form]] = {
    "enterprises": Form(
        "enterprises",
        (
            Column("name", "企业名称", ("名称", "单位名称", "公司名称", "企业全称")),
            _USCC,
            Column("registration_no", "入库登记编号", ("登记编号", "入库编号", "入库号")),
            Column(
                "legal_representative",
                "法定代表人",
                ("法人代表", "法人", "法定代表人姓名", "企业法人"),
            ),
            Column("phone", "联系电话", ("电话", "手机", "手机号", "联系方式", "联系人电话")),
            Column(
                "registered_address", "注册地址", ("住所", "注册地", "地址", "企业地址", "所在地")
            ),
            Column(
                "business_address",
                "经营地址",
                ("生产经营地址", "实际经营地址", "办公地址", "通讯地址"),
            ),
            Column(
                "industry", "所属行业", ("行业", "行业代码", "国民经济行业", "行业名称", "行业分类")
            ),
            Column(
                "has_loan",
                "是否有贷款",
                ("有无贷款", "是否有贷款余额", "有无贷款余额", "贷款情况"),
            ),
            Column("founded_on", "成立日期", ("注册日期", "成立时间", "注册时间")),
            Column("employees", "职工人数", ("职工总数", "员工人数", "从业人数", "职工数")),
            Column("revenue", "销售收入", ("营业收入", "年销售收入", "上年度销售收入")),
            Column("rd", "研发费用", ("研发投入", "研发费用总额", "上年度研发费用")),
            _CITY,
            _PROVINCE,
            _LONGITUDE,
            _LATITUDE,
            _DATUM,
        ),
        (("name",), ("uscc",), ("registered_address", "business_address")),
    ),
    "institutions": Form(
        "institutions",
        (
            Column("code", "机构编码", ("机构代码", "银行编码", "银行代码")),
            Column("name", "机构名称", ("银行名称", "名称")),
            Column("type", "机构类型", ("银行类型", "类型", "机构类别")),
            _USCC,
        ),
        (("code",), ("name",), ("type",)),
    ),
    "outlets": Form(
        "outlets",
        (
            Column("code", "网点编码", ("网点代码", "网点号")),
            Column("name", "网点名称", ("机构名称", "支行名称", "名称")),
            _INSTITUTION,
            _USCC,
            Column("region_code", "行政区划代码", ("区划代码", "行政区划")),
            Column("address", "地址", ("注册地址", "网点地址", "营业地址")),
            _LONGITUDE,
            _LATITUDE,
            _DATUM,
            Column("managers", "客户经理人数", ("客户经理数",)),
            Column("capacity", "服务能力", ("可服务户数",)),
            _CITY,
            _PROVINCE,
        ),
        (("name",), ("code", "uscc"), ("region_code", "address")),
    ),
    "staff": Form(
        "staff",
        (
            Column("code", "工号", ("员工编号", "人员编号")),
            Column("name", "姓名", ("人员姓名", "员工姓名")),
            _INSTITUTION,
            Column("outlet_code", "所属网点编码", ("网点编码", "网点代码", "所属网点代码")),
            Column("role", "岗位", ("职务", "角色")),
            Column("valid_from", "到岗日期", ("入职日期", "上岗日期")),
            Column("valid_to", "离岗日期", ("离职日期",)),
            Column("employment", "用工性质", ("用工形式", "用工方式", "人员性质")),
        ),
        (("code",), ("name",), ("institution_code",), ("outlet_code",), ("role",), ("valid_from",)),
    ),
    "facts": Form(
        "facts",
        (_USCC, Column("name", "企业名称", ("名称", "单位名称")), *_FACTS),
        (("uscc",), tuple(each.field for each in _FACTS)),
    ),
}
