"""What a route needs: every route declares one action on one resource, or that it is public.

    @router.post("/visits", dependencies=[may("visit", "create")])

The guard runs before anything else of the route. It decides by role (functions); whose rows a
caller sees is decided by scoped queries and, below them, by the database's row policies.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import Depends

from shared.kernel import permissions
from shared.kernel.errors import Refused
from shared.platform.web import Who


@dataclass(frozen=True)
class May:
    """The guard of a route: refuses every role that the matrix does not name."""

    resource: str
    action: str

    async def __call__(self, caller: Who) -> None:
        """Refuse a caller whose role may not do this.

        Raises: Refused `access.role`.
        """
        if caller.role and permissions.scope_of(caller.role, self.resource, self.action):
            return
        able = "、".join(role.title for role in permissions.roles_with(self.resource, self.action))
        raise Refused("access.role", "当前账号没有此项权限", f"此操作需要的角色:{able}")


@dataclass(frozen=True)
class Public:
    """Marks a route that works without a signed-in caller."""

    async def __call__(self) -> None:
        """Let everyone pass."""


def may(resource: str, action: str) -> Any:
    """The declaration of a guarded route.

    Raises: LookupError at import, where the matrix grants this to nobody.
    """
    next(permissions.roles_with(resource, action))
    return Depends(May(resource, action))


def public() -> Any:
    """The declaration of a route that is open to everyone."""
    return Depends(Public())
