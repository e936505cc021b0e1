"""Identity over HTTP, one file per matter."""

from fastapi import APIRouter

from services.identity.api import accounts, approvals, clients, elsewhere, sessions

router = APIRouter(tags=["identity"])
for part in (sessions, elsewhere, clients, accounts, approvals):
    router.include_router(part.router)
