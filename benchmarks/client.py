"""A very light HTTP/1.1 client: on a small machine the client must not be what is measured."""

import asyncio
from collections.abc import Mapping


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send a request; status and body of the answer."""
        assert self._reader
        assert self._writer
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join((*lines, "", "")).encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        length = next(
            (int(f.partition(":")[2]) for f in fields if f.lower().startswith("content-length")), 0
        )
        return int(first.split(" ", 2)[1]), await self._reader.readexactly(length)

    async def close(self) -> None:
        """Hang up."""
        if self._writer:
            self._writer.close()
