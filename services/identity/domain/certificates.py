"""Client certificates, as the gateway's own TLS check passed them on (RFC 8705)."""

import base64
import hashlib
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from shared.kernel.errors import BadInput


def thumbprint(pem: str) -> str:
    """`x5t#S256` of a certificate in PEM, percent-encoded or not.

    Raises: BadInput `client.certificate`.
    """
    text = unquote(pem) if "%" in pem else pem
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
    except ValueError as error:
        raise BadInput("client.certificate", "客户端证书无法读取", "应为 PEM 格式") from error
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
