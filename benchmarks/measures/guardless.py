"""The visits API without its guards, to measure them by: nothing of this is in the product.

No route asks the matrix, an account is read once and kept, no audit line is written. Row-level
security is the database's; the measurement switches it there.
"""

import asyncio

import uvloop

from shared.platform import access, accounts, database


def _unguarded(_resource: str, _action: str) -> object:
    return access.public()


def main() -> None:
    # Before the routes are declared: they take the guard from there.
    access.may = _unguarded
    accounts.KEEP_SECONDS = 24 * 3600.0
    database.Transaction.audit = lambda *_args, **_kwargs: None
    from services.visits.service import SERVICE  # noqa: PLC0415
    from shared.platform.service import serve  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(SERVICE))


if __name__ == "__main__":
    main()
