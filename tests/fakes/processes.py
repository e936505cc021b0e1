"""Starts a fake as a process of its own and waits until it answers."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(*arguments: str, port: int, health: str = "/") -> Iterator[str]:
    """`python <arguments>`, serving on the port; its address."""
    child = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 30
        while not _answers(address + health):
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{arguments} did not start")
            time.sleep(0.05)
        yield address
    finally:
        child.terminate()
        child.wait(10)


def _answers(address: str) -> bool:
    try:
        return httpx2.get(address, timeout=1).status_code < 500
    except httpx2.TransportError:
        return False
