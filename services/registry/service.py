"""The registry put together."""

from services.registry.api import (
    assessment_routes,
    directory_routes,
    map_routes,
    search_routes,
    vintage_routes,
)
from services.registry.api.routes import router
from services.registry.consumers import CONSUMER, LISTS, LOANS
from services.registry.settings import Settings
from services.registry.usecases.assessing import run_assessment
from services.registry.usecases.exporting import run_export
from services.registry.usecases.importing import run_import
from services.registry.usecases.regions import run_move
from services.registry.usecases.searching import spell_names
from shared.platform.service import Service

for more in (assessment_routes, directory_routes, map_routes, search_routes, vintage_routes):
    router.include_router(more.router)

SERVICE = Service(
    name="registry",
    title="银企对接平台 · 名录服务",
    settings=Settings,
    router=router,
    consumers=(CONSUMER, LISTS, LOANS),
    jobs={
        "import": run_import,
        "assess": run_assessment,
        "spell": spell_names,
        "export": run_export,
        "move_border": run_move,
    },
)
