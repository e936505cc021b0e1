"""S03: the permission matrix decides, for every operation and every role; what it does not name is
refused. Walks the services' own routes, so a new route is in the walk from its first day."""

import re
from collections.abc import Iterator
from typing import Any, get_args
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from deploy.docs.permissions_page import PAGE, page
from shared.contracts.identity import Role
from shared.kernel import permissions
from shared.platform.access import May, Public
from shared.platform.service import create_app
from shared.platform.settings import SERVICES, PlatformSettings
from tests.support.stack import Stack, service_named

PLACE: dict[str, dict[str, Any]] = {
    "bureau": {"region_code": "320500"},
    "st_bureau": {"region_code": "320500"},
    "bank_head": {"institution_id": uuid4()},
    "bank_core": {"institution_id": uuid4()},
    "branch_head": {"institution_id": uuid4(), "outlet_id": uuid4(), "staff_id": uuid4()},
    "relationship_manager": {"institution_id": uuid4(), "outlet_id": uuid4(), "staff_id": uuid4()},
    "enterprise": {"enterprise_id": uuid4()},
}


def operations(name: str) -> Iterator[tuple[APIRoute, str]]:
    """Every route of a service with each of its methods."""
    app = create_app(service_named(name), PlatformSettings(simulation=True))
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield from ((route, method) for method in sorted(route.methods))


def declared(route: APIRoute) -> list[May | Public]:
    """What a route declares that it needs."""
    kinds = (May, Public)
    return [one.dependency for one in route.dependencies if isinstance(one.dependency, kinds)]


@pytest.mark.parametrize("service", SERVICES)
def test_S03_every_route_declares_what_it_needs(service: str) -> None:
    silent = [
        f"{method} {route.path}"
        for route, method in operations(service)
        if len(declared(route)) != 1
    ]
    assert silent == []


def test_every_role_of_the_contract_is_in_the_matrix() -> None:
    assert set(permissions.roles()) == set(get_args(Role))


def test_every_grant_is_used_by_some_route() -> None:
    used = {
        (need.resource, need.action)
        for name in SERVICES
        for route, _ in operations(name)
        for need in declared(route)
        if isinstance(need, May)
    }
    granted = {
        (code, action) for code, one in permissions.resources().items() for action in one.actions()
    }
    assert used <= granted


@pytest.mark.parametrize("service", SERVICES)
async def test_S03_each_role_may_do_what_the_matrix_names_and_nothing_else(
    everything: Stack, service: str
) -> None:
    cells, wrong = 0, list[str]()
    for role in get_args(Role):
        caller = everything.caller(service, role, **PLACE.get(role, {}))
        for route, method in operations(service):
            (need,) = declared(route)
            if isinstance(need, Public):
                continue
            prefix = f"/api/{service}/v1"
            path = re.sub(r"\{[^}]+\}", str(uuid4()), route.path).removeprefix(prefix)
            answer = await caller(method, path)
            refused = answer.status_code == 403 and answer.json()["code"] == "access.role"
            may = permissions.scope_of(role, need.resource, need.action) is not None
            cells += 1
            if refused == may or answer.status_code in (401, 500):
                wrong.append(f"{role} {method} {route.path}: {answer.status_code}, matrix {may}")
    print(f"{service}: {cells} cells of operation x role, {len(wrong)} wrong")
    assert wrong == []


def test_the_kept_page_says_what_the_matrix_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
