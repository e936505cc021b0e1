"""Identity over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse

from services.identity import usecases
from services.identity.api.schemas import (
    AccountOut,
    AccountRowsOut,
    AccountsIn,
    ActivationIn,
    ClientIn,
    ClientOut,
    SignInIn,
    TokenOut,
)
from services.identity.domain.model import Account
from services.identity.domain.tokens import Signer
from services.identity.settings import Settings
from services.identity.signing import signer_of
from shared.kernel.errors import BadInput
from shared.platform.access import may, public
from shared.platform.auth import unauthenticated
from shared.platform.clock import unix_now
from shared.platform.database import Transaction
from shared.platform.web import Run, RunOpen

COOKIE = "yinqi_refresh"
COOKIE_PATH = "/api/identity/v1"

router = APIRouter(tags=["identity"])


def _token(account: Account, settings: Settings) -> TokenOut:
    signer: Signer = signer_of(settings)
    lifetime = settings.access_token_seconds
    token = signer.sign(account, issued_at=unix_now(), lifetime_seconds=lifetime)
    return TokenOut.of(token, lifetime, account)


def _with_cookie(session: usecases.Session, settings: Settings) -> Response:
    response = JSONResponse(_token(session.account, settings).model_dump(mode="json"))
    response.set_cookie(
        COOKIE,
        session.refresh_token,
        max_age=settings.refresh_token_days * 86_400,
        path=COOKIE_PATH,
        httponly=True,
        samesite="strict",
        secure=settings.secure_cookie,
    )
    response.headers["cache-control"] = "no-store"
    return response


@router.post("/sign-in", response_model=TokenOut, dependencies=[public()])
async def post_sign_in(body: SignInIn, run: RunOpen) -> Response:
    """登录:返回短期访问令牌,并设置刷新 Cookie。"""
    settings: Settings = run.settings
    session = await usecases.sign_in(
        run.database, body.username, body.password, settings.refresh_token_days
    )
    return _with_cookie(session, settings)


@router.post("/refresh", response_model=TokenOut, dependencies=[public()])
async def post_refresh(request: Request, run: RunOpen) -> Response:
    """用刷新 Cookie 换取新的访问令牌。"""
    token = request.cookies.get(COOKIE)
    if not token:
        raise unauthenticated()
    settings: Settings = run.settings
    session = await usecases.refresh(run.database, token, settings.refresh_token_days)
    return _with_cookie(session, settings)


@router.post("/sign-out", status_code=204, dependencies=[public()])
async def post_sign_out(request: Request, run: RunOpen) -> Response:
    """退出登录。"""
    if token := request.cookies.get(COOKIE):
        await usecases.sign_out(run.database, token)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path=COOKIE_PATH)
    return response


@router.post("/activations", response_model=AccountOut, dependencies=[public()])
async def post_activation(body: ActivationIn, run: RunOpen) -> Response:
    """首次登录:用银行发放的激活码设置密码。"""
    command = usecases.Activate(body.username, body.activation_code, body.password)
    return await run(usecases.activate, command, answer=AccountOut.model_validate)


@router.post("/token", dependencies=[public()])
async def post_token(
    run: RunOpen,
    grant_type: Annotated[str, Form()],
    client_id: Annotated[str, Form(max_length=64)],
    client_secret: Annotated[str, Form(max_length=256)],
) -> TokenOut:
    """机器客户端(银行核心系统)以 client_credentials 取得访问令牌。"""
    if grant_type != "client_credentials":
        raise BadInput("client.grant_type", "只支持 client_credentials", status=400)
    account = await usecases.client_account(run.database, client_id, client_secret)
    return _token(account, run.settings)


@router.get("/me", dependencies=[may("own_account", "read")])
async def get_me(run: Run) -> AccountOut:
    """当前账号。"""
    account_id = run.principal.account_id
    if account_id is None:
        raise unauthenticated()
    return AccountOut.model_validate(await run.read(usecases.find_account, account_id))


@router.post(
    "/accounts:batch", response_model=AccountRowsOut, dependencies=[may("account", "create")]
)
async def post_accounts(body: AccountsIn, run: Run) -> Response:
    """批量开户:逐行答复,一行有误不影响其他行。"""
    rows = [usecases.NewAccount(**row.model_dump()) for row in body.rows]
    settings: Settings = run.settings
    command = usecases.OpenAccounts(rows, settings.activation_days)
    return await run(usecases.open_accounts, command, answer=AccountRowsOut.of)


@router.post(
    "/accounts/{account_id}/disable",
    response_model=AccountOut,
    dependencies=[may("account", "update")],
)
async def post_disable(account_id: UUID, run: Run) -> Response:
    """停用账号:其令牌在各服务一秒内失效。"""
    return await run(_disable, account_id, answer=AccountOut.model_validate)


async def _disable(account_id: UUID, tx: Transaction) -> Account:
    return await usecases.disable_account(account_id, tx)


@router.post(
    "/clients", status_code=201, response_model=ClientOut, dependencies=[may("client", "create")]
)
async def post_client(body: ClientIn, run: Run) -> Response:
    """开立机器客户端,密钥只显示一次。"""
    command = usecases.OpenClient(body.name, body.role, body.institution_id)
    return await run(usecases.open_client, command, answer=ClientOut.of, status=201)


@router.get("/jwks", dependencies=[public()])
async def get_jwks(run: RunOpen) -> JSONResponse:
    """各服务用来验证令牌的公钥。"""
    return JSONResponse(signer_of(run.settings).public)
