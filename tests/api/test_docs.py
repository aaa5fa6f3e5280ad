"""The guide and the page: what they say is tried."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.api.calls import make_key
from tests.builders import make_operator, make_sender, make_with_bot
from tests.conftest import ROOT

GUIDE = (ROOT / "docs" / "api.md").read_text()


def commands() -> list[tuple[list[str], int]]:
    """Every curl of the guide, in order, and the status written below it."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL):
        for command, status in re.findall(r"(.*?)\n# (\d{3})\n", block, re.DOTALL):
            found.append((shlex.split(command.replace("\\\n", " ")), int(status)))
    return found


def curl(words: list[str]) -> Any:
    method, path, body, headers = "GET", "", b"", {}
    words = words[1:]
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _colon, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-F":
            name, _at, path_of_file = words.pop(0).partition("=@")
            part = SimpleUploadedFile(path_of_file, b"%PDF-1.7\n", "application/pdf")
            body, headers["Content-Type"] = encode_multipart(BOUNDARY, {name: part}), MULTIPART_CONTENT
        elif word == "-d":
            body = words.pop(0).encode()
        else:
            path = word
    kind = headers.pop("Content-Type", "")
    return Client().generic(method, path, body, content_type=kind, headers=headers)


@pytest.mark.django_db
class TestGuide:
    def test_shows_commands_that_work_in_this_order(self, settings: Any, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path
        conversation, ana = make_with_bot(), make_operator("ana")
        names = {
            "API": "/api/v1",
            "DESK": make_key("desk")[1],
            "BOT": make_key("bot", sender=make_sender())[1],
            "READER": make_key("read")[1],
            "ADMIN": make_key("admin")[1],
            "CONVERSATION": str(conversation.public_id),
            "AGENT": str(ana.public_id),
        }

        for words, status in commands():
            filled = [re.sub(r"\$([A-Z]+)", lambda name: names[name[1]], word) for word in words]
            response = curl(filled)
            assert response.status_code == status, (words, response.content)
            if status == 201 and filled[-1].startswith("file="):
                names["MEDIA"] = response.json()["id"]

    def test_walks_the_whole_loop(self) -> None:
        assert len(commands()) >= 10
        for call in ("request", "assign", "release", "cancel", "queue", "messages", "media"):
            assert f"/{call}" in GUIDE


@pytest.mark.django_db
class TestPage:
    def test_shows_every_call_and_runs_no_script(self) -> None:
        page = Client().get("/api/v1/docs")
        schema = Client().get("/api/v1/openapi.json").json()

        text = page.content.decode()
        shown = re.sub(r"<[^>]+>", "", text)
        assert page.status_code == 200
        assert "<script" not in text
        assert "style=" not in text
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                assert f"{method.upper()} {path}" in shown
                assert f'id="{operation["operationId"]}"' in text
        for name in ("Conversation", "Problem", "Release"):
            assert f'id="shape-{name}"' in text

    def test_links_only_to_what_is_on_it(self) -> None:
        text = Client().get("/api/v1/docs").content.decode()

        targets = set(re.findall(r'href="#([^"]+)"', text))
        assert targets <= set(re.findall(r'\bid="([^"]+)"', text))
