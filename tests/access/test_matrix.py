"""S03: the permission matrix decides, for every operation and every role; what it does not name is
refused. Walks the services' own routes, so a new route is in the walk from its first day."""

import re
from typing import Any, get_args
from uuid import uuid4

import pytest

from deploy.docs.permissions_page import PAGE, page
from shared.contracts.identity import Role
from shared.kernel import permissions
from shared.platform.access import May, Public
from shared.platform.settings import SERVICES
from tests.access.operations import served
from tests.platform.test_hostile_input import document
from tests.support.stack import Stack

PLACE: dict[str, dict[str, Any]] = {
    "bureau": {"region_code": "320500"},
    "st_bureau": {"region_code": "320500"},
    "bank_head": {"institution_id": uuid4()},
    "bank_core": {"institution_id": uuid4()},
    "branch_head": {"institution_id": uuid4(), "outlet_id": uuid4(), "staff_id": uuid4()},
    "relationship_manager": {"institution_id": uuid4(), "outlet_id": uuid4(), "staff_id": uuid4()},
    "enterprise": {"enterprise_id": uuid4()},
}


@pytest.mark.parametrize("service", SERVICES)
def test_S03_every_route_declares_what_it_needs(service: str) -> None:
    silent = [f"{one.method} {one.path}" for one in served(service) if len(one.needs) != 1]
    assert silent == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_walk_sees_every_operation_that_the_service_documents(service: str) -> None:
    """Guards the tests beside it: over no routes at all, every one of them would pass."""
    shown = {
        (method.upper(), path)
        for path, methods in document(service)["paths"].items()
        for method in methods
    }
    walked = {(one.method, one.path) for one in served(service)}
    assert len(shown) > 10
    assert shown <= walked


def test_every_role_of_the_contract_is_in_the_matrix() -> None:
    assert set(permissions.roles()) == set(get_args(Role))


def test_every_grant_is_used_by_some_route() -> None:
    used = {
        (need.resource, need.action)
        for name in SERVICES
        for one in served(name)
        for need in one.needs
        if isinstance(need, May)
    }
    granted = {
        (code, action) for code, one in permissions.resources().items() for action in one.actions()
    }
    assert used == granted


@pytest.mark.parametrize("service", SERVICES)
async def test_S03_each_role_may_do_what_the_matrix_names_and_nothing_else(
    everything: Stack, service: str
) -> None:
    cells, wrong = 0, list[str]()
    prefix = f"/api/{service}/v1"
    for role in get_args(Role):
        caller = everything.caller(service, role, **PLACE.get(role, {}))
        for one in served(service):
            if any(isinstance(need, Public) for need in one.needs):
                continue
            path = re.sub(r"\{[^}]+\}", str(uuid4()), one.path).removeprefix(prefix)
            answer = await caller(one.method, path)
            refused = answer.status_code == 403 and answer.json()["code"] == "access.role"
            may = role in one.granted
            cells += 1
            if refused == may or answer.status_code in (401, 500):
                wrong.append(f"{role} {one.method} {path}: {answer.status_code}, matrix {may}")
    assert cells >= 10 * len(get_args(Role))
    print(f"{service}: {cells} cells of operation x role, {len(wrong)} wrong")
    assert wrong == []


def test_the_kept_page_says_what_the_matrix_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
