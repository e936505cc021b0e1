"""The yardstick of the write path: FastAPI and asyncpg, one insert of the body, nothing else.

Run as `python -m benchmarks.measures.bare PORT`, with the database's address in BARE_DATABASE_URL.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
import uvloop
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["BARE_DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=12, max_size=16) as pool:
        await pool.execute(
            "create table if not exists bare (id bigint generated always as identity primary key,"
            " body jsonb not null)"
        )
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/visits", status_code=201)
async def post_visit(body: dict[str, Any]) -> dict[str, int]:
    saved = await app.state.pool.fetchval(
        "insert into bare (body) values ($1) returning id", json.dumps(body)
    )
    return {"id": saved}


if __name__ == "__main__":
    config = uvicorn.Config(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())
