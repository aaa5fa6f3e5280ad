"""One table of keys: what the browser does, what the sheet shows and what the manual says are the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.html import escape

from operators.models import Operator
from operators.views import keymap
from tests import builders
from tests.conftest import ROOT

FRAGMENT = {"HX-Request": "true"}


def test_every_act_is_one_that_the_browser_knows() -> None:
    source = (ROOT / "static" / "js" / "keys.js").read_text()
    table = re.search(r"^const ACTS = \{(.*?)^\};", source, re.DOTALL | re.MULTILINE)
    assert table
    known = set(re.findall(r"(?:^|[\s,])([a-z]+)(?=[:,])", re.sub(r":[^\n]*", ":", table[1])))

    assert {key.act for key in keymap.KEYS if key.act} == known


def test_no_key_means_two_things() -> None:
    ways = [way for key in keymap.KEYS if key.act for way in (key.press, key.also) if way]

    assert len(ways) == len(set(ways))
    assert not {way for way in ways if " " not in way} & {way.split()[0] for way in ways if way[1:2] == " "}


def test_the_manual_lists_them_as_they_are() -> None:
    page = (ROOT / "docs" / "console.md").read_text()
    listed = re.findall(r"^\| ((?:`[^`]+`(?: or | then | \+ )?)+) \| ([^|]+?) \|$", page, re.MULTILINE)

    with translation.override("en"):
        assert listed == [(written(key), f"{key.says}{' (supervisors)' * key.staff}") for key in keymap.KEYS]


def written(key: keymap.Key) -> str:
    return " or ".join(
        (" then " if press.startswith("g ") else " + ").join(f"`{cap}`" for cap in way)
        for press, way in zip([key.press, key.also], key.shown, strict=False)
    )


@pytest.mark.django_db
class TestTheSheet:
    def test_shows_each_key_that_the_operator_has(self, client: Client) -> None:
        for name, staff in (("ana", False), ("caio", True)):
            operator = builders.make_operator(name, staff=staff)
            client.force_login(operator)
            page = text(client.get("/operator/keys/", headers=FRAGMENT))

            with translation.override("pt-br"):
                missing = [
                    key.says
                    for key in keymap.known_to(operator)
                    if f"<dt>{escape(key.says)}</dt>" not in page
                ]
            assert missing == []
            assert (page.count("<kbd>P</kbd>") == 1) is staff

    def test_is_a_page_without_script(self, client: Client) -> None:
        client.force_login(builders.make_operator("ana"))

        assert "<kbd>A</kbd>" in text(client.get("/operator/keys/"))


@pytest.mark.django_db
class TestTheCommandBar:
    def test_offers_colleagues_for_a_chat_that_is_mine(self, client: Client) -> None:
        ana, bia = builders.make_operator("ana"), builders.make_present("bia")
        client.force_login(ana)
        held = builders.make_held(ana)
        place = f'data-to="operator:{bia.public_id}"'

        assert place in bar(client, open=str(held.public_id))
        assert place not in bar(client)
        client.force_login(bia)
        assert "data-to" not in bar(client, open=str(held.public_id))

    def test_finds_chats(self, client: Client) -> None:
        client.force_login(builders.make_operator("ana"))
        builders.says("meu boleto")

        assert "<mark>boleto</mark>" in bar(client, q="boleto")

    def test_leads_to_the_transfer_with_somebody_chosen(self, client: Client) -> None:
        ana, bia = builders.make_operator("ana"), builders.make_present("bia")
        client.force_login(ana)
        held = builders.make_held(ana)

        page = text(
            client.get(
                f"/operator/c/{held.public_id}/transfer",
                {"to": f"operator:{bia.public_id}"},
                headers=FRAGMENT,
            )
        )

        assert re.search(rf'value="operator:{bia.public_id}"[^>]* checked', page)


@pytest.mark.django_db
def test_single_keys_can_be_switched_off(client: Client) -> None:
    ana = builders.make_operator("ana")
    client.force_login(ana)
    assert 'data-keys="on"' in text(client.get("/operator/"))

    client.post("/operator/preferences", {"keys": "off"})

    assert 'data-keys="off"' in text(client.get("/operator/"))
    assert Operator.objects.get(pk=ana.pk).preferences["keys"] == "off"


def bar(client: Client, **told: str) -> str:
    return text(client.get("/operator/command/", told, headers=FRAGMENT))


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())
