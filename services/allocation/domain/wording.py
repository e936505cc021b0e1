"""A reason in the words of a bank manager; the numbers stand beside it."""

from collections.abc import Mapping
from typing import Any

from services.allocation.domain.model import NodeKind

_NODE = {
    NodeKind.INSTITUTION: "机构",
    NodeKind.BRANCH: "分行",
    NodeKind.OUTLET: "网点",
}
_BINDING = {
    "capacity": "{cheapest}的承接能力已满",
    "fair_share": "{cheapest}已达到按服务能力应承担的户数上限",
    "hard_share": "{cheapest}承担的无贷户、偏远户已达上限",
    "others_floor": "其他{node}尚未达到应承担的户数",
}
_TIER_ONE = {
    "own_city": "经营地址在本市,由本市监管分局组织对接。",
    "capital_direct": "经营地址在省会城市,由省会城市的银行机构直接对接。",
    "bureau_full": "本市银行机构承接能力不足,按距离最近的顺序由省会城市银行机构对接。",
    "own_city_crowded": "本市与省会城市承接能力均不足,仍由本市监管分局组织,缺口见能力不足清单。",
}
NEARLY_A_TIE_M = 100


def reason_in_words(
    reason: Mapping[str, Any], metres: int | None, names: Mapping[str, str], kind: NodeKind
) -> str:
    """Why this institution, branch or outlet, in Chinese; `names` of institutions by id.

    Units:   kilometres in the text.
    Source:  features A3, U8.
    """
    if "why" in reason:
        return _TIER_ONE.get(str(reason["why"]), "")
    node = _NODE[kind]
    if reason["binding"] == "no_place":
        return f"可以承接的{node}都已满额,暂时没有名额;缺口与所涉{node}见能力不足清单。"
    parts = [_place(reason, metres, node), *_relation(reason), *_limit(reason, names, node)]
    return ";".join([*parts, *_runner_up(reason, names, node)]) + "。"


def _km(metres: int) -> str:
    return f"{metres / 1000:.1f} 公里"


def _place(reason: Mapping[str, Any], metres: int | None, node: str) -> str:
    if metres is None or not reason["distance_counted"]:
        return "企业地址只精确到市,距离不计入"
    if reason.get("seated"):
        return f"安排在该{node}仍有名额的网点,距企业 {_km(metres)}"
    rank = reason["distance_rank"]
    near = f"是最近的{node}" if rank == 1 else f"在可选{node}中距离第 {rank} 近"
    here = "该网点" if node == _NODE[NodeKind.OUTLET] else "最近的网点"
    return f"{here}距企业 {_km(metres)},{near}"


def _relation(reason: Mapping[str, Any]) -> list[str]:
    found = ["企业在该机构已有贷款"] if reason["has_relation"] else []
    return [*found, "此前同类型机构对接过"] if reason["same_type_as_before"] else found


def _limit(reason: Mapping[str, Any], names: Mapping[str, str], node: str) -> list[str]:
    text = _BINDING.get(str(reason["binding"]))
    if text is None:
        return [f"单看这家企业也是最合适的{node}"] if reason["binding"] == "none" else []
    cheapest = names.get(str(reason["cheapest_id"]), f"首选{node}")
    return [text.format(cheapest=cheapest, node=node)]


def _runner_up(reason: Mapping[str, Any], names: Mapping[str, str], node: str) -> list[str]:
    if reason["runner_up_id"] is None:
        return [f"没有其他可选{node}"]
    name = names.get(str(reason["runner_up_id"]), f"另一家{node}")
    margin = int(reason["margin_m"])
    if margin < NEARLY_A_TIE_M:
        return [f"与次选的{name}几乎相当,由公开的抽签种子 {reason['tie_seed']} 决定"]
    return [f"次选为{name},综合考虑名额后相差 {_km(margin)}"]
