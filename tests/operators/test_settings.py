"""What an operator sets holds in every browser; what a browser reads to install the console is right."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from conversations.models import AuditEntry
from operators import preferences
from operators.models import Operator

pytestmark = pytest.mark.django_db

PAGE = "/operator/settings/"
FILLED = {
    "name": "Ana Maria Souza",
    "language": "es",
    "time_zone": "America/Manaus",
    "theme": "dark",
    "density": "compact",
    "hide": "on",
}


@pytest.fixture
def hers(ana: Operator, client: Client) -> Client:
    client.force_login(ana)
    return client


class TestThePage:
    def test_keeps_what_is_set(self, hers: Client, ana: Operator) -> None:
        answer = hers.post(PAGE, FILLED)

        assert (answer.status_code, answer["Location"]) == (303, PAGE)
        after = Operator.objects.get(pk=ana.pk)
        assert after.shown_name == "Ana Maria Souza"
        assert (after.language, after.time_zone) == ("es", "America/Manaus")
        assert preferences.of(after) == {
            "theme": "dark",
            "density": "compact",
            "sound": "off",
            "hide": "on",
            "keys": "off",
        }

    def test_shows_it_in_every_other_browser(self, hers: Client, ana: Operator) -> None:
        hers.post(PAGE, FILLED)
        other = Client()
        other.force_login(ana)

        html = other.get("/operator/").content.decode()

        assert '<html lang="es" data-theme="dark" data-density="compact">' in html
        assert 'data-sound="off" data-hide="on" data-keys="off"' in html
        assert "css/compact.css" in html

    def test_leaves_preferences_of_others_alone(self, hers: Client, ana: Operator) -> None:
        Operator.objects.update(preferences={"something": "else"})

        hers.post(PAGE, FILLED)

        assert Operator.objects.get().preferences["something"] == "else"

    @pytest.mark.parametrize(
        "wrong", [{"name": ""}, {"language": "tlh"}, {"time_zone": "Mars/Olympus"}, {"theme": "pink"}]
    )
    def test_keeps_nothing_of_what_is_wrong(self, wrong: dict[str, str], hers: Client, ana: Operator) -> None:
        assert hers.post(PAGE, {**FILLED, **wrong}).status_code == 422

        assert Operator.objects.get().preferences == {}

    def test_comes_as_it_was_until_something_is_set(self, hers: Client) -> None:
        html = hers.get("/operator/").content.decode()

        assert 'data-theme="auto" data-density="comfortable"' in html
        assert 'data-sound="on" data-hide="off" data-keys="on"' in html
        assert "css/compact.css" not in html

    def test_is_led_to_from_the_account(self, hers: Client) -> None:
        assert f'href="{PAGE}"' in hers.get("/operator/").content.decode()


class TestANewPassword:
    NEW = "quatro palavras bem juntas"

    def test_ends_every_other_session(self, hers: Client, ana: Operator) -> None:
        other = Client()
        other.force_login(ana)

        answer = hers.post(
            f"{PAGE}password/",
            {"old_password": "demo", "new_password1": self.NEW, "new_password2": self.NEW},
        )

        assert answer.status_code == 303
        assert Operator.objects.get().check_password(self.NEW)
        assert hers.get(PAGE).status_code == 200
        assert other.get(PAGE).status_code == 302
        assert AuditEntry.objects.get(action="operator.password_changed").actor_id == str(ana.public_id)

    @pytest.mark.parametrize(
        "wrong", [{"old_password": "x"}, {"new_password2": "y"}, {"new_password1": "a", "new_password2": "a"}]
    )
    def test_is_refused_with_the_reason(self, wrong: dict[str, str], hers: Client) -> None:
        told = {"old_password": "demo", "new_password1": self.NEW, "new_password2": self.NEW, **wrong}

        answer = hers.post(f"{PAGE}password/", told)

        assert answer.status_code == 422
        assert 'role="alert"' in answer.content.decode()
        assert Operator.objects.get().check_password("demo")


class TestWhatIsInstalled:
    def manifest(self, client: Client) -> dict[str, Any]:
        answer = client.get("/operator/manifest.webmanifest")
        assert answer["Content-Type"] == "application/manifest+json"
        return dict(json.loads(answer.content))

    def test_stands_alone_and_begins_at_the_queue(self, client: Client) -> None:
        told = self.manifest(client)

        assert (told["display"], told["start_url"], told["scope"]) == (
            "standalone",
            "/operator/",
            "/operator/",
        )
        assert told["lang"] == "pt-br"
        assert told["shortcuts"][0]["name"] == "Atender próximo"
        assert told["shortcuts"][0]["url"].startswith(told["scope"])

    def test_speaks_the_language_of_whoever_installs_it(self, client: Client, settings: Any) -> None:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"

        assert self.manifest(client)["shortcuts"][0]["name"] == "Take next"

    def test_has_small_pictures_of_the_size_it_says(self, client: Client) -> None:
        icons = self.manifest(client)["icons"]
        assert {(icon["sizes"], icon["purpose"]) for icon in icons} == {
            (size, purpose) for size in ("192x192", "512x512") for purpose in ("any", "maskable")
        }
        pictures = {icon["src"].removeprefix("/static/"): icon["sizes"] for icon in icons}
        for name, size in {**pictures, "icons/touch-180.png": "180x180"}.items():
            data = Path(str(finders.find(name))).read_bytes()
            width, height = struct.unpack(">II", data[16:24])
            assert f"{width}x{height}" == size
            assert len(data) <= 10 * 1024

    def test_has_a_worker_that_reaches_no_further_than_the_console(self, client: Client) -> None:
        answer = client.get("/operator/sw.js")

        assert answer["Content-Type"].startswith("text/javascript")
        assert "Service-Worker-Allowed" not in answer
        assert "fetch" not in answer.content.decode()
        policy = answer["Content-Security-Policy"]
        assert "worker-src 'self'" in policy
        assert "manifest-src 'self'" in policy
