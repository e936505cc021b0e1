"""Every operation of every service as the services themselves have it, and what each needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from shared.kernel import permissions
from shared.platform.access import May, Public
from shared.platform.openapi import routes_of
from shared.platform.service import create_app
from shared.platform.settings import PlatformSettings
from tests.support.stack import service_named


@dataclass(frozen=True, slots=True)
class Served:
    """A route of a service with one of its methods; `needs` is what it declares."""

    service: str
    method: str
    path: str
    needs: tuple[May | Public, ...]

    @property
    def granted(self) -> frozenset[str]:
        """The roles to which the matrix gives it; all of them where it is public."""
        (need,) = self.needs
        if isinstance(need, Public):
            return frozenset(permissions.roles())
        return frozenset(one.code for one in permissions.roles_with(need.resource, need.action))


@cache
def served(name: str) -> tuple[Served, ...]:
    """Every operation of a service, from the routers it is made of."""
    return tuple(_served(name))


def _served(name: str) -> Iterator[Served]:
    service = service_named(name)
    app = create_app(service, PlatformSettings(simulation=True))
    for route in routes_of([app.router]):
        guards = [one.dependency for one in route.dependencies]
        needs = tuple(one for one in guards if isinstance(one, May | Public))
        for method in sorted(route.methods or ()):
            yield Served(name, method, service.prefix + route.path, needs)
