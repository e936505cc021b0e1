"""What an operator watches: applied, duplicate, unknown and parked events, outbox depth, lag."""

from prometheus_client import Counter, Gauge

APPLIED = Counter("yinqi_events_applied", "Events whose effect was committed", ["consumer"])
DUPLICATES = Counter("yinqi_events_duplicate", "Events seen before and dropped", ["consumer"])
UNKNOWN = Counter("yinqi_events_unknown", "Events of a type this build does not know", ["consumer"])
PARKED = Counter("yinqi_events_parked", "Events set aside with their key", ["consumer"])
NEWEST = Gauge(
    "yinqi_consumer_newest_seconds",
    "Knowledge time of the newest event applied",
    ["consumer"],
)
OUTBOX_DEPTH = Gauge("yinqi_outbox_depth", "Committed events not yet in the event log", ["service"])
PARKED_NOW = Gauge("yinqi_parked_now", "Events parked now", ["service"])
LAG = Gauge("yinqi_consumer_lag", "Events in the logs not yet applied", ["consumer"])
REQUESTS = Counter("yinqi_http_requests", "HTTP requests", ["service", "route", "status"])
