"""What an API document says beyond its bodies: who may call, the idempotency key, every error.

The problem codes of a route are read from the code: from the errors that its endpoint makes, and
the use cases, rules and queries it refers to. So a new `raise` is documented where it can be met.
"""

import ast
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from shared.kernel.errors import BadInput, Conflict, NotFound, Refused, RuleViolation, YinqiError
from shared.platform.access import May, Public
from shared.platform.web import SAFE, needs_key

Codes = Mapping[int, Mapping[str, str]]
_ERRORS: Mapping[str, type[YinqiError]] = {
    kind.__name__: kind for kind in (BadInput, Conflict, NotFound, Refused, RuleViolation)
}
_EVERYWHERE: Codes = {
    400: {"gateway.bad_request": "请求格式不正确"},
    429: {"gateway.too_many_requests": "请求过于频繁"},
    500: {"internal": "平台内部错误"},
    502: {"gateway.service_away": "服务暂时不可用"},
    503: {"storage.unavailable": "数据库暂不可用", "gateway.service_away": "服务暂时不可用"},
    504: {"gateway.timeout": "服务未在时限内答复"},
}
_WITH_INPUT: Codes = {
    422: {"request.invalid": "请求内容有误", "request.unstorable": "有无法保存的字符或数值"}
}
_WITH_BODY: Codes = {413: {"gateway.body_too_large": "上传的内容过大"}}
_SIGNED_IN: Codes = {401: {"access.unauthenticated": "请先登录", "access.revoked": "账号已停用"}}
_GUARDED: Codes = {403: {"access.role": "当前账号没有此项权限"}}
_WRITING: Codes = {403: {"gateway.foreign_origin": "请求来自其他网站"}}
_IN_SESSION: Codes = {403: {"access.csrf": "请求缺少页面令牌"}}
_KEYED: Codes = {
    400: {"idempotency.key_missing": "缺少幂等键"},
    422: {"idempotency.key_reused": "同一幂等键已用于不同内容的请求"},
}
_WORDS: Mapping[int, str] = {
    400: "请求格式不正确",
    401: "未登录",
    403: "无权限",
    404: "不存在,或对调用者不存在",
    409: "与现状冲突",
    412: "版本已变",
    413: "内容过大",
    422: "内容有误",
    428: "缺少 If-Match",
    429: "过于频繁",
    500: "平台内部错误",
    502: "服务不可用",
    503: "暂不可用",
    504: "超时",
}
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "机器客户端:POST /api/identity/v1/token 取得,五分钟有效。",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-yinqi_session",
        "description": "页面:登录后的会话;写操作另带请求头 X-CSRF-Token。",
    },
}
_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457。code 不变,文字可变;errors 逐项指出字段、行或单元格。",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["where", "code", "message"],
                "properties": {
                    "where": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "同一键、同一内容的重复请求得到同一答复;保留 7 天。",
    "schema": {"type": "string", "minLength": 8, "maxLength": 128},
}


def install(app: FastAPI, routers: Iterable[APIRouter], prefix: str) -> None:
    """Complete the document that this app gives of itself; once, when it is first asked for."""
    plain = app.openapi
    routes = {
        (prefix + route.path, method): route
        for route in routes_of(routers)
        for method in route.methods or ()
    }

    @cache
    def complete() -> dict[str, Any]:
        document = plain()
        document["servers"] = [{"url": "/"}]
        document["info"]["description"] = document["info"]["title"]
        parts = document.setdefault("components", {})
        parts["securitySchemes"] = _SCHEMES
        schemas = parts.setdefault("schemas", {})
        schemas["Problem"] = _PROBLEM
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _complete(operation, routes[path, method.upper()], method.upper())
        return document

    app.openapi = complete  # type: ignore[method-assign]


