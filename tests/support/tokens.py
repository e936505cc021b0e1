"""Tokens for tests, signed by a key of their own that the services under test are told to trust."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from shared.contracts.identity import Role
from shared.platform.auth import ALGORITHM, ISSUER
from shared.platform.settings import SERVICES


@dataclass(frozen=True, kw_only=True)
class TestAccount:
    """An account that services are to know of, with the token that speaks for it."""

    __test__ = False

    account_id: UUID
    role: Role
    institution_id: UUID | None = None
    outlet_id: UUID | None = None
    staff_id: UUID | None = None
    region_code: str | None = None
    enterprise_id: UUID | None = None
    token: str = ""

    async def keep(self, connection: asyncpg.Connection, *, owner: bool = False) -> None:
        """Put it into a service's copy of the accounts (`owner`: into identity's own table)."""
        more = ", username, created_at" if owner else ""
        values = ", $1::uuid::text, now()" if owner else ""
        await connection.execute(
            "insert into account (account_id, role, institution_id, outlet_id, staff_id,"
            f" region_code, enterprise_id{more}) values ($1, $2, $3, $4, $5, $6, $7{values})"
            " on conflict (account_id) do nothing",
            self.account_id,
            self.role,
            self.institution_id,
            self.outlet_id,
            self.staff_id,
            self.region_code,
            self.enterprise_id,
        )


class TokenMint:
    """Signs tokens as identity does, without a sign-in."""

    def __init__(self, folder: Path) -> None:
        self._key = OKPKey.generate_key("Ed25519", {"kid": "test"})
        self.jwks_file = folder / "jwks.json"
        self.jwks_file.write_text(json.dumps(KeySet([self._key]).as_dict(private=False)))

    def beside(self, jwks_file: Path) -> Path:
        """A key set with this key and those of another file: services then trust identity, too."""
        keys = json.loads(jwks_file.read_text())["keys"]
        own = KeySet([self._key]).as_dict(private=False)["keys"]
        self.jwks_file.write_text(json.dumps({"keys": [*own, *keys]}))
        return self.jwks_file

    def account(
        self, role: Role, *, lifetime_s: int = 3600, account_id: UUID | None = None, **place: Any
    ) -> TestAccount:
        """An account with this role and place, and a token that speaks for it."""
        account_id = account_id or uuid4()
        token = self.token(account_id, lifetime_s=lifetime_s)
        return TestAccount(account_id=account_id, role=role, token=token, **place)

    def token(
        self,
        account_id: UUID,
        *,
        audience: Sequence[str] = SERVICES,
        lifetime_s: int = 3600,
    ) -> str:
        """A signed token for an account."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": list(audience),
            "sub": str(account_id),
            "iat": now,
            "exp": now + lifetime_s,
        }
        header = {"alg": ALGORITHM, "kid": "test"}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])
