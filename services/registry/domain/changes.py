"""What a list says otherwise of an enterprise than before, column by column."""

from collections.abc import Mapping
from typing import Any, Final

from services.registry.domain.records import EnterpriseRow, Reason
from services.registry.domain.tables import shown

_TITLES: Final = {
    "name": "企业名称",
    "registration_no": "入库登记编号",
    "registered_address": "注册地址",
    "business_address": "经营地址",
    "region_code": "所在区县",
    "industry_code": "所属行业",
    "has_loan": "是否有贷款",
    "founded_on": "成立日期",
    "employees": "职工人数",
}
_MOST: Final = 80


def field_changes(before: Mapping[str, Any], row: EnterpriseRow) -> tuple[Reason, ...]:
    """Return one remark per column that differs from what is stored; persons are never shown.

    Units:   none.
    Raises:  nothing.
    Source:  R1: changed, field by field.
    """
    found = [
        Reason(title, "field.changed", f"原为“{shown(old)[:_MOST]}”", shown(new)[:_MOST])
        for name, title in _TITLES.items()
        if (old := before[name]) != (new := getattr(row, name))
    ]
    if not found:
        found.append(Reason("其他栏目", "field.changed", "法定代表人、联系电话或金额有变更", ""))
    return tuple(found)
