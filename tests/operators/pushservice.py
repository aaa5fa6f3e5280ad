"""A push service and a browser that is subscribed to it, on this machine: it checks who sends, and reads what came."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import http_ece
import jwt
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

HOST = "push.example.com"
PRIVATE_KEY = "hJr-2zmF0xJ3mLqGZk1V2dH8n6bT4uWcYq9eRsPaKQ0"
"""Of the product, in these tests."""


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Browser:
    """One that has allowed notifications. ``read`` what was encrypted for it."""

    def __init__(self, name: str = "one") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._secret = b"0123456789abcdef"
        self.endpoint = f"https://{HOST}/send/{name}"

    @property
    def keys(self) -> dict[str, str]:
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": self.endpoint, "p256dh": text(point), "auth": text(self._secret)}

    def read(self, body: bytes) -> dict[str, Any]:
        plain = http_ece.decrypt(body, private_key=self._key, auth_secret=self._secret, version="aes128gcm")
        return dict(json.loads(plain))


@dataclass
class Sent:
    path: str
    headers: dict[str, str]
    body: bytes

    def vouched(self) -> dict[str, Any]:
        """What the sender claims, if the signature is by the key it names (RFC 8292)."""
        scheme, _blank, rest = self.headers["authorization"].partition(" ")
        assert scheme == "vapid"
        said = dict(part.split("=", 1) for part in rest.split(","))
        point = base64.urlsafe_b64decode(said["k"] + "==")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        claims = jwt.decode(said["t"], key, algorithms=["ES256"], audience=f"https://{HOST}")
        return {**claims, "key": said["k"]}


@dataclass
class PushService:
    port: int
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Given in turn; 201 when there are none."""
    sent: list[Sent] = field(default_factory=list)


@contextmanager
def serving(folder: Path) -> Iterator[PushService]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            named = {name.lower(): value for name, value in self.headers.items()}
            service.sent.append(Sent(self.path, named, body))
            status, headers = service.answers.pop(0) if service.answers else (201, {})
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_parts: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    service = PushService(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield service
    server.shutdown()
    server.server_close()


def certificate(folder: Path) -> Path:
    """Of HOST, signed by itself, with its key."""
    path = folder / "push.pem"
    if path.exists():
        return path
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


class Here(AbstractResolver):
    """Every name leads to this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        pass


def connector(service: PushService, folder: Path) -> aiohttp.TCPConnector:
    trusted = ssl.create_default_context(cafile=str(certificate(folder)))
    return aiohttp.TCPConnector(resolver=Here(service.port), ssl=trusted)


def path_of(browser: Browser) -> str:
    return urlsplit(browser.endpoint).path
