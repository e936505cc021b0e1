"""The registry put together."""

from fastapi import APIRouter

from services.registry.api import doubtful_routes, erasure_routes, life_routes, routes, vault_routes
from services.registry.consumers import CONSUMER
from services.registry.settings import Settings
from services.registry.usecases.erasing import forget_old_uploads, remove_uploads
from services.registry.usecases.importing import run_import
from shared.platform.service import Service

ROUTER = APIRouter()
for each in (vault_routes, erasure_routes, life_routes, doubtful_routes, routes):
    ROUTER.include_router(each.router)

SERVICE = Service(
    name="registry",
    title="银企对接平台 · 名录服务",
    settings=Settings,
    router=ROUTER,
    consumers=(CONSUMER,),
    jobs={"import": run_import, "remove_uploads": remove_uploads},
    chores=(forget_old_uploads,),
)
