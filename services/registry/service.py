"""The registry put together."""

from fastapi import APIRouter

from services.registry.api import (
    assessment_routes,
    directory_routes,
    doubtful_routes,
    erasure_routes,
    life_routes,
    map_routes,
    routes,
    search_routes,
    vault_routes,
    vintage_routes,
)
from services.registry.consumers import CONSUMER, LISTS, LOANS
from services.registry.settings import Settings
from services.registry.usecases.assessing import run_assessment
from services.registry.usecases.erasing import forget_old_uploads, remove_uploads
from services.registry.usecases.exporting import remove_old_exports, run_export
from services.registry.usecases.importing import import_given_up, run_import
from services.registry.usecases.regions import run_move
from services.registry.usecases.searching import spell_names
from shared.platform.service import Service

ROUTER = APIRouter()
for each in (
    vault_routes,
    erasure_routes,
    life_routes,
    doubtful_routes,
    assessment_routes,
    directory_routes,
    map_routes,
    search_routes,
    vintage_routes,
    routes,
):
    ROUTER.include_router(each.router)

SERVICE = Service(
    name="registry",
    title="银企对接平台 · 名录服务",
    settings=Settings,
    router=ROUTER,
    consumers=(CONSUMER, LISTS, LOANS),
    jobs={
        "import": run_import,
        "remove_uploads": remove_uploads,
        "assess": run_assessment,
        "spell": spell_names,
        "export": run_export,
        "move_border": run_move,
    },
    endings={"import": import_given_up},
    chores=(forget_old_uploads, remove_old_exports),
)
