"""Logs carry no phone, no address, no token and no text, whatever ends up in a line."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from handoffflow import logs

CANARIES = [
    "5511987654321",
    "98765-4321",
    "canary-token-4711",
    "0123456789abcdef0123456789abcdef",
    "BR.AbCdEf123456",
]


def record(message: str, *args: object, exc_info: bool = False) -> logging.LogRecord:
    return logging.LogRecord(
        "conversations.delivery",
        logging.WARNING,
        __file__,
        1,
        message,
        args,
        sys.exc_info() if exc_info else None,
    )


class TestMasked:
    @pytest.mark.parametrize(
        "line",
        [
            "from whatsapp:+5511987654321 to whatsapp:+551150280000",
            "From=whatsapp%3A%2B5511987654321&Body=canary-token-4711",
            "{'From': 'whatsapp:+5511987654321', 'Body': 'canary-token-4711 and more'}",
            '{"From": "whatsapp:+5511987654321", "Body": "canary-token-4711"}',
            "WaId 5511987654321",
            "+55 11 98765-4321",
            "(11) 98765-4321",
            "11 98765-4321",
            "rang +55 (11) 98765-4321 twice",
            "user whatsapp:BR.AbCdEf123456 wrote",
            "user BR.AbCdEf123456 wrote",
            "Authorization: Basic canary-token-4711",
            "headers={'Authorization': 'Bearer canary-token-4711'}",
            "AUTH_TOKEN=canary-token-4711",
            "auth token 0123456789abcdef0123456789abcdef",
            "https://AC1:canary-token-4711@api.example.com/",
            "postgres://desk:canary-token-4711@db/desk",
            "key hf_abc123_canary-token-4711",
            "X-Twilio-Signature: canary-token-4711",
            "password='canary-token-4711'",
        ],
    )
    def test_leaves_no_canary(self, line: str) -> None:
        masked = logs.masked(line)

        assert [canary for canary in CANARIES if canary in masked] == []
        assert "551198765" not in masked

    @pytest.mark.parametrize(
        "line",
        [
            "delivery 7b1f3f0e-3c1c-4c0e-9d1b-0f6c1f7b7a55 is unknown after 3 attempts",
            "SM0123456789abcdef0123456789abcdef answered 429, again in 30 s",
            "listening on 127.0.0.1:8000, 2026-11-22T10:14:03.123+00:00",
            "applied conversations.0002_relations in 1234567 us",
            "error 63016 in queue 12",
        ],
    )
    def test_keeps_what_operations_need(self, line: str) -> None:
        assert logs.masked(line) == line


class TestALine:
    def test_of_production_is_one_json_object(self) -> None:
        token = logs.request_id.set("request-1")
        try:
            line = logs.JsonFormatter().format(record("wrote %s", "a\nforged: +5511987654321"))
        finally:
            logs.request_id.reset(token)

        entry = json.loads(line)
        assert entry["message"] == "wrote a\\nforged: +***"
        assert entry["level"] == "warning"
        assert entry["request_id"] == "request-1"
        assert entry["time"].endswith("+00:00")

    @pytest.mark.parametrize("formatter", [logs.JsonFormatter(), logs.ReadableFormatter()])
    def test_masks_exceptions(self, formatter: logging.Formatter) -> None:
        try:
            raise ValueError("no such customer: whatsapp:+5511987654321")
        except ValueError:
            line = formatter.format(record("failed", exc_info=True))

        assert "ValueError" in line
        assert "5511987654321" not in line
