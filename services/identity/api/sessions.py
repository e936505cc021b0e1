"""Sign-in, sessions and the second factor over HTTP; and the gateway's question."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from services.identity.api.cookies import (
    REFRESH,
    clear_session,
    session_of,
    signed_in_answer,
)
from services.identity.api.schemas import (
    AccountOut,
    CredentialsIn,
    EnrolmentOut,
    PasswordIn,
    RecoveryCodesOut,
    SessionOut,
)
from services.identity.domain.sessions import csrf_token
from services.identity.gate import gate_of
from services.identity.settings import Settings
from services.identity.usecases import sessions, signing_in
from services.identity.usecases.signing_in import Credentials
from shared.kernel.errors import Refused
from shared.platform.access import may, public
from shared.platform.auth import unauthenticated
from shared.platform.problems import problem_of
from shared.platform.web import Run, RunOpen

router = APIRouter()


@router.get("/authz", status_code=204, include_in_schema=False, dependencies=[public()])
async def get_authz(
    request: Request,
    run: RunOpen,
    x_service: Annotated[str, Header()] = "",
    x_original_method: Annotated[str, Header()] = "GET",
    x_csrf_token: Annotated[str, Header()] = "",
) -> Response:
    """网关逐次询问:会话 Cookie 换取某一服务的短期令牌。"""
    settings: Settings = run.settings
    try:
        token = await gate_of(run.database, settings).token(
            session_of(request, settings),
            service=x_service,
            method=x_original_method,
            csrf=x_csrf_token,
        )
    except Refused as error:
        answer = problem_of(error)
        answer.headers["x-problem-code"] = error.code  # a gateway's sub-request hears no body
        return answer
    return Response(status_code=204, headers={"x-access-token": token})


def _credentials(body: CredentialsIn) -> Credentials:
    return Credentials(body.username, body.password, body.code, body.recovery_code)


@router.post("/sign-in", response_model=SessionOut, dependencies=[public()])
async def post_sign_in(body: CredentialsIn, run: RunOpen) -> Response:
    """登录:密码,启用了动态验证码的账号再加验证码(code)或恢复码(recovery_code)。"""
    settings: Settings = run.settings
    return signed_in_answer(
        await signing_in.sign_in(run.database, _credentials(body), settings), settings
    )


@router.post("/totp/enrolments", dependencies=[public()])
async def post_enrolment(body: CredentialsIn, run: RunOpen, response: Response) -> EnrolmentOut:
    """绑定动态验证码:返回验证器扫码用的地址,只显示一次;已启用的须先验证。"""
    response.headers["cache-control"] = "no-store"
    return EnrolmentOut.model_validate(
        await signing_in.begin_enrolment(run.database, _credentials(body), run.settings)
    )


@router.post("/totp/confirmations", dependencies=[public()])
async def post_confirmation(
    body: CredentialsIn, run: RunOpen, response: Response
) -> RecoveryCodesOut:
    """以验证器给出的第一个验证码确认绑定;返回恢复码,只显示一次。"""
    response.headers["cache-control"] = "no-store"
    codes = await signing_in.confirm_enrolment(run.database, _credentials(body), run.settings)
    return RecoveryCodesOut(recovery_codes=codes)


@router.post("/refresh", response_model=SessionOut, dependencies=[public()])
async def post_refresh(request: Request, run: RunOpen) -> Response:
    """用刷新 Cookie 换取新的会话。"""
    token = request.cookies.get(REFRESH)
    if not token:
        raise unauthenticated()
    settings: Settings = run.settings
    return signed_in_answer(await sessions.refresh(run.database, token, settings), settings)


@router.get("/session", dependencies=[public()])
async def get_session(request: Request, run: RunOpen, response: Response) -> SessionOut:
    """当前会话的账号与页面令牌(页面刷新后重新取得)。"""
    settings: Settings = run.settings
    token = session_of(request, settings)
    account = await run.read(sessions.account_of, token, settings)
    response.headers["cache-control"] = "no-store"
    return SessionOut(account=AccountOut.model_validate(account), csrf_token=csrf_token(token))


@router.post("/sign-out", status_code=204, dependencies=[public()])
async def post_sign_out(request: Request, run: RunOpen) -> Response:
    """退出登录:会话与刷新 Cookie 一并作废。"""
    settings: Settings = run.settings
    cookie = session_of(request, settings)
    await sessions.sign_out(run.database, cookie, request.cookies.get(REFRESH, ""))
    gate_of(run.database, settings).forget(cookie)
    response = Response(status_code=204)
    clear_session(response, settings)
    return response


@router.post("/password", dependencies=[may("own_account", "update")])
async def post_password(body: PasswordIn, request: Request, run: Run) -> AccountOut:
    """修改密码:其他会话全部退出,当前会话保留。"""
    if run.principal.account_id is None:
        raise unauthenticated()
    change = sessions.NewPassword(
        run.principal,
        run.principal.account_id,
        body.old_password,
        body.new_password,
        session_of(request, run.settings),
    )
    return AccountOut.model_validate(await sessions.change_password(run.database, change))
