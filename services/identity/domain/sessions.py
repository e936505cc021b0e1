"""Sessions: what a browser holds, and what proves that a call comes from our own pages."""

import base64
import hmac

#: Methods that change nothing and so need no proof of where the call comes from (RFC 9110).
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


def csrf_token(session_token: str) -> str:
    """The token that pages send back with every unsafe call; made from the cookie they cannot read.

    Nothing is kept of it: who has the session's secret can make it, nobody else.
    """
    digest = hmac.digest(session_token.encode(), b"yinqi csrf", "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def local_page(address: str | None) -> str:
    """Where to go after a sign-in elsewhere: a page of ours, whatever was asked for."""
    given = address or "/"
    ours = given.startswith("/") and not given.startswith(("//", "/\\", "/api"))
    return given if ours and given.isprintable() and len(given) <= 200 else "/"
