"""Connections of the platform itself, outside a service's pool: relay, locks, rebuild, commands."""

import asyncpg

SYSTEM_REACH = {"yinqi.reach": "system"}
"""What row-level security takes a session for: the platform itself, which sees every row."""


async def connect_system(url: str, **settings: str) -> asyncpg.Connection:
    """A connection that acts for the platform; more server settings may be given.

    A transaction of `Database` acts for a principal instead, and sees what that one may see.
    """
    return await asyncpg.connect(url, server_settings=SYSTEM_REACH | settings)
