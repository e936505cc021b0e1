"""A yardstick for the rebuild: the projection runner of the `eventsourcing` library on PostgreSQL.

The projection is as small as one can be: a counter per county, with the library's tracking in the
same transaction. Events are saved a hundred at a time, and are there before the runner starts.
"""

from typing import Any

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from benchmarks.side import Watch
from shared.platform.embedded.databases import Server

DATABASE = "library"


class Borrower(Aggregate):
    """An enterprise that draws money."""

    @event("Drawn")
    def draw(self, region_code: str, amount_fen: int) -> None:
        self.total_fen = getattr(self, "total_fen", 0) + amount_fen
        self.region_code = region_code


class Bank(Application[Any]):
    """The writing side."""


class Totals(PostgresTrackingRecorder):
    """The view: one row per county."""

    def __init__(self, datastore: PostgresDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        self.sql_create_statements.append(
            SQL("create table if not exists totals (region text primary key, fen bigint not null)")
        )

    def add(self, region: str, fen: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "insert into totals as t values (%s, %s)"
                " on conflict (region) do update set fen = t.fen + excluded.fen",
                (region, fen),
                prepare=True,
            )


class Summing(Projection[Totals]):
    """The projection."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        drawn = isinstance(domain_event, Borrower.Drawn)  # pyright: ignore[reportAttributeAccessIssue]
        region = domain_event.region_code if drawn else "none"
        self.view.add(region, domain_event.amount_fen if drawn else 0, tracking)


def projection_rate(server: Server, events: int) -> float:
    """Events a second of the runner, over `events` events."""
    admin = server.url("postgres", "postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"drop database if exists {DATABASE}")
        connection.execute(f"create database {DATABASE}")
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": DATABASE,
        "POSTGRES_HOST": server.host,
        "POSTGRES_PORT": str(server.port),
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD": server.password("postgres"),
    }
    bank = Bank(env=environment)
    last = _save(bank, events)
    watch = Watch()
    with ProjectionRunner(
        application_class=Bank, projection_class=Summing, view_class=Totals, env=environment
    ) as runner:
        runner.wait(last, timeout=600)
        seconds = watch.read()
    bank.close()
    return last / seconds


def _save(bank: Bank, events: int) -> int:
    last = 0
    for start in range(0, events, 100):
        borrower = Borrower()
        for number in range(99):
            borrower.draw(f"3205{(start + number) % 12:02d}", 1_000_000)
        last = max(recording.notification.id for recording in bank.save(borrower))
    return last
