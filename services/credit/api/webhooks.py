"""Webhooks over HTTP: what a bank's own system is told of, and where."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from shared.platform import webhooks
from shared.platform.access import may
from shared.platform.web import In, Limit, Out, Run
from shared.platform.webhook_rules import Rules

EventType = Literal["EnterpriseAssigned", "EnterpriseUnassigned", "ApplicationDecided"]

router = APIRouter(tags=["webhooks"])


class WebhookIn(In):
    """Where to, and which events of the caller's institution."""

    url: Annotated[str, Field(max_length=500, pattern=r"^[!-~]+$")]
    event_types: Annotated[list[EventType], Field(min_length=1, max_length=3)]


class WebhookOut(Out):
    """A subscription."""

    webhook_id: UUID
    url: str
    event_types: list[str]
    active: bool
    created_at: datetime


class SubscribedOut(WebhookOut):
    """A subscription with its secret, which is shown once."""

    secret: str

    @classmethod
    def of(cls, made: webhooks.Subscribed) -> "SubscribedOut":
        """From the use case's result."""
        shown = WebhookOut.model_validate(made.webhook)
        return cls(**shown.model_dump(), secret=made.secret)


class WebhooksOut(Out):
    """The institution's subscriptions."""

    items: list[WebhookOut]


class DeliveryOut(Out):
    """A message: waiting, delivered or given_up; `last_status` is the receiver's answer."""

    delivery_id: UUID
    type: str
    state: str
    attempts: int
    next_at: datetime
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


class DeliveriesOut(Out):
    """The latest messages."""

    items: list[DeliveryOut]


@router.post(
    "/webhooks",
    status_code=201,
    response_model=SubscribedOut,
    dependencies=[may("webhook", "create")],
)
async def post_webhook(body: WebhookIn, run: Run) -> Response:
    """登记事件推送地址;密钥只显示一次。"""
    rules = Rules.of(run.settings)
    command = webhooks.Subscribe(body.url, list(dict.fromkeys(body.event_types)), rules)
    return await run(webhooks.subscribe, command, answer=SubscribedOut.of, status=201)


@router.get("/webhooks", dependencies=[may("webhook", "read")])
async def get_webhooks(run: Run) -> WebhooksOut:
    """本机构的推送地址。"""
    found = await run.read(webhooks.webhooks)
    return WebhooksOut(items=[WebhookOut.model_validate(each) for each in found])


@router.post(
    "/webhooks/{webhook_id}/rotate",
    response_model=SubscribedOut,
    dependencies=[may("webhook", "update")],
)
async def post_webhook_rotation(webhook_id: UUID, run: Run) -> Response:
    """更换密钥;旧密钥在一天内仍同时签名。"""
    command = (webhook_id, Rules.of(run.settings))
    return await run(webhooks.rotate, command, answer=SubscribedOut.of)


@router.post(
    "/webhooks/{webhook_id}/ping",
    status_code=202,
    response_model=WebhookOut,
    dependencies=[may("webhook", "update")],
)
async def post_webhook_ping(webhook_id: UUID, run: Run) -> Response:
    """发送一条 Ping,供银行核对验签。"""
    return await run(webhooks.ping, webhook_id, answer=WebhookOut.model_validate, status=202)


@router.delete(
    "/webhooks/{webhook_id}",
    response_model=WebhookOut,
    dependencies=[may("webhook", "update")],
)
async def delete_webhook(webhook_id: UUID, run: Run) -> Response:
    """停止推送;尚未送达的不再发送。"""
    return await run(webhooks.close, webhook_id, answer=WebhookOut.model_validate)


@router.get("/webhooks/{webhook_id}/deliveries", dependencies=[may("webhook", "read")])
async def get_webhook_deliveries(webhook_id: UUID, run: Run, limit: Limit = 100) -> DeliveriesOut:
    """最近的推送及其结果。"""
    found = await run.read(webhooks.deliveries, webhook_id, limit)
    return DeliveriesOut(items=[DeliveryOut.model_validate(each) for each in found])
