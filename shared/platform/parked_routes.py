"""Parked events over HTTP, the same in every service: look at them, and have them tried again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from shared.kernel.errors import NotFound
from shared.platform.access import may
from shared.platform.database import Transaction
from shared.platform.jobs import start_job
from shared.platform.parked import RETRY_JOB, list_parked
from shared.platform.web import In, Limit, Out, Run

_Consumer = Annotated[str, Query(max_length=120, description="只看此消费者;不填则全部")]


class ParkedOut(Out):
    """One event set aside: where it stands, why, how often it was tried.

    `payload` is the event as it was sent; it names no person.
    """

    consumer: str
    topic: str
    part: int
    off: int
    key: str
    seq: int
    error: str
    attempts: int
    parked_at: datetime
    known_at: datetime
    payload: str


class ParkedPage(Out):
    """Parked events, those of a key in the order in which they must be applied."""

    items: list[ParkedOut]
    total: int


class ParkedRetryIn(In):
    """Which consumer's parked events to try again; empty: every consumer's."""

    consumer: str = ""


class ParkedRetryOut(Out):
    """The job that tries them again; its result has `done` and `left`."""

    job_id: UUID


def parked_routes(consumers: tuple[str, ...]) -> APIRouter:
    """The routes of a service that has these consumers."""
    router = APIRouter(tags=["platform"])

    @router.get("/parked", dependencies=[may("parked_event", "read")])
    async def get_parked(run: Run, consumer: _Consumer = "", limit: Limit = 100) -> ParkedPage:
        """搁置的事件:同一对象后面的事件等它,其他对象照常。"""
        rows, total = await run.read(list_parked, consumer, limit)
        return ParkedPage(items=[ParkedOut.model_validate(row) for row in rows], total=total)

    @router.post(
        "/parked:retry",
        dependencies=[may("parked_event", "retry")],
        status_code=202,
        response_model=ParkedRetryOut,
    )
    async def retry_parked_events(body: ParkedRetryIn, run: Run) -> Response:
        """按顺序重试搁置的事件;结果见返回的任务。"""
        return await run(
            _start_retry, body, answer=lambda job: ParkedRetryOut(job_id=job), status=202
        )

    async def _start_retry(command: ParkedRetryIn, tx: Transaction) -> UUID:
        if command.consumer and command.consumer not in consumers:
            raise NotFound("parked.consumer", "没有这个消费者", f"可选:{'、'.join(consumers)}")
        job_id = await start_job(tx, RETRY_JOB, {"consumer": command.consumer})
        tx.audit("parked.retried", command.consumer or "all")
        return job_id

    return router
