"""The environment: what is set wrongly refuses to start and names its variable."""

from __future__ import annotations

import json
import os
import runpy
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import engines
from django.template.loaders import cached

from handoffflow import env
from tests.conftest import ROOT, TWILIO_AUTH_TOKEN, TWILIO_SID

STRONG = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
PRINTED = (
    "APP_URL", "TWILIO_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_URL", "TWILIO_WHATSAPP_NUMBER",
    "SIMULATOR_ENABLED", "SIMULATOR_PORT", "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "ALLOWED_HOSTS",
    "SECRET_KEY", "LANGUAGE_CODE", "PORT", "PUSH_PRIVATE_KEY", "PUSH_CONTACT", "MAIL_READY", "EMAIL_HOST", "EMAIL_PORT",
    "EMAIL_USE_TLS", "EMAIL_HOST_PASSWORD", "DEFAULT_FROM_EMAIL",
)  # fmt: skip
READ = f"""
import json, sys
sys.argv = ["manage.py", *sys.argv[1:]]
from handoffflow import settings
print(json.dumps({{name: getattr(settings, name) for name in {PRINTED!r}}}))
"""


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(folder / "data"),
        **variables,
    }
    command = [sys.executable, "-c", READ, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def settings_of(folder: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    run = start(folder, *arguments, **variables)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


class TestAWrongValue:
    @pytest.mark.parametrize(
        ("named", "variables"),
        [
            ("DEBUG", {"DEBUG": "ture"}),
            ("EMAIL_URL", {"EMAIL_URL": "mail.example.com"}),
            ("EMAIL_URL", {"EMAIL_URL": "smtp+tls://"}),
            ("EMAIL_URL", {"EMAIL_URL": "gopher://mail.example.com"}),
            ("EMAIL_FROM", {"EMAIL_FROM": "desk"}),
            ("PUSH_PRIVATE_KEY", {"PUSH_PRIVATE_KEY": "short"}),
            ("PUSH_CONTACT", {"PUSH_CONTACT": "it@example.com"}),
            ("PORT", {"PORT": "80000"}),
            ("PORT", {"PORT": "eight"}),
            ("SIMULATOR_PORT", {"SIMULATOR_PORT": "0"}),
            ("SIMULATOR_ENABLED", {"SIMULATOR_ENABLED": "maybe"}),
            ("APP_URL", {"APP_URL": "desk.example.com"}),
            ("APP_URL", {"APP_URL": "https://desk.example.com/path"}),
            ("APP_URL", {"APP_URL": "https://user:pass@desk.example.com"}),
            ("APP_URL", {"APP_URL": "https://desk.example.com:port"}),
            ("APP_URL", {"APP_URL": " https://desk.example.com"}),
            ("TWILIO_API_URL", {"TWILIO_API_URL": "localhost:1"}),
            ("TWILIO_CAPTURE", {"TWILIO_CAPTURE": "no/such/folder/capture.jsonl"}),
            ("TWILIO_CAPTURE", {"TWILIO_CAPTURE": "docs"}),
            ("LLM_MODEL", {"LLM_URL": "https://llm.example.com/v1"}),
            ("LLM_URL", {"LLM_MODEL": "small"}),
            ("LLM_URL", {"LLM_API_KEY": "sk-canary-4711"}),
            ("LLM_URL", {"LLM_URL": "llm.example.com/v1", "LLM_MODEL": "small"}),
            ("LLM_URL", {"LLM_URL": "http://llm.example.com/v1", "LLM_MODEL": "small"}),
            ("LLM_URL", {"LLM_URL": "https://me:canary@llm.example.com/v1", "LLM_MODEL": "small"}),
            (
                "LLM_API_KEY",
                {"LLM_URL": "https://llm.example.com/v1", "LLM_MODEL": "small", "LLM_API_KEY": "canary 4711"},
            ),
            ("METRICS_TOKEN", {"METRICS_TOKEN": "too-short"}),
            ("METRICS_TOKEN", {"METRICS_TOKEN": "sixteen and blanks"}),
            ("DATABASE_URL", {"DATABASE_URL": "data/db.sqlite3"}),
            ("DATABASE_URL", {"DATABASE_URL": "oracle://host/name"}),
            ("DATABASE_URL", {"DATABASE_URL": "sqlite://:memory:"}),
            ("DATABASE_URL", {"DATABASE_URL": "postgres://host"}),
            ("DATABASE_URL", {"DATABASE_URL": "postgres://host:port/name"}),
            ("DATABASE_URL", {"DATABASE_URL": "mysql://root@localhost/desk?collation=latin1_bin"}),
            ("TWILIO_AUTH_TOKEN", {"TWILIO_SID": TWILIO_SID}),
            ("TWILIO_SID", {"TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN}),
            ("TWILIO_AUTH_TOKEN", {"TWILIO_SID": TWILIO_SID, "TWILIO_AUTH_TOKEN": "   "}),
            ("TWILIO_SID", {"TWILIO_SID": f"{TWILIO_SID} ", "TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN}),
            ("TWILIO_SID", {"TWILIO_SID": "US123", "TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN}),
            ("TWILIO_WHATSAPP_NUMBER", {"TWILIO_WHATSAPP_NUMBER": "whatsapp:+551150280000"}),
            (
                "TWILIO_WHATSAPP_NUMBER",
                {
                    "TWILIO_SID": TWILIO_SID,
                    "TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN,
                    "TWILIO_WHATSAPP_NUMBER": "+551150280000",
                },
            ),
            ("LANGUAGE_CODE", {"LANGUAGE_CODE": "fr"}),
            ("TIME_ZONE", {"TIME_ZONE": "America/Sampa"}),
            ("TIME_ZONE", {"TIME_ZONE": "../etc/passwd"}),
            ("SECRET_KEY", {"SECRET_KEY": ""}),
            ("SECRET_KEY", {"SECRET_KEY": "short"}),
            ("SECRET_KEY", {"SECRET_KEY": "a" * 60}),
            ("SECRET_KEY", {"SECRET_KEY": f"django-insecure-{STRONG}"}),
            ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": "*"}),
        ],
    )
    def test_is_refused_by_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, variables: dict[str, str]
    ) -> None:
        own = {"ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path), "SECRET_KEY": STRONG}
        monkeypatch.setattr(os, "environ", own | variables)
        monkeypatch.setattr(sys, "argv", ["manage.py", "check"])

        with pytest.raises(ImproperlyConfigured, match=rf"\b{named}\b"):
            runpy.run_path(str(ROOT / "handoffflow" / "settings.py"))

    @pytest.mark.parametrize("listed", ["ollama", "ollama:11434"])
    def test_may_call_what_is_listed_with_or_without_its_port(
        self, listed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LLM_URL", "http://ollama:11434/v1")

        assert env.address("LLM_URL", internal=frozenset({listed})) == "http://ollama:11434/v1"
        with pytest.raises(ImproperlyConfigured, match="INTERNAL_HOSTS"):
            env.address("LLM_URL", internal=frozenset({"ollama:80"}))

    def test_stops_the_command_with_its_name(self, tmp_path: Path) -> None:
        run = start(tmp_path, SECRET_KEY=STRONG, TWILIO_SID=TWILIO_SID)

        assert run.returncode != 0
        last_line = run.stderr.strip().splitlines()[-1]
        assert last_line.startswith("django.core.exceptions.ImproperlyConfigured")
        assert "TWILIO_AUTH_TOKEN" in last_line

    @pytest.mark.parametrize(
        ("variables", "said"),
        [
            ({"TWILIO_SID": TWILIO_SID}, "Wrong setting: TWILIO_SID is set and TWILIO_AUTH_TOKEN is not"),
            (
                {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/x"},
                "The database of DATABASE_URL does not answer",
            ),
        ],
    )
    def test_is_told_to_people_in_a_sentence(
        self, tmp_path: Path, variables: dict[str, str], said: str
    ) -> None:
        own = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path), "DEBUG": "1"}
        command = [sys.executable, "manage.py", "migrate"]

        run = subprocess.run(
            command, cwd=ROOT, env=own | variables, capture_output=True, text=True, check=False
        )

        assert run.returncode == 1
        assert run.stderr.startswith(said)
        assert "Traceback" not in run.stderr

    def test_is_not_printed(self, tmp_path: Path) -> None:
        run = start(tmp_path, SECRET_KEY=STRONG, TWILIO_SID=TWILIO_SID, TWILIO_AUTH_TOKEN="canary-4711 ")

        assert run.returncode != 0
        assert "canary-4711" not in run.stderr + run.stdout


class TestProduction:
    def test_needs_a_key_and_an_address_only(self, tmp_path: Path) -> None:
        settings = settings_of(tmp_path, SECRET_KEY=STRONG, APP_URL="https://desk.example.com/")

        assert settings["APP_URL"] == "https://desk.example.com"
        assert settings["ALLOWED_HOSTS"] == ["desk.example.com"]
        assert settings["SESSION_COOKIE_NAME"] == "__Host-session"
        assert settings["SESSION_COOKIE_SECURE"] is True
        assert settings["SIMULATOR_ENABLED"] is False
        assert settings["TWILIO_SID"] == ""
        assert settings["TWILIO_API_URL"] == ""

    def test_keeps_nothing_of_its_own(self, tmp_path: Path) -> None:
        settings_of(tmp_path, SECRET_KEY=STRONG)

        assert not (tmp_path / "data" / "secrets.json").exists()


class TestServe:
    def test_makes_its_secrets_once_and_for_itself_only(self, tmp_path: Path) -> None:
        first = settings_of(tmp_path, "serve")
        again = settings_of(tmp_path, "createsuperuser")

        assert len(first["SECRET_KEY"]) >= 50
        assert again["SECRET_KEY"] == first["SECRET_KEY"]
        assert stat.S_IMODE((tmp_path / "data" / "secrets.json").stat().st_mode) == 0o600

    def test_refuses_secrets_that_were_cut_off(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "secrets.json").write_text('{"secret_key": "')

        run = start(tmp_path, "serve")

        assert run.returncode != 0
        assert "secrets.json" in run.stderr.strip().splitlines()[-1]


class TestCallingOperators:
    def test_is_done_under_a_key_that_is_made_once(self, tmp_path: Path) -> None:
        first = settings_of(tmp_path, "serve", APP_URL="https://desk.example.com")
        again = settings_of(tmp_path, "serve", APP_URL="https://desk.example.com")

        assert len(first["PUSH_PRIVATE_KEY"]) == 43
        assert again["PUSH_PRIVATE_KEY"] == first["PUSH_PRIVATE_KEY"]
        assert first["PUSH_CONTACT"] == "https://desk.example.com"
        assert stat.S_IMODE((tmp_path / "data" / "push.key").stat().st_mode) == 0o600

    def test_is_done_under_the_environments_key_where_there_is_one(self, tmp_path: Path) -> None:
        assert settings_of(tmp_path, "serve", PUSH_PRIVATE_KEY="k" * 43)["PUSH_PRIVATE_KEY"] == "k" * 43
        assert not (tmp_path / "data" / "push.key").exists()

    def test_by_letter_needs_a_mail_server(self, tmp_path: Path) -> None:
        url = "smtp+tls://desk:se%40cret@mail.example.com:587"
        without = settings_of(tmp_path, "serve")
        found = settings_of(tmp_path, "serve", EMAIL_URL=url, EMAIL_FROM="desk@example.com")

        assert not without["MAIL_READY"]
        assert found["MAIL_READY"]
        assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example.com", 587)
        assert found["EMAIL_USE_TLS"]
        assert found["EMAIL_HOST_PASSWORD"] == "se@cret"
        assert found["DEFAULT_FROM_EMAIL"] == "desk@example.com"


class TestDebug:
    def test_starts_with_nothing_set_on_the_simulator(self, tmp_path: Path) -> None:
        settings = settings_of(tmp_path, DEBUG="1")

        assert settings["APP_URL"] == "http://localhost:8000"
        assert settings["LANGUAGE_CODE"] == "pt-br"
        assert settings["SIMULATOR_ENABLED"] is True
        assert settings["TWILIO_SID"].startswith("AC")
        assert settings["TWILIO_API_URL"] == "http://127.0.0.1:18000"
        assert settings["TWILIO_WHATSAPP_NUMBER"] == "whatsapp:+551150280000"
        assert settings["SESSION_COOKIE_SECURE"] is False

    def test_gives_each_installation_an_account_of_its_own(self, tmp_path: Path) -> None:
        here = settings_of(tmp_path / "here", DEBUG="1")
        there = settings_of(tmp_path / "there", DEBUG="1")

        assert here["TWILIO_SID"] != there["TWILIO_SID"]
        assert here["TWILIO_AUTH_TOKEN"] != there["TWILIO_AUTH_TOKEN"]

    def test_leaves_the_simulator_off_with_an_account(self, tmp_path: Path) -> None:
        settings = settings_of(
            tmp_path, DEBUG="1", TWILIO_SID=TWILIO_SID, TWILIO_AUTH_TOKEN=TWILIO_AUTH_TOKEN
        )

        assert settings["SIMULATOR_ENABLED"] is False
        assert settings["TWILIO_SID"] == TWILIO_SID
        assert settings["TWILIO_API_URL"] == ""

    @pytest.mark.parametrize(("port", "simulator"), [("9000", 19000), ("60000", 50000), ("55535", 65535)])
    def test_moves_address_and_simulator_with_the_port(
        self, tmp_path: Path, port: str, simulator: int
    ) -> None:
        settings = settings_of(tmp_path, DEBUG="1", PORT=port)

        assert settings["APP_URL"] == f"http://localhost:{port}"
        assert settings["SIMULATOR_PORT"] == simulator


class TestTheEnvironmentFile:
    def test_is_read_and_gives_way_to_the_environment(self, tmp_path: Path) -> None:
        file = tmp_path / "env"
        file.write_text(f"SECRET_KEY={STRONG}\nPORT=9000\nAPP_URL=https://file.example.com\n")

        settings = settings_of(tmp_path, ENV_FILE=str(file), PORT="9001")

        assert settings["APP_URL"] == "https://file.example.com"
        assert settings["PORT"] == 9001

    def test_may_come_from_an_editor_that_marks_its_encoding(self, tmp_path: Path) -> None:
        file = tmp_path / "env"
        file.write_bytes(f"\ufeffSECRET_KEY={STRONG}\r\n  \r\n# Ours:\r\nPORT=9000\r\n".encode())

        assert settings_of(tmp_path, ENV_FILE=str(file), APP_URL="https://a.example.com")["PORT"] == 9000

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (b"PORT=9000\nTWILIO_AUTH_TOKEN canary-4711", "line 2: NAME=value"),
            (b"TWILIO_AUTH_TOKEN = canary-4711", "line 1: NAME=value"),
            ("APP_NAME=Lojão".encode("latin-1"), "UTF-8"),
        ],
    )
    def test_is_refused_where_it_cannot_be_understood(self, tmp_path: Path, wrong: bytes, said: str) -> None:
        file = tmp_path / "env"
        file.write_bytes(wrong)

        run = start(tmp_path, ENV_FILE=str(file), DEBUG="1")

        assert run.returncode != 0
        assert said in run.stderr
        assert "canary" not in run.stderr

    def test_lists_every_name_that_is_read(self) -> None:
        listed = (ROOT / ".env.example").read_text()
        source = (ROOT / "handoffflow" / "settings.py").read_text()
        names = {
            part.split('"')[1] for part in source.split("env.")[1:] if part.partition('"')[0].endswith("(")
        }

        assert {name for name in names if f"{name}=" not in listed} == set()


class TestTemplates:
    def test_are_read_once(self) -> None:
        """A loader without its cache costs a fragment four times as much."""
        (engine,) = engines.all()

        assert isinstance(engine.engine.template_loaders[0], cached.Loader)  # type: ignore[attr-defined]


class TestFiles:
    def test_lie_in_the_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MEDIA_STORAGE", raising=False)
        assert env.storage("MEDIA_STORAGE")["BACKEND"].endswith("FileSystemStorage")

    def test_lie_in_a_private_bucket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(env, "find_spec", lambda _name: True)
        monkeypatch.setenv(
            "MEDIA_STORAGE", "s3://files/desk?endpoint=https://s3.example.com&region=sa-east-1"
        )
        assert env.storage("MEDIA_STORAGE")["OPTIONS"] == {
            "bucket_name": "files",
            "location": "desk",
            "endpoint_url": "https://s3.example.com",
            "region_name": "sa-east-1",
            "default_acl": None,
            "file_overwrite": True,
        }

    @pytest.mark.parametrize("value", ["files", "http://x", "s3://", "s3://b?acl=public-read", "s3:b"])
    def test_nowhere_else(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MEDIA_STORAGE", value)
        with pytest.raises(ImproperlyConfigured, match="MEDIA_STORAGE"):
            env.storage("MEDIA_STORAGE")

    def test_say_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(env, "find_spec", lambda _name: None)
        monkeypatch.setenv("MEDIA_STORAGE", "s3://files")
        with pytest.raises(ImproperlyConfigured, match=r"django-storages\[s3\]"):
            env.storage("MEDIA_STORAGE")
