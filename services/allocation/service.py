"""The allocation service put together."""

import threading

from services.allocation.api.routes import router
from services.allocation.consumers import CONSUMER
from services.allocation.domain.planning import warm_up
from services.allocation.settings import Settings
from services.allocation.usecases.campaigns import ENROL, run_enrolment
from services.allocation.usecases.planning import SOLVE
from services.allocation.usecases.publishing import PUBLISH, run_publication
from services.allocation.usecases.solving import run_solving
from shared.platform.approvals import approvals_consumer
from shared.platform.database import Database
from shared.platform.service import Service
from shared.platform.settings import ServiceSettings


async def _warm_up(_database: Database, _settings: ServiceSettings) -> None:
    """Compile the kernel in the background: nobody waits for it, neither here nor later."""
    threading.Thread(target=warm_up, daemon=True).start()


SERVICE = Service(
    name="allocation",
    title="分配与联系人",
    settings=Settings,
    router=router,
    consumers=(CONSUMER, approvals_consumer("allocation")),
    on_start=_warm_up,
    jobs={ENROL: run_enrolment, SOLVE: run_solving, PUBLISH: run_publication},
)
