"""Two tiny services to be killed: one books amounts and tells of them, one sums them up.

They are ordinary `Service` objects, served and worked by the product's own loops in processes of
their own: `python -m tests.faults.program serve|work credit|reporting`. Neither guards itself
against doing a thing twice: that is what the platform promises.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import uvloop
from fastapi import APIRouter, Response
from pydantic_settings import SettingsConfigDict
from sqlalchemy import text

from shared.contracts.credit import RepaymentBooked
from shared.contracts.event import Received
from shared.kernel.ids import derived_id
from shared.platform.consumer import Consumer
from shared.platform.database import Transaction
from shared.platform.logging import configure
from shared.platform.service import Service, serve, work
from shared.platform.settings import PlatformSettings, ServiceSettings
from shared.platform.web import In, Out, Run

CREDIT_TABLES = """
create table booked (id uuid not null, key text not null, amount bigint not null);
create table booked_account (key text primary key, total bigint not null, n bigint not null);
"""
REPORTING_TABLES = """
create table had (id uuid not null, event_id uuid not null, key text not null);
create table sums (key text primary key, total bigint not null, n bigint not null);
"""


class CreditSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="CREDIT_", extra="ignore")


class ReportingSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="REPORTING_", extra="ignore")


@dataclass(frozen=True, slots=True)
class Book:
    id: UUID
    number: int
    amount_fen: int


async def book(command: Book, tx: Transaction) -> Book:
    """Add to an account, and say so."""
    enterprise_id = derived_id("enterprise", str(command.number))
    row = {"key": str(enterprise_id), "amount": command.amount_fen, "id": command.id}
    await tx.connection.execute(
        text(
            "insert into booked_account as a values (:key, :amount, 1) on conflict (key) do update"
            " set total = a.total + excluded.total, n = a.n + 1"
        ),
        row,
    )
    await tx.connection.execute(text("insert into booked values (:id, :key, :amount)"), row)
    tx.emit(
        RepaymentBooked(
            repayment_id=command.id,
            loan_id=command.id,
            enterprise_id=enterprise_id,
            institution_id=command.id,
            outlet_id=command.id,
            principal_fen=command.amount_fen,
            repaid_on=date(2022, 9, 1),
        )
    )
    return command


class BookIn(In):
    id: UUID
    number: int
    amount_fen: int


class BookOut(Out):
    id: UUID


router = APIRouter()


@router.post("/bookings", status_code=201)
async def post_booking(body: BookIn, run: Run) -> Response:
    return await run(
        book, Book(body.id, body.number, body.amount_fen), answer=BookOut.model_validate, status=201
    )


async def add(received: Received, tx: Transaction) -> None:
    """Add to the sum of the key; done twice, it shows."""
    event = received.event
    assert isinstance(event, RepaymentBooked)
    row = {"key": received.key, "amount": event.principal_fen}
    await tx.connection.execute(
        text(
            "insert into sums values (:key, :amount, 1) on conflict (key) do update"
            " set total = sums.total + excluded.total, n = sums.n + 1"
        ),
        row,
    )
    await tx.connection.execute(
        text("insert into had values (:id, :event_id, :key)"),
        {"id": event.repayment_id, "event_id": received.id, "key": received.key},
    )


SUMS = Consumer("reporting.sums", ("credit.events",), {RepaymentBooked: add})
CREDIT = Service(name="credit", title="credit", settings=CreditSettings, router=router)
REPORTING = Service(
    name="reporting",
    title="reporting",
    settings=ReportingSettings,
    router=APIRouter(),
    consumers=(SUMS,),
)


def main(role: str, name: str) -> None:
    """Run one role of one service until killed."""
    service = {"credit": CREDIT, "reporting": REPORTING}[name]
    configure(service=f"{role}-{name}", level=PlatformSettings().log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(service) if role == "serve" else work(service))


if __name__ == "__main__":
    main(*sys.argv[1:])
