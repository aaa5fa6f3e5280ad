"""Signatures: what Twilio signed is accepted, everything else is a no and never an error."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from django.http import QueryDict

from conversations.twilio import signature

TOKEN = "0123456789abcdef0123456789abcdef"
URL = "https://desk.example.com/api/twilio/webhook"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
BODY = b'{"event": "handoff_request", "reason": "cliente pediu atendente"}'
PARAMS = {
    "Body": "  Olá 👋\nquero falar  ",
    "From": "whatsapp:+5511987654321",
    "MessageSid": "SM1",
    "Label": "",
}


def sign(
    url: str, params: dict[str, str] | None = None, token: str = TOKEN, digest: Any = hashlib.sha1
) -> str:
    """Written from Twilio's description, not with the SDK that is under test."""
    signed = url + "".join(name + value for name, value in sorted((params or {}).items()))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), digest).digest()).decode()


def verify(
    given: str | None,
    *,
    url: str = URL,
    content: Any = None,
    content_type: str = FORM,
    algorithm: str | None = None,
    tokens: Any = (TOKEN,),
) -> bool:
    content = PARAMS if content is None else content
    return signature.verify(url, content, content_type, given, algorithm, tokens)


def json_url(body: bytes) -> str:
    return f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"


class TestVerify:
    def test_knows_the_example_of_twilio(self) -> None:
        params = {
            "CallSid": "CA1234567890ABCDE",
            "Caller": "+14158675309",
            "Digits": "1234",
            "From": "+14158675309",
            "To": "+18005551212",
        }

        assert verify(
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
            url="https://mycompany.com/myapp.php?foo=1&bar=2",
            content=params,
            tokens=["12345"],
        )

    def test_accepts_a_form_as_django_reads_it(self) -> None:
        form = QueryDict(mutable=True)
        form.update(PARAMS)

        assert verify(sign(URL, PARAMS), content=form)

    def test_accepts_either_token_while_they_rotate(self) -> None:
        assert verify(sign(URL, PARAMS, "new"), tokens=["old", "new"])

    @pytest.mark.parametrize(
        "url", [URL + "#rc=2", "https://user:secret@desk.example.com/api/twilio/webhook"]
    )
    def test_ignores_what_twilio_drops_before_it_signs(self, url: str) -> None:
        assert verify(sign(URL, PARAMS), url=url)

    def test_accepts_json_whose_hash_is_in_the_address(self) -> None:
        assert verify(
            sign(json_url(BODY)),
            url=json_url(BODY),
            content=BODY,
            content_type="application/json; charset=utf-8",
        )

    def test_refuses_json_that_was_altered(self) -> None:
        altered = BODY.replace(b"atendente", b"reembolso")

        assert not verify(
            sign(json_url(BODY)), url=json_url(BODY), content=altered, content_type="application/json"
        )

    @pytest.mark.parametrize("body", [BODY, b"", ""], ids=["full", "no bytes", "no text"])
    def test_refuses_json_that_no_hash_protects(self, body: bytes | str) -> None:
        assert not verify(sign(URL), content=body, content_type="application/json")

    @pytest.mark.parametrize("url", [URL + "/", URL.replace("https", "http"), URL + "?x=1"])
    def test_refuses_another_address(self, url: str) -> None:
        assert not verify(sign(URL, PARAMS), url=url)

    @pytest.mark.parametrize("name", sorted(PARAMS))
    def test_refuses_a_form_that_was_altered(self, name: str) -> None:
        assert not verify(sign(URL, PARAMS), content=PARAMS | {name: PARAMS[name] + "x"})

    def test_refuses_a_form_that_was_trimmed(self) -> None:
        trimmed = {key: value.strip() for key, value in PARAMS.items()}

        assert not verify(sign(URL, PARAMS), content=trimmed)

    @pytest.mark.parametrize("given", [None, "", "é", "x" * 28, "=" * 10_000])
    def test_refuses_an_odd_signature(self, given: str | None) -> None:
        assert not verify(given)

    @pytest.mark.parametrize("tokens", [[], [""], ["", ""]], ids=["none", "empty", "twice empty"])
    def test_refuses_everything_without_a_token(self, tokens: list[str]) -> None:
        assert not verify(sign(URL, PARAMS, ""), tokens=tokens)

    @pytest.mark.parametrize("algorithm", ["key=k,algorithm=HMAC_SHA256", "algorithm=none", "algorithm=MD5"])
    def test_does_not_let_a_header_choose_the_hash(self, algorithm: str) -> None:
        assert not verify(sign(URL, PARAMS, digest=hashlib.sha256), algorithm=algorithm)
        assert not verify(sign(URL, PARAMS), algorithm=algorithm)

    def test_accepts_a_header_that_names_the_usual_hash(self) -> None:
        assert verify(sign(URL, PARAMS), algorithm="algorithm=HMAC_SHA1")

    @pytest.mark.parametrize(
        ("content", "content_type"),
        [
            (PARAMS, "application/json"),
            (PARAMS, "multipart/form-data"),
            (PARAMS, ""),
            (b"Body=oi", FORM),
            (b"\xff\xfe", "application/json"),
            (None, "application/json"),
            ([("Body", "oi")], FORM),
            ({"Body": 7}, FORM),
        ],
    )
    def test_refuses_what_it_cannot_read(self, content: Any, content_type: str) -> None:
        assert not signature.verify(URL, content, content_type, sign(URL, PARAMS), None, [TOKEN])

    @pytest.mark.parametrize(
        "url", ["", "https://desk.example.com:99999/api", "https://[::1/api", "não é um endereço"]
    )
    def test_refuses_an_impossible_address(self, url: str) -> None:
        assert not verify(sign(URL, PARAMS), url=url)
