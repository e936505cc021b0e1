"""What the WeChat official account asks of a web page that uses its interface."""

import hashlib
from urllib.parse import urldefrag


def js_signature(*, ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """The signature with which a page may use WeChat's JS interface; without the url's fragment."""
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={urldefrag(url).url}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
