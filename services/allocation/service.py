"""The allocation service put together."""

from services.allocation.api.routes import router
from services.allocation.consumers import CONSUMER
from services.allocation.settings import Settings
from services.allocation.usecases.campaigns import ENROL, run_enrolment
from services.allocation.usecases.planning import SOLVE, run_solving
from services.allocation.usecases.publishing import PUBLISH, run_publication
from shared.platform.service import Service

SERVICE = Service(
    name="allocation",
    title="分配与联系人",
    settings=Settings,
    router=router,
    consumers=(CONSUMER,),
    jobs={ENROL: run_enrolment, SOLVE: run_solving, PUBLISH: run_publication},
)