def routes_of(routers: Iterable[APIRouter]) -> Iterator[APIRoute]:
    """All routes of these routers, with those of the routers that they include."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield route
            elif (included := getattr(route, "original_router", None)) is not None:
                yield from routes_of([included])


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    guards = [depends.dependency for depends in route.dependencies]
    open_to_all = any(isinstance(guard, Public) for guard in guards)
    keyed = method not in SAFE and needs_key(route.dependant)
    operation["security"] = [] if open_to_all else [{"bearer": []}, {"session": []}]
    operation.setdefault("description", operation.get("summary", ""))
    if keyed:
        operation.setdefault("parameters", []).append(_KEY_HEADER)
    takes_input = bool(operation.get("parameters") or operation.get("requestBody"))
    parts: list[Codes] = [_EVERYWHERE, codes_of(route.endpoint)]
    parts += [_WITH_INPUT] if takes_input else []
    parts += [_WITH_BODY] if operation.get("requestBody") else []
    parts += [] if open_to_all else [_SIGNED_IN]
    parts += [_GUARDED] if any(isinstance(guard, May) for guard in guards) else []
    parts += [_WRITING] if method not in SAFE else []
    parts += [_IN_SESSION] if method not in SAFE and not open_to_all else []
    parts += [_KEYED] if keyed else []
    together: dict[int, dict[str, str]] = defaultdict(dict)
    for part in parts:
        for status, codes in part.items():
            together[status] |= codes
    responses: MutableMapping[str, Any] = operation["responses"]
    for status, codes in sorted(together.items()):
        responses[str(status)] = _response(status, codes)


def _response(status: int, codes: Mapping[str, str]) -> dict[str, Any]:
    told = ";".join(f"`{code}` {title}".strip() for code, title in sorted(codes.items()))
    return {
        "description": f"{_WORDS.get(status, '')}:{told}",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
        "x-problem-codes": sorted(codes),
    }


def codes_of(endpoint: Callable[..., object]) -> dict[int, dict[str, str]]:
    """Codes with their titles by status, of all errors that an endpoint can come to make."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    seen: set[object] = set()
    waiting: list[object] = [endpoint]
    while waiting:
        function = waiting.pop()
        if function in seen or not isinstance(function, FunctionType):
            continue
        seen.add(function)
        made, uses = _read(function)
        for status, code, title in made:
            found[status][code] = title
        waiting += uses
    return found


@cache
def _read(function: FunctionType) -> tuple[list[tuple[int, str, str]], list[object]]:
    code = function.__code__
    tree = _functions_in(code.co_filename).get(code.co_firstlineno)
    if tree is None:  # made by a decorator, such as a dataclass's own
        return [], []
    made = [error for node in ast.walk(tree) if (error := _error_of(node))]
    uses: list[object] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            uses += _functions_of(_value_of(node, function.__globals__))
    return made, uses


@cache
def _functions_in(file: str) -> dict[int, ast.AST]:
    """The functions of a file by the line they begin on, decorators included."""
    if not file.endswith(".py"):
        return {}
    found: dict[int, ast.AST] = {}
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            found[first] = node
    return found


def _error_of(node: ast.AST) -> tuple[int, str, str] | None:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return None
    kind = _ERRORS.get(node.func.id)
    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    if kind is None or not texts or not isinstance(texts[0], str):
        return None
    given = next((word.value for word in node.keywords if word.arg == "status"), None)
    status = given.value if isinstance(given, ast.Constant) else kind.default_status
    title = texts[1] if len(texts) > 1 else ""
    return int(str(status)), texts[0], str(title)


def _value_of(node: ast.AST, names: Mapping[str, object]) -> object:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        holder = _value_of(node.value, names)
        if isinstance(holder, ModuleType | type):
            return getattr(holder, node.attr, None)
    return None


def _functions_of(value: object) -> list[object]:
    """What a reference leads to in our own code; a class leads to all it can do."""
    module = getattr(value, "__module__", None) or ""
    if not isinstance(module, str) or not module.startswith(("services.", "shared.")):
        return []
    function = inspect.unwrap(getattr(value, "__func__", value))  # pyright: ignore[reportArgumentType]
    if isinstance(function, FunctionType):
        return [function]
    if isinstance(value, type) and module.startswith("services.") and ".api." not in module:
        return [each for each in vars(value).values() if isinstance(each, FunctionType)]
    return []
