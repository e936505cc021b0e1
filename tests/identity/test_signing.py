"""The signing key may come in either of two forms."""

import subprocess

from services.identity.domain.tokens import Signer


def test_a_key_from_openssl_signs_and_shows_no_private_part() -> None:
    pem = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, text=True, check=True
    ).stdout

    signer = Signer.from_text(pem)

    assert signer.key.kid
    assert "PRIVATE" not in str(signer.public)
    assert all("d" not in key for key in signer.public["keys"])  # type: ignore[union-attr]


def test_a_generated_key_survives_its_file_form() -> None:
    signer = Signer.generate()

    assert Signer.from_text(signer.private_json).public == signer.public
