"""The signing key and its rotation: two keys are good at once, no token dies of a rotation."""

import json
import os
import time
from pathlib import Path
from uuid import uuid4

import pytest

from services.identity import keys
from services.identity.domain.tokens import Grant, Signer
from services.identity.keys import KeyFolder, ensure_key, rotate
from shared.kernel.errors import Conflict, Refused
from shared.platform.auth import TokenVerifier
from shared.platform.settings import PlatformSettings


def token_of(signer: Signer) -> str:
    grant = Grant(account_id=uuid4(), audience=("visits",))
    return signer.sign(grant, issued_at=int(time.time()), lifetime_seconds=300)


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


async def test_a_rotation_ends_no_token_and_adopts_the_new_key_after_some_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_LOOK_SECONDS", 0.0)
    public = ensure_key(tmp_path)
    folder, verifier = (
        KeyFolder(tmp_path),
        TokenVerifier(PlatformSettings(jwks_file=public), "visits"),
    )
    old = token_of(folder.signer())
    await verifier.account_id(old)

    kid = rotate(tmp_path)
    between = token_of(folder.signer())
    aged(tmp_path / "signing_key.json", keys.ADOPT_SECONDS + 1)
    new = token_of(folder.signer())
    verifier._loaded_at -= 10

    assert folder.signer().key.kid == kid
    for token in (new, between, old):
        await verifier.account_id(token)
    assert len(json.loads(public.read_text())["keys"]) == 2
    assert len({json.loads(part)["kid"] for part in map(_head, (old, between))}) == 1
    assert json.loads(_head(new))["kid"] == kid


def _head(token: str) -> bytes:
    import base64

    part = token.split(".", maxsplit=1)[0]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_after_the_next_rotation_the_first_key_is_good_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_LOOK_SECONDS", 0.0)
    public = ensure_key(tmp_path)
    first = token_of(KeyFolder(tmp_path).signer())
    rotate(tmp_path)
    with pytest.raises(Conflict):
        rotate(tmp_path)
    aged(tmp_path / "previous_key.json", keys.BETWEEN_ROTATIONS_SECONDS + 1)
    rotate(tmp_path)

    verifier = TokenVerifier(PlatformSettings(jwks_file=public), "visits")

    with pytest.raises(Refused):
        await verifier.account_id(first)


async def test_keys_from_settings_are_published_together(tmp_path: Path) -> None:
    old, new = Signer.generate(), Signer.generate()
    both = Signer.from_text(new.private_json, json.dumps(old.public))
    public = tmp_path / "jwks.json"
    public.write_text(json.dumps(both.public))
    verifier = TokenVerifier(PlatformSettings(jwks_file=public), "visits")

    for signer in (old, new, both):
        await verifier.account_id(token_of(signer))
    assert all("d" not in key for key in both.public["keys"])  # type: ignore[union-attr]


def test_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    ensure_key(tmp_path / "keys")
    rotate(tmp_path / "keys")

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()}

    assert set(modes) == {"signing_key.json", "jwks.json", "previous_key.json"}
    assert set(modes.values()) == {0o600}
