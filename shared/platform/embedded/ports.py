"""Ports on 127.0.0.1: found free once, then kept, so that addresses survive a restart."""

import json
import secrets
import socket
from pathlib import Path
from typing import cast

from shared.platform.embedded.processes import EmbeddedError, locked, write_private

HOST = "127.0.0.1"
# Below the range from which the kernel takes ports for outgoing connections: no client socket
# can take a port between our look and the server's bind.
_LOWEST, _HIGHEST = 20_000, 29_999
_TRIES = 200


def is_free(port: int, host: str = HOST) -> bool:
    """True where a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(avoid: frozenset[int] = frozenset()) -> int:
    """A port that is free now, outside `avoid`."""
    for _ in range(_TRIES):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST + 1)
        if port not in avoid and is_free(port):
            return port
    raise EmbeddedError(f"no free port between {_LOWEST} and {_HIGHEST}; 找不到空闲端口")


class PortBook:
    """Which name has which port, remembered in a file of the data folder."""

    def __init__(self, path: Path) -> None:
        """Keep the book in the file `path`."""
        self._path = path

    def port(self, name: str, *, wanted: int | None = None) -> int:
        """The port of `name`: `wanted` if free, else the remembered one if free, else a new one.

        Two names never get one port. Call it before the server starts, not while it runs.
        """
        with locked(self._path.with_suffix(".lock")):
            book = self._read()
            others = frozenset(port for other, port in book.items() if other != name)
            candidates = [wanted, book.get(name)]
            usable = (p for p in candidates if p is not None and p not in others and is_free(p))
            chosen = next(usable, None) or free_port(others)
            if book.get(name) != chosen:
                write_private(self._path, json.dumps(book | {name: chosen}, indent=1))
            return chosen

    def known(self) -> dict[str, int]:
        """All remembered ports, free or not."""
        return self._read()

    def _read(self) -> dict[str, int]:
        if not self._path.exists():
            return {}
        return cast("dict[str, int]", json.loads(self._path.read_text(encoding="utf-8")))
