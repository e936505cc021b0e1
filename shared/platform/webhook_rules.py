"""Where webhooks may go, and how they are signed.

Secrets are derived from one key of the service and stand in no table.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from shared.kernel.errors import BadInput, FieldError


@dataclass(frozen=True, slots=True)
class Rules:
    """Where messages may go. `key` derives the secrets; without it webhooks are off.

    `hosts` are the host names that the operator allows, a leading dot for a whole domain;
    `networks` are private networks (a leased line to a bank) that are allowed beside public
    addresses; `loopback` lets plain HTTP reach this machine, for tests only.
    """

    key: str
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    loopback: bool = False

    @classmethod
    def of(cls, settings: Any) -> "Rules":
        """From a service's settings."""
        return cls(
            settings.webhook_key or "",
            tuple(settings.webhook_hosts.split()),
            tuple(settings.webhook_networks.split()),
            loopback=settings.webhook_loopback,
        )


def secret_of(rules: Rules, webhook_id: UUID, generation: int) -> bytes:
    """The secret of one generation of a subscription: 32 bytes, known to nobody without the key."""
    told = f"webhook:{webhook_id}:{generation}".encode()
    return hmac.digest(rules.key.encode(), told, hashlib.sha256)


def shown(secret: bytes) -> str:
    """How a secret is handed over."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def sign(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature per valid secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(secret, signed, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def check_address(url: str, rules: Rules) -> str:
    """The host of an allowed address.

    Raises: BadInput `webhook.address`.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise _bad("地址无效") from error
    if rules.loopback and parts.scheme == "http" and host in ("127.0.0.1", "localhost"):
        return host
    if parts.scheme != "https":
        raise _bad("须为 https 地址")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _bad("地址中不能有用户名、密码或片段")
    if port not in (None, 443, 8443):
        raise _bad("端口须为 443 或 8443")
    if not any(host == each or (each[:1] == "." and host.endswith(each)) for each in rules.hosts):
        raise _bad("该域名未经平台许可,请联系平台管理员登记")
    return host


def _bad(why: str) -> BadInput:
    error = FieldError("url", "webhook.address", why)
    return BadInput("webhook.address", "推送地址不被接受", why, errors=[error])


async def resolve(host: str, port: int, rules: Rules) -> str:
    """The address to connect to; refused if any address of the name is not allowed.

    A name is resolved once and the connection goes to that very address, so that a name cannot
    point elsewhere a moment later.
    Raises: OSError, where it does not resolve; PermissionError, where an address is not allowed.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    networks = [ipaddress.ip_network(each) for each in rules.networks]
    for address in addresses:
        plain = getattr(address, "ipv4_mapped", None) or address
        loopback = rules.loopback and plain.is_loopback
        leased = any(plain.version == each.version and plain in each for each in networks)
        if not (loopback or leased or (plain.is_global and not plain.is_multicast)):
            raise PermissionError(f"{host} is not a public address")
    return str(addresses[0])
