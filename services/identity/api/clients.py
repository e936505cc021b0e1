"""Machine clients over HTTP: registration, tokens, discovery and keys."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse

from services.identity.api.schemas import AccountOut, ClientIn, ClientOut, KeysIn, KeysOut, TokenOut
from services.identity.domain.assertions import ALGORITHMS, ASSERTION_TYPE
from services.identity.domain.tokens import Grant
from services.identity.keys import signer_of
from services.identity.settings import Settings
from services.identity.usecases import clients as usecases
from services.identity.usecases.clients import Presented
from shared.kernel.errors import BadInput, Refused, YinqiError
from shared.platform.access import may, public
from shared.platform.auth import ALGORITHM, ISSUER
from shared.platform.clock import unix_now
from shared.platform.problems import problem_of
from shared.platform.settings import SERVICES
from shared.platform.web import Run, RunOpen

CERTIFICATE = "x-client-cert"
_Short = Annotated[str, Form(max_length=256)]

router = APIRouter()


@router.post("/token", response_model=TokenOut, dependencies=[public()])
async def post_token(  # noqa: PLR0917 - one parameter per form field
    request: Request,
    run: RunOpen,
    grant_type: _Short = "",
    client_id: _Short = "",
    client_secret: _Short = "",
    client_assertion_type: _Short = "",
    client_assertion: Annotated[str, Form(max_length=8192)] = "",
    resource: Annotated[list[str] | None, Form()] = None,
    audience: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """机器客户端以 client_credentials 取得访问令牌:private_key_jwt,或开立时取得的密钥。"""
    settings: Settings = run.settings
    given = Presented(
        client_id=client_id,
        secret=client_secret,
        assertion=client_assertion,
        certificate=request.headers.get(CERTIFICATE, ""),
    )
    try:
        _must_be_known(grant_type, client_assertion_type, client_assertion)
        services = _audience([*(resource or ()), *(audience or ())])
        named = (settings.base, f"{settings.base}/token", ISSUER)
        admitted = await usecases.admit(run.database, given, named)
    except YinqiError as error:
        return _oauth_error(error)
    grant = Grant(
        account_id=admitted.account.account_id,
        audience=services,
        certificate=admitted.certificate,
    )
    lifetime = settings.access_token_seconds
    token = signer_of(settings).sign(grant, issued_at=unix_now(), lifetime_seconds=lifetime)
    body = TokenOut(
        access_token=token,
        expires_in=lifetime,
        account=AccountOut.model_validate(admitted.account),
    )
    return JSONResponse(body.model_dump(mode="json"), headers={"cache-control": "no-store"})


def _must_be_known(grant_type: str, assertion_type: str, assertion: str) -> None:
    if grant_type != "client_credentials":
        raise BadInput("client.grant_type", "只支持 client_credentials", status=400)
    if assertion and assertion_type != ASSERTION_TYPE:
        raise BadInput("client.assertion_type", "client_assertion_type 不正确", status=400)


def _audience(wanted: Sequence[str]) -> Sequence[str]:
    """The services named by `resource` or `audience`, as a name or an address; all without."""
    names = [one.rstrip("/").removesuffix("/v1").rpartition("/")[2] for one in wanted]
    if unknown := [name for name in names if name not in SERVICES]:
        raise BadInput("client.audience", "没有这个服务", "、".join(unknown), status=400)
    return sorted(set(names)) or SERVICES


_OAUTH = {
    "client.grant_type": "unsupported_grant_type",
    "client.audience": "invalid_target",
    "client.credentials": "invalid_client",
}


def _oauth_error(error: YinqiError) -> Response:
    """The problem document, with the code that OAuth libraries look for (RFC 6749, 5.2)."""
    code = _OAUTH.get(error.code, "invalid_client" if isinstance(error, Refused) else None)
    answer = problem_of(error)
    start = f'{{"error":"{code or "invalid_request"}",'.encode()
    body = start + bytes(answer.body)[1:]
    return Response(body, status_code=answer.status_code, media_type=answer.media_type)


@router.post(
    "/clients", status_code=201, response_model=ClientOut, dependencies=[may("client", "create")]
)
async def post_client(body: ClientIn, run: Run) -> Response:
    """开立机器客户端:登记公钥(jwks)则没有密钥,否则密钥只显示一次。"""
    command = usecases.OpenClient(
        name=body.name,
        role=body.role,
        institution_id=body.institution_id,
        jwks=body.jwks,
        certificates=body.certificates,
    )
    return await run(usecases.open_client, command, answer=ClientOut.of, status=201)


@router.put(
    "/clients/{client_id}/keys", response_model=KeysOut, dependencies=[may("client", "update")]
)
async def put_keys(client_id: str, body: KeysIn, run: Run) -> Response:
    """更换客户端公钥与证书:轮换期间新旧公钥一并登记,两把都有效。"""
    command = usecases.ChangeKeys(client_id, body.jwks, body.certificates)
    return await run(usecases.change_keys, command, answer=KeysOut.model_validate)


@router.get("/jwks", dependencies=[public()])
async def get_jwks(run: RunOpen) -> JSONResponse:
    """各服务用来验证令牌的公钥。"""
    return JSONResponse(signer_of(run.settings).public, headers={"cache-control": "max-age=60"})


@router.get("/.well-known/openid-configuration", dependencies=[public()])
async def get_discovery(run: RunOpen) -> JSONResponse:
    """机器客户端的发现文档。"""
    settings: Settings = run.settings
    base = settings.base
    return JSONResponse(
        {
            "issuer": base,
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "tls_client_certificate_bound_access_tokens": True,
        }
    )
