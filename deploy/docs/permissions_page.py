"""Writes docs/permissions.md from the matrix: `python -m deploy.docs.permissions_page`."""

from pathlib import Path

from shared.kernel import permissions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
SCOPES = {
    "province": "全省",
    "city": "本市",
    "institution": "本机构",
    "outlet": "本网点",
    "care": "负责的企业",
    "self": "本人",
    "published": "已发布",
    "all": "不限",
}
ACTIONS = {
    "create": "新建",
    "read": "查看",
    "update": "修改",
    "approve": "审批",
    "retry": "重试",
    "void": "作废",
    "close": "结束",
    "verify": "核验",
    "export": "导出",
    "reveal": "查看原文",
}


def page() -> str:
    """The page's text: a table per resource."""
    lines = [
        "# 权限矩阵 · Who may do what",
        "",
        "由 `permissions.toml` 生成;没有列出的一律拒绝。What is not named is refused.",
        "",
        "| 角色 role | 名称 | 数据库可见范围 reach |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{r.code}` | {r.title} | {r.reach} |" for r in permissions.roles().values()]
    lines += ["", "## 须两人办理 · What takes two people", ""]
    lines += ["| 事项 action | 提出 asks | 复核 agrees(另一人) |", "| --- | --- | --- |"]
    for two in permissions.two_people().values():
        lines.append(f"| {two.title} `{two.code}` | {_who(two.makers)} | {_who(two.checkers)} |")
    for one in permissions.resources().values():
        lines += ["", f"## {one.title} `{one.code}`", "", "| 角色 | 可以 |", "| --- | --- |"]
        for role, grants in one.grants.items():
            told = "、".join(
                f"{ACTIONS.get(action, action)}({SCOPES.get(scope, scope)})"
                for action, scope in grants.items()
            )
            lines.append(f"| {permissions.roles()[role].title} | {told} |")
    return "\n".join(lines) + "\n"


def _who(codes: frozenset[str]) -> str:
    return "、".join(role.title for role in permissions.roles().values() if role.code in codes)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
