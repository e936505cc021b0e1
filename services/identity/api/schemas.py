"""The JSON of identity's API."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.identity.usecases.accounts import RowResult
from services.identity.usecases.clients import OpenedClient
from shared.contracts.identity import Role
from shared.platform.web import In, Out

Username = Annotated[str, Field(min_length=2, max_length=64, pattern=r"^[A-Za-z0-9._@-]+$")]
RegionCode = Annotated[str, Field(pattern=r"^\d{6}$")]
Certificates = Annotated[list[Annotated[str, Field(max_length=8192)]], Field(max_length=4)]


class CredentialsIn(In):
    """Name and password; for accounts with a second factor its code, or a recovery code."""

    username: str = Field(max_length=64)
    password: str = Field(max_length=256)
    code: str = Field("", max_length=8)
    recovery_code: str = Field("", max_length=32)


class PasswordIn(In):
    """The password as it is and as it shall be."""

    old_password: str = Field(max_length=256)
    new_password: str = Field(max_length=256)


class AccountOut(Out):
    """Who is signed in and where they stand."""

    account_id: UUID
    username: str
    role: Role
    institution_id: UUID | None
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: str | None
    enterprise_id: UUID | None = None


class AccountDetailOut(AccountOut):
    """An account as its administrator sees it."""

    active: bool
    version: int


class AccountsOut(Out):
    """A page of accounts."""

    items: list[AccountDetailOut]
    next_cursor: str | None


class TokenOut(Out):
    """A short-lived access token; `expires_in` in seconds."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    expires_in: int
    account: AccountOut


class SessionOut(Out):
    """The session in the cookie; pages send `csrf_token` back as `X-CSRF-Token` on unsafe calls."""

    account: AccountOut
    csrf_token: str


class EnrolmentOut(Out):
    """A fresh TOTP secret, in base32 and as the address in a QR code; shown once."""

    secret: str
    address: str


class RecoveryCodesOut(Out):
    """Codes for a lost phone, each good once; shown once."""

    recovery_codes: list[str]


class ActivationIn(In):
    """The code the bank handed out, and the password to set."""

    username: str = Field(max_length=64)
    activation_code: str = Field(max_length=32)
    password: str = Field(max_length=256)


class SeatIn(In):
    """A role and its place in the organisation tree."""

    role: Role
    institution_id: UUID | None = None
    outlet_id: UUID | None = None
    staff_id: UUID | None = None
    region_code: RegionCode | None = None
    enterprise_id: UUID | None = None


class AccountIn(SeatIn):
    """One account to open; without a password it gets an activation code."""

    username: Username
    password: Annotated[str, Field(max_length=256)] | None = None


class AccountsIn(In):
    """Accounts to open."""

    rows: list[AccountIn] = Field(min_length=1, max_length=1000)


class ErrorOut(Out):
    """One wrong field."""

    where: str
    code: str
    message: str


class AccountRowOut(Out):
    """What became of one row; the activation code is shown once."""

    row: int
    status: str
    account_id: UUID | None
    activation_code: str | None
    errors: list[ErrorOut]

    @classmethod
    def of(cls, result: RowResult) -> "AccountRowOut":
        """From the use case's row."""
        return cls(
            row=result.row,
            status="refused" if result.errors else "opened",
            account_id=result.account_id,
            activation_code=result.activation_code,
            errors=[ErrorOut.model_validate(error) for error in result.errors],
        )


class AccountRowsOut(Out):
    """One answer per row."""

    items: list[AccountRowOut]

    @classmethod
    def of(cls, results: list[RowResult]) -> "AccountRowsOut":
        """From the use case's rows."""
        return cls(items=[AccountRowOut.of(result) for result in results])


class ClientIn(In):
    """A machine client to open; `jwks` in place of a secret, `certificates` in PEM for mTLS."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Role = "bank_core"
    institution_id: UUID | None = None
    jwks: dict[str, Any] | None = None
    certificates: Certificates = Field(default_factory=list[str])


class ClientOut(Out):
    """The client's id and secret; the secret is shown once and absent where keys were given."""

    client_id: str
    client_secret: str | None
    account_id: UUID

    @classmethod
    def of(cls, opened: OpenedClient) -> "ClientOut":
        """From the use case's result."""
        return cls.model_validate(opened)


class KeysIn(In):
    """All public keys and certificates that a client has from now on."""

    jwks: dict[str, Any]
    certificates: Certificates = Field(default_factory=list[str])


class KeysOut(Out):
    """A client's public keys, and the thumbprints of its certificates."""

    client_id: str
    jwks: dict[str, Any]
    certificates: list[str]


class SignInMethodsOut(Out):
    """Which ways to sign in are open beside a password."""

    wechat: bool
    oidc: bool


class BindingCodeIn(In):
    """For whom to issue a WeChat binding code."""

    account_id: UUID


class BindingCodeOut(Out):
    """A WeChat binding code, good once; shown once."""

    code: str
    expires_at: datetime


class BindIn(In):
    """The binding code that the bank handed out."""

    code: str = Field(max_length=32)


class PageSignatureOut(Out):
    """What a page hands to WeChat's JS interface (`wx.config`)."""

    app_id: str
    timestamp: int
    nonce: str
    signature: str


class ApprovalIn(In):
    """What a second person is to agree to; `payload` is the body of the call that will follow."""

    action: str = Field(max_length=64)
    subject: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
    summary: str = Field("", max_length=500)
    payload: dict[str, Any]


class DecisionIn(In):
    """Agreed to or rejected, with a reason."""

    approved: bool
    reason: str = Field("", max_length=500)


class ApprovalOut(Out):
    """A request for a second person: open, approved, rejected, withdrawn or expired."""

    approval_id: UUID
    action: str
    title: str
    subject: str
    summary: str
    payload: dict[str, Any]
    payload_sha256: str
    requested_by: UUID
    requested_at: datetime
    expires_at: datetime
    state: str
    decided_by: UUID | None
    decided_at: datetime | None
    reason: str


class ApprovalsOut(Out):
    """A page of requests."""

    items: list[ApprovalOut]
    next_cursor: str | None
