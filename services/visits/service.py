"""The visits service put together."""

from services.visits.api.routes import router
from services.visits.consumers import CONSUMER
from services.visits.settings import Settings
from shared.platform.approvals import approvals_consumer
from shared.platform.service import Service

SERVICE = Service(
    name="visits",
    title="走访与需求",
    settings=Settings,
    router=router,
    consumers=(CONSUMER, approvals_consumer("visits")),
)
