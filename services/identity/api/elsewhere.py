"""Sign-in through WeChat and through a foreign issuer, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.identity.api.cookies import (
    AWAY,
    REFRESH_PATH,
    VISITOR,
    set_session,
    set_short,
    signed_in_answer,
)
from services.identity.api.schemas import (
    AccountOut,
    BindIn,
    BindingCodeIn,
    BindingCodeOut,
    PageSignatureOut,
    SessionOut,
    SignInMethodsOut,
)
from services.identity.settings import Settings
from services.identity.usecases import oidc, wechat
from shared.kernel.errors import YinqiError
from shared.platform.access import may, public
from shared.platform.web import Run, RunOpen

BIND_PAGE = "/m/?wechat=bind"
_Code = Annotated[str, Query(max_length=512)]
_Page = Annotated[str | None, Query(alias="next", max_length=200)]

router = APIRouter()


def _go(address: str) -> Response:
    return RedirectResponse(address, status_code=302, headers={"cache-control": "no-store"})


def _go_with_trouble(error: YinqiError) -> Response:
    """Back to the sign-in page, which knows the code; a browser has no use for a problem."""
    return _go(f"/m/?sign_in={error.code}")


@router.get("/sign-in-methods", dependencies=[public()])
async def get_sign_in_methods(run: RunOpen) -> SignInMethodsOut:
    """除密码外可用的登录方式。"""
    settings: Settings = run.settings
    return SignInMethodsOut(wechat=bool(settings.wechat_app_id), oidc=bool(settings.oidc_issuer))


@router.get("/wechat/start", status_code=302, response_class=Response, dependencies=[public()])
async def get_wechat_start(run: RunOpen, page: _Page = None) -> Response:
    """微信内登录:转到公众号网页授权。"""
    settings: Settings = run.settings
    leaving, address = await wechat.start(run.database, settings, page)
    response = _go(address)
    set_short(response, AWAY, leaving.browser, settings)
    return response


@router.get("/wechat/callback", status_code=302, response_class=Response, dependencies=[public()])
async def get_wechat_callback(
    request: Request, run: RunOpen, code: _Code = "", state: _Code = ""
) -> Response:
    """微信授权返回:已绑定则登录,未绑定则到绑定页。"""
    settings: Settings = run.settings
    browser = request.cookies.get(AWAY, "")
    try:
        arrival = await wechat.finish(
            run.database, settings, code=code, state=state, browser=browser
        )
    except YinqiError as error:
        return _go_with_trouble(error)
    response = _go(arrival.page if arrival.signed_in else BIND_PAGE)
    if arrival.signed_in:
        set_session(response, arrival.signed_in, settings)
    else:
        set_short(response, VISITOR, arrival.ticket, settings)
    response.delete_cookie(AWAY, path=REFRESH_PATH)
    return response


@router.post(
    "/wechat-bindings:code",
    status_code=201,
    response_model=BindingCodeOut,
    dependencies=[may("wechat_binding", "create")],
)
async def post_binding_code(body: BindingCodeIn, run: Run) -> Response:
    """为本机构在册人员发放一次性微信绑定码,只显示一次。"""
    settings: Settings = run.settings
    command = wechat.IssueCode(body.account_id, settings.binding_days)
    return await run(wechat.issue_code, command, answer=BindingCodeOut.model_validate, status=201)


@router.post("/wechat-bindings", response_model=SessionOut, dependencies=[public()])
async def post_binding(body: BindIn, request: Request, run: RunOpen) -> Response:
    """以银行发放的绑定码绑定当前微信并登录。"""
    settings: Settings = run.settings
    signed_in = await wechat.bind(
        run.database, settings, ticket=request.cookies.get(VISITOR, ""), code=body.code
    )
    response = signed_in_answer(signed_in, settings)
    response.delete_cookie(VISITOR, path=REFRESH_PATH)
    return response


@router.delete(
    "/wechat-bindings/{account_id}",
    response_model=AccountOut,
    dependencies=[may("own_account", "update")],
)
async def delete_binding(account_id: UUID, run: Run) -> Response:
    """解除微信绑定(本人,或本机构管理人员)。"""
    return await run(wechat.unbind, account_id, answer=AccountOut.model_validate)


@router.get("/wechat/page-signature", dependencies=[may("own_account", "read")])
async def get_page_signature(
    run: Run, url: Annotated[str, Query(max_length=500)]
) -> PageSignatureOut:
    """微信 JS-SDK 的页面签名。"""
    return PageSignatureOut.model_validate(await wechat.sign_page(run.database, run.settings, url))


@router.get("/oidc/start", status_code=302, response_class=Response, dependencies=[public()])
async def get_oidc_start(run: RunOpen, page: _Page = None) -> Response:
    """统一身份认证:转到外部身份提供方。"""
    settings: Settings = run.settings
    leaving, address = await oidc.start(run.database, settings, page)
    response = _go(address)
    set_short(response, AWAY, leaving.browser, settings)
    return response


@router.get("/oidc/callback", status_code=302, response_class=Response, dependencies=[public()])
async def get_oidc_callback(
    request: Request, run: RunOpen, code: _Code = "", state: _Code = ""
) -> Response:
    """外部身份提供方返回:登录对应的账号。"""
    settings: Settings = run.settings
    browser = request.cookies.get(AWAY, "")
    try:
        signed_in, page = await oidc.finish(
            run.database, settings, code=code, state=state, browser=browser
        )
    except YinqiError as error:
        return _go_with_trouble(error)
    response = _go(page)
    set_session(response, signed_in, settings)
    response.delete_cookie(AWAY, path=REFRESH_PATH)
    return response
