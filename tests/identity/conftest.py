"""Servers of others, as processes, and the settings that point identity at them."""

import json
from collections.abc import Iterator

import pytest

from services.identity.settings import Settings
from tests.fakes import oidc, processes, wechat
from tests.support.stack import Stack

PUBLIC = "http://yinqi.test"


@pytest.fixture(scope="session")
def wechat_address() -> Iterator[str]:
    """The fake of WeChat's servers."""
    port = processes.free_port()
    with processes.running(
        "-m", "tests.fakes.wechat", str(port), port=port, health="/_test/seen"
    ) as address:
        yield address


def settings_of(stack: Stack) -> Settings:
    """The settings object that the running app uses."""
    app = stack._clients["identity"]._transport.app  # type: ignore[attr-defined]
    settings: Settings = app.state.settings
    return settings


@pytest.fixture
def wechat_on(stack: Stack, wechat_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Identity, set to the fake official account."""
    settings = settings_of(stack)
    for name, value in {
        "public_url": PUBLIC,
        "wechat_app_id": wechat.APP_ID,
        "wechat_secret": wechat.SECRET,
        "wechat_open_url": wechat_address,
        "wechat_api_url": wechat_address,
    }.items():
        monkeypatch.setattr(settings, name, value)
    return wechat_address


@pytest.fixture(scope="session")
def issuer_address() -> Iterator[str]:
    """A foreign issuer of our own making, strict and able to lie."""
    port = processes.free_port()
    health = "/.well-known/openid-configuration"
    with processes.running(
        "-m", "tests.fakes.oidc", str(port), port=port, health=health
    ) as address:
        yield address


@pytest.fixture(scope="session")
def others_issuer_address() -> Iterator[str]:
    """A foreign issuer that others wrote (oidc-provider-mock), as a process of its own."""
    port = processes.free_port()
    user = json.dumps({"sub": "rm-1", "preferred_username": "rm-1", "email": "rm-1"})
    arguments = ("-m", "oidc_provider_mock", "-p", str(port), "-n", "true", "--user-claims", user)
    with processes.running(*arguments, port=port, health="/jwks") as address:
        yield address


def use_issuer(stack: Stack, monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Point identity at a foreign issuer."""
    settings = settings_of(stack)
    for name, value in ({"public_url": PUBLIC, "oidc_client_id": oidc.CLIENT_ID} | values).items():
        monkeypatch.setattr(settings, name, value)
