"""The copy of the accounts: who was opened a moment ago is waited for, who never was is refused."""

import asyncio
from uuid import uuid4

import pytest

from shared.kernel.errors import Refused
from shared.platform.accounts import HEAR_SECONDS, Accounts
from tests.support.stack import Stack

_OPENED = "insert into account (account_id, role) values ($1, 'auditor')"


async def test_an_account_opened_a_moment_ago_is_waited_for(everything: Stack) -> None:
    accounts, who = Accounts(everything.database("credit")), uuid4()
    asking = asyncio.create_task(accounts.principal(who))
    await asyncio.sleep(HEAR_SECONDS / 4)
    assert not asking.done()
    owner = await everything.superuser("credit")
    await owner.execute(_OPENED, who)
    assert (await asking).role == "auditor"
    await owner.close()


async def test_an_account_that_nobody_opened_is_refused(everything: Stack) -> None:
    with pytest.raises(Refused, match="账号信息尚未同步") as refused:
        await Accounts(everything.database("credit")).principal(uuid4())
    assert refused.value.code == "access.unknown_account"
