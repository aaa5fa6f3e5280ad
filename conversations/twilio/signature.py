"""Is this request from Twilio? Every odd input is a no, never an exception."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs, urlsplit, urlunsplit

from twilio import request_validator

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def signer(
    request_url: str,
    params_or_body: Mapping[str, str] | bytes | str,
    content_type: str,
    signature_header: str | None,
    algorithm_header: str | None,
    tokens: Iterable[str],
) -> str:
    """Which of ``tokens`` signed this request; "" when none did.

    ``request_url`` is the configured public address with the full path, never the Host header. A form is
    given as its parameters, untouched; JSON as the raw body, whose hash the signed address carries.
    """
    try:
        # Shared keys sign with SHA-256. We have none, and a header must not choose the hash for the auth token.
        algorithm = request_validator.get_signature_algorithm(algorithm_header)
        url = _as_signed(request_url)
        signed = _signed_content(url, params_or_body, content_type)
        if not signature_header or signed is None or algorithm != request_validator.HMAC_SHA1:
            return ""
        # An empty token would accept a signature that anybody can make.
        for token in filter(None, tokens):
            if request_validator.RequestValidator(token).validate(url, signed, signature_header):
                return token
    except Exception:  # noqa: BLE001 - the validator raises many things; a forger learns nothing from them
        return ""
    return ""


def verify(
    request_url: str,
    params_or_body: Mapping[str, str] | bytes | str,
    content_type: str,
    signature_header: str | None,
    algorithm_header: str | None,
    tokens: Iterable[str],
) -> bool:
    """Whether one of ``tokens`` signed this request."""
    return bool(signer(request_url, params_or_body, content_type, signature_header, algorithm_header, tokens))


def sign(url: str, params: Mapping[str, str], token: str) -> str:
    """What Twilio would put into the header."""
    return str(request_validator.RequestValidator(token).compute_signature(url, params))


def _as_signed(url: str) -> str:
    """Twilio drops the fragment and user:password@ before it signs; the SDK does not."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def _signed_content(
    url: str, params_or_body: Mapping[str, str] | bytes | str, content_type: str
) -> Mapping[str, str] | str | None:
    media_type = content_type.partition(";")[0].strip().lower()
    if isinstance(params_or_body, Mapping):
        return params_or_body if media_type == FORM else None
    # Without the hash in the address nothing ties the signature to the body.
    if media_type != JSON or "bodySHA256" not in parse_qs(urlsplit(url).query):
        return None
    return params_or_body if isinstance(params_or_body, str) else params_or_body.decode("utf-8", "strict")
