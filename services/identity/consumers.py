"""Identity listens to nobody; the platform's own `identity.access` shuts accounts out."""

from shared.platform.consumer import Consumer

CONSUMERS: tuple[Consumer, ...] = ()
