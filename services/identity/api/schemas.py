"""The JSON of identity's API."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.identity.domain.model import Account
from services.identity.usecases import OpenedClient, RowResult
from shared.contracts.identity import Role
from shared.platform.web import In, Out

Username = Annotated[str, Field(min_length=2, max_length=64, pattern=r"^[A-Za-z0-9._@-]+$")]


class SignInIn(In):
    """Name and password."""

    username: str = Field(max_length=64)
    password: str = Field(max_length=256)


class AccountOut(Out):
    """Who is signed in and where they stand."""

    account_id: UUID
    username: str
    role: Role
    institution_id: UUID | None
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: str | None


class TokenOut(Out):
    """A short-lived access token; `expires_in` in seconds."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    expires_in: int
    account: AccountOut

    @classmethod
    def of(cls, token: str, expires_in: int, account: Account) -> "TokenOut":
        """With the account it stands for."""
        return cls(
            access_token=token, expires_in=expires_in, account=AccountOut.model_validate(account)
        )


class ActivationIn(In):
    """The code the bank handed out, and the password to set."""

    username: str = Field(max_length=64)
    activation_code: str = Field(max_length=32)
    password: str = Field(max_length=256)


class AccountIn(In):
    """One account to open; without a password it gets an activation code."""

    username: Username
    role: Role
    institution_id: UUID | None = None
    outlet_id: UUID | None = None
    staff_id: UUID | None = None
    region_code: Annotated[str, Field(pattern=r"^\d{6}$")] | None = None
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
    """A machine client to open."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Role = "bank_core"
    institution_id: UUID | None = None


class ClientOut(Out):
    """The client's id and secret; the secret is shown once."""

    client_id: str
    client_secret: str
    account_id: UUID

    @classmethod
    def of(cls, opened: OpenedClient) -> "ClientOut":
        """From the use case's result."""
        return cls.model_validate(opened)
