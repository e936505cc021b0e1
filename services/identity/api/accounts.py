"""Accounts over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.identity.api.schemas import (
    AccountDetailOut,
    AccountOut,
    AccountRowOut,
    AccountRowsOut,
    AccountsIn,
    AccountsOut,
    ActivationIn,
    SeatIn,
)
from services.identity.domain.model import Account
from services.identity.settings import Settings
from services.identity.usecases import accounts as usecases
from shared.contracts.identity import Role
from shared.platform.access import may, public
from shared.platform.auth import unauthenticated
from shared.platform.web import (
    Cursor,
    Limit,
    Run,
    RunOpen,
    decode_cursor,
    etag,
    expected_version,
    page_of,
)

router = APIRouter()


@router.post("/activations", response_model=AccountOut, dependencies=[public()])
async def post_activation(body: ActivationIn, run: RunOpen) -> Response:
    """首次登录:用银行发放的激活码设置密码。"""
    command = usecases.Activate(body.username, body.activation_code, body.password)
    return await run(usecases.activate, command, answer=AccountOut.model_validate)


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


def _filter(
    role: Role | None = None,
    active: bool | None = None,
    search: Annotated[str | None, Query(max_length=64)] = None,
) -> usecases.Filter:
    return usecases.Filter(role, active, search)


@router.get("/accounts", dependencies=[may("account", "read")])
async def get_accounts(
    run: Run,
    wanted: Annotated[usecases.Filter, Depends(_filter)],
    cursor: Cursor = None,
    limit: Limit = 100,
) -> AccountsOut:
    """本机构(或本辖区)的账号,按用户名排序。"""
    after = decode_cursor(cursor, str)
    found = await run.read(
        usecases.list_accounts,
        wanted,
        after[0] if after else None,
        limit + 1,
    )
    page, following = page_of(found, limit, lambda account: (account.username,))
    items = [AccountDetailOut.model_validate(account) for account in page]
    return AccountsOut(items=items, next_cursor=following)


@router.get("/accounts/{account_id}", dependencies=[may("account", "read")])
async def get_account(account_id: UUID, run: Run, response: Response) -> AccountDetailOut:
    """一个账号及其版本(ETag)。"""
    account = await run.read(usecases.find_account, account_id)
    response.headers["etag"] = etag(account.version)
    return AccountDetailOut.model_validate(account)


@router.put(
    "/accounts/{account_id}/seat",
    response_model=AccountDetailOut,
    dependencies=[may("account", "update")],
)
async def put_seat(account_id: UUID, body: SeatIn, request: Request, run: Run) -> Response:
    """调整角色与所属机构,一秒内在各服务生效;须带 If-Match。"""
    command = usecases.MoveAccount(
        account_id=account_id, version=expected_version(request), **body.model_dump()
    )
    return await run(usecases.move_account, command, answer=AccountDetailOut.model_validate)


@router.post(
    "/accounts/{account_id}/disable",
    response_model=AccountDetailOut,
    dependencies=[may("account", "update")],
)
async def post_disable(account_id: UUID, run: Run) -> Response:
    """停用账号:其会话与令牌在各服务一秒内失效。"""
    return await _switch(run, account_id, active=False)


@router.post(
    "/accounts/{account_id}/enable",
    response_model=AccountDetailOut,
    dependencies=[may("account", "update")],
)
async def post_enable(account_id: UUID, run: Run) -> Response:
    """恢复已停用的账号;须重新登录。"""
    return await _switch(run, account_id, active=True)


async def _switch(run: Run, account_id: UUID, *, active: bool) -> Response:
    usecase = usecases.enable_account if active else usecases.disable_account
    return await run(usecase, account_id, answer=_detail)


def _detail(account: Account) -> AccountDetailOut:
    return AccountDetailOut.model_validate(account)


@router.post(
    "/accounts/{account_id}/reset",
    response_model=AccountRowOut,
    dependencies=[may("account", "update")],
)
async def post_reset(account_id: UUID, run: Run) -> Response:
    """重置账号(忘记密码、更换手机):发放新的激活码,清除动态验证码与微信绑定。"""
    settings: Settings = run.settings
    command = usecases.ResetAccount(account_id, settings.activation_days)
    return await run(usecases.reset_account, command, answer=AccountRowOut.of)
