"""Photos come and go as bytes; the heavy work is done beside the event loop."""

import asyncio
import base64
import binascii
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from services.visits.api.schemas import PhotoOut
from services.visits.domain.photo import MAX_BYTES, clean
from services.visits.store import photo_files
from services.visits.store.photos import Photo
from services.visits.usecases import KeptPhoto, bank_of, find_photo, keep_photo
from shared.kernel.errors import BadInput
from shared.kernel.limits import PHOTO_MB
from shared.platform.access import may
from shared.platform.web import Run, Runner, Who, has_key, to_json

router = APIRouter(tags=["photos"])

#: Decoding a photo takes a core and up to 150 MB for some milliseconds: no more than two at once.
_WORKERS: Final = ThreadPoolExecutor(2, "photo")
_SHA_256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")


async def _uploader(request: Request, principal: Who) -> Runner:
    """A PUT names its own id and content: its repeats are known by these, not by their key."""
    return Runner(request, principal, needs_key=False)


@router.put(
    "/photos/{photo_id}",
    status_code=201,
    response_model=PhotoOut,
    dependencies=[may("photo", "create"), Depends(has_key)],
)
async def put_photo(
    photo_id: UUID, request: Request, run: Annotated[Runner, Depends(_uploader)]
) -> Response:
    """Keep a photo: JPEG, PNG or HEIC up to 10 MB; the same bytes again change nothing."""
    bank_of(run.principal)
    raw = await _body(request)
    loop = asyncio.get_running_loop()
    photo = await loop.run_in_executor(
        _WORKERS,
        _prepare,
        photo_id,
        raw,
        request.headers.get("content-digest", ""),
        run.settings.photo_dir,
    )
    async with run.database.transaction(run.principal) as tx:
        kept = await keep_photo(photo, tx)
    return _kept(kept)


@router.get("/photos/{photo_id}", response_class=FileResponse, dependencies=[may("photo", "read")])
async def get_photo(photo_id: UUID, run: Run) -> FileResponse:
    """The photo as it is stored."""
    photo = await run.read(find_photo, photo_id)
    digest = base64.b64encode(photo.stored_sha256).decode()
    return FileResponse(
        photo_files.path_of(run.settings.photo_dir, photo.stored_sha256),
        media_type="image/jpeg",
        headers={
            "content-digest": f"sha-256=:{digest}:",
            "cache-control": "private, max-age=86400, immutable",
            "x-content-type-options": "nosniff",
        },
    )


def _kept(kept: KeptPhoto) -> Response:
    return Response(
        to_json(PhotoOut.of(kept.photo)),
        status_code=201 if kept.fresh else 200,
        media_type="application/json",
    )


async def _body(request: Request) -> bytes:
    """The body, read no further than a photo may be long."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BYTES:
                raise _too_large()
            parts.append(part)
    except ClientDisconnect as error:
        raise BadInput("photo.cut_short", "照片上传中断", "请重新上传", status=400) from error
    return b"".join(parts)


def _too_large() -> BadInput:
    return BadInput("photo.too_large", "照片过大", f"请上传不超过 {PHOTO_MB} MB 的照片", status=413)


def _prepare(photo_id: UUID, raw: bytes, content_digest: str, folder: Path) -> Photo:
    """Check, clean and put the file in its place: all that needs no database."""
    digest = hashlib.sha256(raw).digest()
    _check_digest(content_digest, digest)
    picture = clean(raw)
    stored = hashlib.sha256(picture.data).digest()
    photo_files.write(folder, stored, picture.data)
    return Photo(
        photo_id=photo_id,
        original_sha256=digest,
        original_bytes=len(raw),
        original_type=picture.original_type,
        stored_sha256=stored,
        stored_bytes=len(picture.data),
        width=picture.width,
        height=picture.height,
        capture=picture.capture,
    )


def _check_digest(header: str, digest: bytes) -> None:
    """Compare with RFC 9530 `Content-Digest`; other algorithms than sha-256 are not asked for."""
    found = _SHA_256.search(header)
    if found is None:
        return
    try:
        declared = base64.b64decode(found[1], validate=True)
    except binascii.Error:
        declared = b""
    if declared != digest:
        raise BadInput("photo.digest_mismatch", "照片内容在传输中损坏", "请重新上传")
