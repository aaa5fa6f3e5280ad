"""What is known of a contact: read beside the thread, corrected, and never over what nobody has seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation

from conversations import clock, contacts, errors, profiles
from conversations.contract import Release
from conversations.models import Contact, Conversation
from conversations.profiles import Change
from operators import attributes, desk, links
from operators.attributes import Kind
from operators.models import AttributeDefinition, ContactLink, Operator
from tests import builders
from tests.operators.test_mentions import place, text

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _in_english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return builders.make_held(ana)


def define(key: str, kind: str = "text", **more: Any) -> AttributeDefinition:
    company = builders.make_sender().organization
    return AttributeDefinition.objects.create(
        organization=company, key=key, name=key.upper(), kind=kind, **more
    )


def know(conversation: Conversation, **values: Any) -> None:
    contacts.remember(builders.fresh(conversation).contact, values)


def known(conversation: Conversation) -> dict[str, Any]:
    return dict(builders.fresh(conversation).contact.attributes)


def save(
    panel: Client, conversation: Conversation, *, headers: Any = FRAGMENT, **fields: tuple[Any, str]
) -> Any:
    """Each field as (what it showed, what is written)."""
    form: dict[str, Any] = {}
    for name, (was, typed) in fields.items():
        form |= {f"was-{name}": was, name: typed}
    return panel.post(place(conversation, "contact"), form, headers=headers)


def at(definition: AttributeDefinition, was: str, typed: str) -> dict[str, tuple[str, str]]:
    return {str(definition.public_id): (was, typed)}


GOOD = [
    (Kind.TEXT, " Ana  ", "Ana"),
    (Kind.NUMBER, "12", 12),
    (Kind.NUMBER, "-1.5", -1.5),
    (Kind.NUMBER, "12.0", 12),
    (Kind.DATE, "2026-02-28", "2026-02-28"),
    (Kind.YES_NO, "yes", True),
    (Kind.YES_NO, "no", False),
    (Kind.LIST, "Ouro", "Ouro"),
    (Kind.URL, "https://example.com/a?b=1", "https://example.com/a?b=1"),
    (Kind.EMAIL, "joao@example.com", "joao@example.com"),
]
BAD = [
    *[(kind, value) for kind in Kind for value in ("x" * 501, "a\x00b", "a\nb", "a\x1bb", "a\u2028b")],
    *[(Kind.NUMBER, value) for value in ("1,234", "1e5", "NaN", "Infinity", "--1", "١٢", "1" * 16, "0x10")],
    *[(Kind.DATE, value) for value in ("2026-02-30", "28/02/2026", "20260228", "0000-01-01", "amanhã")],
    *[(Kind.YES_NO, value) for value in ("true", "1", "sim")],
    *[(Kind.LIST, value) for value in ("ouro", "Platina")],
    *[
        (Kind.URL, value)
        for value in ("javascript:alert(1)", "example.com", "ftp://example.com", "https://", "//example.com")
    ],
    *[(Kind.EMAIL, value) for value in ("joao", "joao@", "a@b@c.com", "joao @example.com")],
]


class TestAValue:
    @pytest.mark.parametrize(("kind", "typed", "stored"), GOOD)
    def test_is_stored_as_what_it_is(self, kind: str, typed: str, stored: Any) -> None:
        value = attributes.parse(kind, typed, choices=["Ouro"], pattern="")

        assert (value, type(value)) == (stored, type(stored))
        assert attributes.parse(kind, attributes.typed(kind, value), choices=["Ouro"], pattern="") == stored

    @pytest.mark.parametrize(("kind", "typed"), BAD)
    def test_that_is_none_is_refused_with_a_sentence(self, kind: str, typed: str) -> None:
        with pytest.raises(attributes.Wrong) as refused:
            attributes.parse(kind, typed, choices=["Ouro"], pattern="")
        assert str(refused.value)

    @pytest.mark.parametrize("kind", Kind)
    def test_may_be_none_at_all(self, kind: str) -> None:
        assert attributes.parse(kind, "  ", choices=[], pattern="999") is None

    @pytest.mark.parametrize(
        ("pattern", "typed", "fits"),
        [
            ("999.999.999-99", "123.456.789-09", True),
            ("999.999.999-99", "12345678909", False),
            ("999 | AA-X", "ab-9", True),
            ("999", "١٢٣", False),
            ("999", "12²", False),
        ],
    )
    def test_of_a_text_fits_its_pattern(self, pattern: str, typed: str, fits: bool) -> None:
        assert attributes.fits(typed, pattern) is fits

    def test_has_a_comma_where_the_language_has_one(self) -> None:
        with translation.override("pt-br"):
            assert attributes.parse(Kind.NUMBER, "1,5", choices=[], pattern="") == 1.5
            assert attributes.typed(Kind.NUMBER, 1.5) == "1,5"
            with pytest.raises(attributes.Wrong):
                attributes.parse(Kind.NUMBER, "1.234", choices=[], pattern="")


class TestEditing:
    def test_writes_what_was_changed_and_tells_which_fields(self, panel: Client, held: Conversation) -> None:
        cpf, plan = define("cpf", pattern="999"), define("plano", "list", choices="Básico\nOuro")
        know(held, cpf="111", loja="Itaim")

        response = save(
            panel,
            held,
            name=("João Silva", "  João  da Silva "),
            language=("pt-br", "es"),
            **at(cpf, "111", "222"),
            **at(plan, "", "Ouro"),
        )

        contact = builders.fresh(held).contact
        assert (response.status_code, response["HX-Trigger"]) == (200, "console:done")
        assert (contact.name, contact.language) == ("João da Silva", "es")
        assert Contact.objects.named("joão da") == [contact.pk]
        assert contact.attributes == {"cpf": "222", "plano": "Ouro", "loja": "Itaim"}
        told = builders.last_event(held)
        assert told.kind == "contact.changed"
        assert told.data["fields"] == ["name", "language", str(cpf.public_id), str(plan.public_id)]
        assert "222" not in str(told.data)

    def test_changes_nothing_where_nothing_was_written(self, panel: Client, held: Conversation) -> None:
        before, number = builders.fresh(held).seq, define("n", "number")
        know(held, n="uns dez")

        assert (
            save(
                panel, held, name=("João Silva", "João Silva"), **at(number, "uns dez", "uns dez")
            ).status_code
            == 200
        )
        assert builders.fresh(held).seq == before

    def test_empties_an_attribute_unless_it_is_required(self, panel: Client, held: Conversation) -> None:
        cpf, code = define("cpf"), define("code", required=True)
        know(held, cpf="1", code="2")

        save(panel, held, **at(cpf, "1", ""))
        refused = save(panel, held, **at(code, "2", ""))

        assert (refused.status_code, known(held)) == (422, {"code": "2"})
        assert "This cannot be left empty." in text(refused)

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_refuses_what_does_not_fit_and_keeps_it(
        self, panel: Client, held: Conversation, headers: dict[str, str]
    ) -> None:
        cpf = define("cpf", pattern="999")

        response = save(panel, held, headers=headers, **at(cpf, "", "<x>"))

        assert response.status_code == 422
        assert "It has to look like this: 999" in text(response)
        assert 'value="&lt;x&gt;"' in text(response)
        assert known(held) == {}

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_shows_both_where_a_colleague_was_faster(
        self, panel: Client, held: Conversation, headers: dict[str, str]
    ) -> None:
        cpf = define("cpf")
        know(held, cpf="theirs")

        response = save(panel, held, headers=headers, **at(cpf, "old", "mine"))

        page = text(response)
        assert (response.status_code, known(held)) == (409, {"cpf": "theirs"})
        assert "Now there stands: theirs" in page
        assert 'value="mine"' in page
        assert f'name="was-{cpf.public_id}" value="theirs"' in page
        assert save(panel, held, **at(cpf, "theirs", "mine")).status_code == 200
        assert known(held) == {"cpf": "mine"}

    def test_that_came_to_the_same_is_no_conflict(self, panel: Client, held: Conversation) -> None:
        cpf = define("cpf")
        know(held, cpf="new")

        assert save(panel, held, **at(cpf, "old", "new")).status_code == 200

    def test_is_compared_once_more_with_the_row_in_hand(self, ana: Operator, held: Conversation) -> None:
        """Between the look and the write somebody may come: nothing is written then, and no number is taken."""
        before = builders.fresh(held).seq
        change = Change(field="cpf", key="cpf", was="old", to="mine")
        know(held, cpf="theirs")

        with pytest.raises(errors.ProfileChanged):
            profiles.correct(held, [change], cause=desk.cause(ana, "panel"), now=clock.now())

        assert (known(held), builders.fresh(held).seq) == ({"cpf": "theirs"}, before)

    def test_leaves_unknown_attributes_to_be_read(self, panel: Client, held: Conversation) -> None:
        know(held, loja="Itaim", lista=[1, 2])

        page = text(panel.get(place(held)))
        form = text(panel.get(place(held, "contact")))

        assert "<dt>Loja</dt><dd>Itaim</dd>" in page
        assert "<dd>[1, 2]</dd>" in page
        assert "Itaim" not in form

    def test_shows_a_value_of_another_kind_as_it_is(self, panel: Client, held: Conversation) -> None:
        define("nascimento", "date")
        define("vip", "yes_no")
        know(held, nascimento="em maio", vip="talvez")

        page = text(panel.get(place(held)))
        form = text(panel.get(place(held, "contact")))

        assert "<dd>em maio</dd>" in page
        assert 'value="em maio" type="text"' in form
        assert '<option value="talvez" selected>' in form

    def test_works_without_script(self, panel: Client, held: Conversation) -> None:
        assert '<h2 id="dialog-title">Edit contact</h2>' in text(panel.get(place(held, "contact")))
        assert save(panel, held, headers={}, name=("João Silva", "Jo")).status_code == 303


class TestADefinition:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"key": "a{b"},
            {"key": " "},
            {"key": "a\x07"},
            {"kind": "list"},
            {"kind": "number", "pattern": "99"},
        ],
    )
    def test_is_refused(self, wrong: dict[str, str]) -> None:
        definition = AttributeDefinition(**{"key": "cpf", "name": "CPF", **wrong})

        with pytest.raises(ValidationError):
            definition.clean()


class TestALink:
    GAPS = "https://crm.example.com/c/{phone}?cpf={attribute.cpf}&c={conversation}"

    @pytest.mark.parametrize(
        "url",
        [
            "http://crm.example.com/",
            "javascript:alert({phone})",
            "JAVASCRIPT://crm.example.com/%0aalert(1)",
            "data:text/html,x",
            "//crm.example.com/",
            "https://{attribute.host}/",
            "https://crm.{phone}.example.com/",
            "https://user@crm.example.com/",
            "https://",
            "https:///path",
            "https://crm.example.com\\@evil.example/",
            "https://crm.example.com/{unknown}",
            "https://crm.example.com/{attribute.}",
            "https://crm.example.com/{",
            "https://crm.example.com/{}",
            "https://crm.example.com:99999/",
            "https://crm.example.com/a b",
            " ",
        ],
    )
    def test_to_nowhere_is_refused(self, url: str, settings: Any) -> None:
        settings.DEBUG = False

        with pytest.raises(ValidationError):
            ContactLink(label="CRM", url=url).clean()
        assert links.fill(url, phone="1", conversation="2", known={"host": "evil", "cpf": "1"}) == ""

    def test_may_be_http_while_developing(self, settings: Any) -> None:
        settings.DEBUG = True

        ContactLink(label="CRM", url="http://localhost:9000/{phone}").clean()

    @pytest.mark.parametrize(
        ("value", "encoded"),
        [
            ("123", "123"),
            ("a b&c=d#e/f?g", "a%20b%26c%3Dd%23e%2Ff%3Fg"),
            ("ção", "%C3%A7%C3%A3o"),
            ("%2e", "%252e"),
            ('"><script>', "%22%3E%3Cscript%3E"),
            (12, "12"),
            (True, "true"),
        ],
    )
    def test_encodes_what_it_is_filled_with(self, value: Any, encoded: str) -> None:
        filled = links.fill(self.GAPS, phone="5511", conversation="abc", known={"cpf": value})

        assert filled == f"https://crm.example.com/c/5511?cpf={encoded}&c=abc"

    @pytest.mark.parametrize("value", [None, "", "  ", ".", "..", ["a"], {"a": 1}])
    def test_is_none_without_its_value(self, value: Any) -> None:
        assert links.fill(self.GAPS, phone="1", conversation="2", known={"cpf": value}) == ""

    def test_stands_beside_the_contact_and_opens_outside(self, panel: Client, held: Conversation) -> None:
        ContactLink.objects.create(
            organization=held.sender.organization,
            label="CRM",
            url="https://crm.example.com/{phone}/{attribute.cpf}",
        )
        assert "crm.example.com" not in text(panel.get(place(held)))

        know(held, cpf="1/2")

        page = text(panel.get(place(held)))
        filled = 'href="https://crm.example.com/5511987654321/1%2F2"'
        assert f'<a class="btn sm" {filled} target="_blank" rel="noopener noreferrer">' in page


class TestThePanel:
    def test_says_what_is_kept_and_whom_to_ask(
        self, client: Client, ana: Operator, held: Conversation
    ) -> None:
        client.force_login(ana)
        page = text(client.get(place(held)))
        assert "No agreement to be written to first is noted." in page
        assert "Ask a supervisor for a copy" in page

        now = clock.now()
        contacts.agreed(held.contact, by=ana, now=now)
        contacts.opt_out(held.contact, now=now)
        page = text(client.get(place(held)))
        assert "Agreed to messages on" in page
        assert "Asked for no more messages on" in page

    def test_leads_to_an_earlier_service_in_the_thread(
        self, panel: Client, ana: Operator, held: Conversation
    ) -> None:
        end(held, ana, summary="Tudo certo.")

        page = text(panel.get(place(held)))
        answer = panel.get(place(held, "services/1"))

        assert f'href="{place(held, "services/1")}"' in page
        assert "What the bot was told at the end" in page
        before, _hash, anchor = answer["Location"].partition("#")
        assert answer.status_code == 303
        assert f'id="{anchor}"' in text(panel.get(before))
        assert panel.get(place(held, "services/2")).status_code == 404


def end(conversation: Conversation, operator: Operator, **release: Any) -> None:
    now_is: Callable[[], Any] = clock.now
    current = builders.fresh(conversation)
    desk.release(
        current,
        operator=operator,
        by=desk.cause(operator, "panel"),
        epoch=current.epoch,
        seen=current.seq,
        release=Release(outcome="solved", **release),
        now=now_is(),
    )
