"""Identity, put together."""

from typing import cast

from services.identity.api.routes import router
from services.identity.consumers import CONSUMERS
from services.identity.keys import sealer_of, signer_of
from services.identity.settings import Settings
from services.identity.usecases.accounts import ensure_admin
from shared.platform.database import Database
from shared.platform.service import Service
from shared.platform.settings import ServiceSettings


async def _on_start(database: Database, settings: ServiceSettings) -> None:
    own = cast("Settings", settings)
    signer_of(own)
    sealer_of(own)
    if own.admin_password:
        await ensure_admin(database, own.admin_password)


SERVICE = Service(
    name="identity",
    title="银企平台 · 身份",
    settings=Settings,
    router=router,
    consumers=CONSUMERS,
    on_start=_on_start,
)
