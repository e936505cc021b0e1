"""How large what people send may be: for the gateway, which refuses first, and for the services."""

from typing import Final

MB: Final = 1024 * 1024
JSON_MB: Final = 1
PHOTO_MB: Final = 10
SHEET_MB: Final = 20
