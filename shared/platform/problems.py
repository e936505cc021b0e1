"""Errors as `application/problem+json` (RFC 9457) with Chinese texts and stable codes."""

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from shared.kernel.errors import FieldError, YinqiError
from shared.platform.logging import log, trace_id
from shared.platform.pool import is_transient, sql_state

_MESSAGES: Mapping[str, str] = {
    "missing": "缺少此项",
    "extra_forbidden": "不认识的字段",
    "string_too_short": "内容过短",
    "string_too_long": "内容过长",
    "string_pattern_mismatch": "格式不正确",
    "uuid_parsing": "不是有效的 UUID",
    "date_from_datetime_parsing": "不是有效的日期(应为 2022-09-30 的形式)",
    "date_parsing": "不是有效的日期(应为 2022-09-30 的形式)",
    "datetime_parsing": "不是有效的时间",
    "datetime_from_date_parsing": "不是有效的时间",
    "int_parsing": "不是整数",
    "float_parsing": "不是数字",
    "bool_parsing": "应为 true 或 false",
    "json_invalid": "不是有效的 JSON",
    "literal_error": "不是允许的取值",
    "enum": "不是允许的取值",
    "greater_than": "数值过小",
    "greater_than_equal": "数值过小",
    "less_than": "数值过大",
    "less_than_equal": "数值过大",
    "too_long": "条目过多",
    "too_short": "条目过少",
    "string_type": "应为文字",
    "list_type": "应为列表",
    "model_attributes_type": "应为对象",
    "timezone_aware": "时间须带时区",
}
_TITLES: Mapping[int, tuple[str, str]] = {
    404: ("http.not_found", "没有找到"),
    405: ("http.method", "此地址不支持该方法"),
    413: ("http.too_large", "内容过大"),
}


def problem(
    *,
    status: int,
    code: str,
    title: str,
    detail: str = "",
    errors: Sequence[FieldError] = (),
) -> Response:
    """A problem document."""
    content: dict[str, object] = {
        "type": f"https://yinqi.invalid/errors/{code}",
        "title": title,
        "status": status,
        "code": code,
        "trace_id": trace_id(),
    }
    if detail:
        content["detail"] = detail
    if errors:
        content["errors"] = [
            {"where": e.where, "code": e.code, "message": e.message} for e in errors
        ]
    return Response(
        msgspec.json.encode(content),
        status_code=status,
        media_type="application/problem+json",
    )


def problem_of(error: YinqiError) -> Response:
    """The problem document of an expected error."""
    return problem(
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        errors=error.errors,
    )


def field_errors(error: RequestValidationError) -> list[FieldError]:
    """One Chinese line per wrong field, with its path in the request."""
    return [_field_error(dict(item)) for item in error.errors()]


def _field_error(item: dict[str, Any]) -> FieldError:
    path = [str(step) for step in item["loc"] if step not in ("body", "query", "path", "header")]
    context = item.get("ctx") or {}
    if isinstance(cause := getattr(context.get("error"), "cause", None), YinqiError):
        return FieldError(".".join(path), cause.code, f"{cause.title}{cause.detail}")
    message = _MESSAGES.get(item["type"], "填写有误")
    if expected := context.get("expected"):
        message += f":{expected}"
    return FieldError(".".join(path) or "body", f"field.{item['type']}", message)


def install(app: FastAPI) -> None:
    """Answer every error of this app as a problem document."""

    @app.exception_handler(YinqiError)
    async def on_expected(_request: Request, error: YinqiError) -> Response:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
        return problem(
            status=422,
            code="request.invalid",
            title="请求内容有误",
            errors=field_errors(error),
        )

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        code, title = _TITLES.get(error.status_code, ("http.error", "请求未能完成"))
        return problem(status=error.status_code, code=code, title=title, detail=str(error.detail))

    for kind in (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        app.add_exception_handler(kind, _on_storage)
    app.add_exception_handler(UnicodeEncodeError, _on_storage)
    app.add_exception_handler(Exception, _on_bug)


def _on_storage(_request: Request, error: Exception) -> Response:
    """A database away: try again. A text it cannot hold (NUL, half a character): the caller's."""
    if isinstance(error, UnicodeEncodeError) or sql_state(error).startswith("22"):
        return problem(
            status=422,
            code="request.unstorable",
            title="请求中有无法保存的字符或数值",
            detail="请去掉不可见的控制字符后重试",
        )
    if not is_transient(error):
        return _on_bug(_request, error)
    log().error("http.storage", kind=type(error).__name__, sqlstate=sql_state(error))
    return problem(
        status=503,
        code="storage.unavailable",
        title="数据库暂不可用",
        detail="请稍后用同一幂等键重试",
    )


def _on_bug(_request: Request, error: Exception) -> Response:
    """Our fault. The log gets kind and place, not the text: a driver's text may quote a row."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    log().error(
        "http.bug",
        kind=type(error).__name__,
        sqlstate=sql_state(error),
        where=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames],
    )
    return problem(
        status=500,
        code="internal",
        title="平台内部错误",
        detail="请把 trace_id 告知管理员",
    )
