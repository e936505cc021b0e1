"""Why an application was declined: a closed list, with who can repair it (JS-16, JS-30, C5)."""

from dataclasses import dataclass
from typing import Final, Literal

Repairer = Literal["enterprise", "bank", "government", "nobody"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A coded reason; `repair_zh` says what would change the answer."""

    code: str
    text_zh: str
    repaired_by: Repairer
    repair_zh: str


_ALL: Final = (
    Reason("material_incomplete", "材料不完整", "enterprise", "补齐银行一次性告知的材料后重新申请"),
    Reason(
        "operating_time_short", "成立或经营时间不足", "enterprise", "达到产品要求的年限后重新申请"
    ),
    Reason(
        "cash_flow_insufficient", "第一还款来源不足", "enterprise", "提供订单、回款等现金流证明"
    ),
    Reason("debt_too_high", "负债水平过高", "enterprise", "降低负债或增加股权融资"),
    Reason(
        "security_insufficient",
        "担保或增信不足",
        "enterprise",
        "增加知识产权质押、保证或担保机构增信",
    ),
    Reason("credit_record", "征信记录不良", "enterprise", "结清逾期并完成信用修复"),
    Reason("purpose_not_allowed", "用途不符合规定", "enterprise", "调整为符合规定的经营用途"),
    Reason(
        "technology_unclear", "核心技术或知识产权不明确", "enterprise", "补充权属证明或专家评估意见"
    ),
    Reason(
        "industry_restricted", "行业属限制或淘汰类", "nobody", "产业政策不支持,平台另行推荐政策"
    ),
    Reason("no_suitable_product", "本行无适合产品", "bank", "由平台在其他银行中寻找适合的产品"),
    Reason("bank_quota", "本行规模或授权受限", "bank", "待规模恢复,或由平台转介其他银行"),
    Reason(
        "risk_sharing_missing",
        "未纳入风险补偿或增信名单",
        "government",
        "由科技部门办理入库后重新申请",
    ),
    Reason("need_withdrawn", "企业已无融资需求", "enterprise", "有需求时重新申请"),
)

REASONS: Final = {reason.code: reason for reason in _ALL}
