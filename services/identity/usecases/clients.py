"""Machine clients: open, change their keys, and let them in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.identity.domain import assertions, passwords
from services.identity.domain.assertions import refused
from services.identity.domain.model import Account, place_errors
from services.identity.store import accounts, clients
from services.identity.store.clients import Client
from services.identity.usecases.accounts import say_opened
from shared.contracts.identity import Role
from shared.kernel.certificates import thumbprint
from shared.kernel.errors import BadInput, NotFound
from shared.kernel.ids import new_id
from shared.platform.clock import unix_now
from shared.platform.database import Database, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClient:
    """Open a machine client, such as a bank's core system; with public keys it has no secret."""

    name: str
    role: Role
    institution_id: UUID | None
    jwks: Mapping[str, Any] | None = None
    certificates: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class OpenedClient:
    """The client's name and, where it registered no keys, its secret, shown once."""

    client_id: str
    client_secret: str | None
    account_id: UUID


async def open_client(command: OpenClient, tx: Transaction) -> OpenedClient:
    """Open a machine client.

    Raises: BadInput `client.role`, `client.keys`, `client.certificate`.
    """
    _must_be_core(command)
    account_id = new_id()
    client_id = f"core-{account_id.hex[-12:]}"
    secret = passwords.new_secret() if command.jwks is None else None
    account = Account(
        account_id=account_id,
        username=client_id,
        role=command.role,
        institution_id=command.institution_id,
        outlet_id=None,
        staff_id=None,
        region_code=None,
        active=True,
    )
    client = Client(
        client_id=client_id,
        account_id=account_id,
        name=command.name,
        secret_hash=passwords.digest(secret) if secret else None,
        jwks=None if command.jwks is None else assertions.public_keys(command.jwks),
        certificates=[thumbprint(pem) for pem in command.certificates],
    )
    await accounts.insert(tx.connection, [account], tx.now)
    await clients.add(tx.connection, client, tx.now)
    say_opened(account, tx)
    tx.audit("client.opened", account_id, after={"client_id": client_id})
    return OpenedClient(client_id, secret, account_id)


def _must_be_core(command: OpenClient) -> None:
    errors = place_errors(
        command.role,
        institution_id=command.institution_id,
        outlet_id=None,
        staff_id=None,
        region_code=None,
        enterprise_id=None,
    )
    if command.role != "bank_core" or errors:
        raise BadInput("client.role", "机器客户端须为 bank_core 并指明所属机构", errors=errors)


@dataclass(frozen=True, slots=True)
class ChangeKeys:
    """The public keys and certificates that a client has from now on, all of them."""

    client_id: str
    jwks: Mapping[str, Any]
    certificates: Sequence[str]


async def change_keys(command: ChangeKeys, tx: Transaction) -> Client:
    """Replace a client's keys: with the old and the new one in the set, both are good meanwhile.

    Raises: NotFound `client.unknown`; BadInput `client.keys`, `client.certificate`.
    """
    found = await clients.find(tx.connection, command.client_id)
    foreign = tx.principal.role == "bank_head" and (
        found is not None and found.institution_id != tx.principal.institution_id
    )
    if found is None or foreign:
        raise NotFound("client.unknown", "没有这个客户端")
    jwks = assertions.public_keys(command.jwks)
    prints = [thumbprint(pem) for pem in command.certificates]
    await clients.change(tx.connection, found.client_id, jwks=jwks, certificates=prints)
    names = [str(key.get("kid", "")) for key in jwks["keys"]]
    tx.audit("client.keys_changed", found.account_id, after={"keys": names, "certificates": prints})
    return replace(found, jwks=jwks, certificates=prints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a client brought: an assertion or a secret, and its certificate where TLS asked for it.

    `certificate` is PEM, only ever from the gateway's own check.
    """

    client_id: str = ""
    secret: str = ""
    assertion: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A client that proved who it is, and the certificate its token is to be bound to."""

    account: Account
    certificate: str | None


async def admit(database: Database, given: Presented, audiences: Sequence[str]) -> Admitted:
    """Check a client's credentials.

    Raises: Refused `client.credentials`, the same for everything that is wrong.
    """
    claimed = assertions.claimed_client(given.assertion) if given.assertion else given.client_id
    if given.client_id and given.client_id != claimed:
        raise refused()
    async with database.read() as tx:
        found = await clients.find(tx.connection, claimed)
    if found is None or not found.active:
        raise refused()
    if given.assertion:
        await _check_assertion(database, found, given.assertion, audiences)
    elif not passwords.same(found.secret_hash, passwords.digest(given.secret)):
        raise refused()
    bound = thumbprint(given.certificate) if given.certificate else None
    if found.certificates and bound not in found.certificates:
        raise refused()
    async with database.read() as tx:
        account = await accounts.by_id(tx.connection, found.account_id)
    if account is None:
        raise refused()
    return Admitted(account, bound)


async def _check_assertion(
    database: Database, client: Client, assertion: str, audiences: Sequence[str]
) -> None:
    if not client.jwks:
        raise refused()
    checked = assertions.check(
        assertion,
        client_id=client.client_id,
        keys=client.jwks,
        audiences=audiences,
        unix=unix_now(),
    )
    async with database.transaction() as tx:
        jti_hash = passwords.digest(checked.jti)
        fresh = await clients.use_assertion(tx.connection, client.client_id, jti_hash, checked.exp)
        if not fresh:
            tx.audit("client.assertion_replayed", client.account_id)
    if not fresh:
        raise refused()
