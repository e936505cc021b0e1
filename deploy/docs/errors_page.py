"""Writes docs/errors.md: every error code that stands in the code, with its Chinese title.

python deploy/docs/errors_page.py
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.platform.embedded.gateway import PROBLEMS

ROOT = Path(__file__).resolve().parents[2]
ERRORS = {
    "BadInput": 422,
    "ColumnsMissing": 422,
    "NotFound": 404,
    "Conflict": 409,
    "Refused": 403,
    "RuleViolation": 409,
    "VaultClosed": 503,
}
#: What the gateway answers itself; codes in its variables are those of deploy/gateway's maps.
GATEWAY = {
    "gateway.foreign_origin": (403, "请求来自其他网站，已拒绝"),
    "access.csrf": (403, "页面已过期，请刷新后重试"),
} | {
    each.code: (status, each.title)
    for status, each in PROBLEMS.items()
    if not each.code.startswith("$")
}


def raised(tree: ast.AST) -> Iterator[tuple[str, int, str]]:
    """Code, status and title of every error that a module makes from constants."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        code = texts[0] if texts else None
        if not isinstance(code, str) or "." not in code:
            continue
        if node.func.id in ERRORS:
            given = {k.arg: k.value for k in node.keywords}.get("status")
            status = given.value if isinstance(given, ast.Constant) else ERRORS[node.func.id]
            title = texts[1] if len(texts) > 1 and isinstance(texts[1], str) else ""
            yield code, int(str(status)), title


def field_codes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Code and message of every field error made from constants."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "FieldError"
            and len(node.args) > 1
            and isinstance(node.args[1], ast.Constant)
        ):
            last = node.args[2] if len(node.args) > 2 else None
            text = last.value if isinstance(last, ast.Constant) else ""
            yield str(node.args[1].value), str(text)


def page() -> str:
    """The page's text."""
    problems: dict[str, tuple[int, str]] = dict(GATEWAY)
    fields: dict[str, str] = {}
    for top in ("services", "shared"):
        for path in sorted((ROOT / top).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for code, status, title in raised(tree):
                problems.setdefault(code, (status, title))
            for code, text in field_codes(tree):
                fields.setdefault(code, text)
    lines = [
        "# Error codes",
        "",
        "Made by `deploy/docs/errors_page.py`; do not edit. Codes never change, texts may.",
        "Errors are `application/problem+json`; `errors[]` names each wrong field, row or cell.",
        "",
        "| code | status | 标题 |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| `{code}` | {status} | {title} |" for code, (status, title) in sorted(problems.items())
    ]
    lines += ["", "## In `errors[]`", "", "| code | 说明 |", "| --- | --- |"]
    lines += [f"| `{code}` | {text} |" for code, text in sorted(fields.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "errors.md").write_text(page(), encoding="utf-8")
