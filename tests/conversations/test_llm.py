"""A language model as the bot: one question, what it may answer, and a person whenever it gives none."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conversations import calls, clock, failpoints, leases
from conversations.bots import llm
from conversations.bots.masking import Masks
from conversations.contract import Release
from conversations.models import Author, BotTurn, Conversation, Handoff, KnowledgeArticle, Mode, Sender
from conversations.prompting import Endpoint
from operators import desk
from tests import builders
from tests.conversations.botserver import Bot, Said, serving
from tests.conversations.modelserver import call, completion, says

pytestmark = pytest.mark.django_db
KEY = "sk-cedro-marfim-4711"
HAND_OVER = {"reason": "customer_asked", "summary": "Quer trocar o endereço."}


@pytest.fixture
def model(settings: Any) -> Iterator[Bot]:
    settings.INTERNAL_HOSTS = frozenset({"127.0.0.1"})
    sender = builders.make_sender()
    sender.bot_engine, sender.llm_key = "llm", KEY
    with serving() as running:
        sender.bot_settings = {"llm": {"url": f"http://127.0.0.1:{running.port}/v1", "model": "small"}}
        sender.save()
        running.says = [says("Olá!")]
        yield running


def set_up(**changes: Any) -> None:
    sender = Sender.objects.get()
    sender.bot_settings["llm"] |= changes
    sender.save()


def asks(text: str = "qual o prazo de entrega?", **params: Any) -> Conversation:
    builders.says(text, **params)
    return builders.thread(params.get("address", builders.JOAO))


def turn_comes(after: float = 5) -> int:
    return builders.time_passes("call", clock.now() + timedelta(seconds=after))


def spoken() -> list[str]:
    return [one.body for one in builders.bubbles(builders.thread()) if one.author == Author.BOT]


def handoff() -> Handoff:
    return Handoff.objects.get(open_for=builders.thread())


def told(model: Bot, number: int = -1) -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in model.asked[number]["messages"]]


class TestAQuestion:
    def test_is_asked_as_chat_completions_are_and_answered(self, model: Bot) -> None:
        asks("qual o prazo?")

        assert turn_comes() == 1

        [asked] = model.asked
        assert model.paths == ["/v1/chat/completions"]
        assert asked["model"] == "small"
        assert asked["max_tokens"] == 800
        assert [one["role"] for one in asked["messages"]] == ["system", "user"]
        assert asked["messages"][1]["content"] == "qual o prazo?"
        assert [tool["function"]["name"] for tool in asked["tools"]] == ["hand_over", "remember"]
        [(headers, _body)] = model.raw
        assert headers["Authorization"] == f"Bearer {KEY}"
        assert spoken() == ["Olá!"]
        assert not BotTurn.objects.exclude(open_for=None).exists()

    def test_brings_what_the_company_knows(self, model: Bot) -> None:
        company = builders.make_sender().organization
        KnowledgeArticle.objects.create(
            organization=company, title="Prazo de entrega", body="São 5 dias úteis."
        )
        asks("qual o prazo de entrega?")
        turn_comes()

        assert "<<<Prazo de entrega\nSão 5 dias úteis.\n>>>" in told(model)[0][1]

    def test_keeps_to_what_is_set(self, model: Bot) -> None:
        set_up(max_tokens=120, instructions="Nunca fale de preços.")
        asks()
        turn_comes()

        assert model.asked[0]["max_tokens"] == 120
        assert "Instructions of HandoffFlow:\nNunca fale de preços." in told(model)[0][1]

    def test_takes_address_model_and_key_from_the_environment_together(
        self, model: Bot, settings: Any
    ) -> None:
        settings.LLM_URL = f"http://127.0.0.1:{model.port}/of/the/environment?api-version=1"
        settings.LLM_MODEL, settings.LLM_API_KEY = "larger", "key-of-the-environment"
        set_up(url="", model="")
        asks()
        turn_comes()

        assert model.paths == ["/of/the/environment/chat/completions?api-version=1"]
        assert model.asked[0]["model"] == "larger"
        assert model.raw[0][0]["Authorization"] == "Bearer key-of-the-environment"

    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            ("https://gw.example.com/v1/", "https://gw.example.com/v1/chat/completions"),
            ("https://gw.example.com", "https://gw.example.com/chat/completions"),
            ("https://gw.example.com/v1/chat/completions", "https://gw.example.com/v1/chat/completions"),
            ("https://gw.example.com/a%20b?x=1&y=", "https://gw.example.com/a%20b/chat/completions?x=1&y="),
        ],
    )
    def test_goes_to_the_completions_of_an_address(self, url: str, address: str) -> None:
        sender = Sender(bot_settings={"llm": {"url": url, "model": "any"}})

        assert Endpoint.of(sender).address == address

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://api.openai.com/v1", "max_completion_tokens"),
            ("https://ours.openai.azure.com/openai/v1", "max_completion_tokens"),
            ("https://notopenai.com/v1", "max_tokens"),
            ("http://ollama:11434/v1", "max_tokens"),
        ],
    )
    def test_limits_tokens_by_the_name_that_is_understood_there(self, url: str, name: str) -> None:
        sender = Sender(bot_settings={"llm": {"url": url, "model": "any"}})

        assert Endpoint.of(sender).model.tokens_as == name

    def test_may_take_as_long_as_is_set(self, model: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(calls, "SECONDS", 0.2)
        monkeypatch.setattr(calls, "LEASE", timedelta(seconds=5.2))
        model.says = [Said(completion("tarde"), after=1)]
        set_up(seconds=10)
        asks()
        turn_comes()

        assert spoken() == ["tarde"]

    def test_keeps_others_away_for_as_long(self, model: Bot) -> None:
        set_up(seconds=30)
        asks()
        [row] = BotTurn.objects.all()
        leases.claim(row, calls.LEASE)
        before = clock.now()

        assert calls._question(row, before) is not None

        row.refresh_from_db()
        assert row.leased_until
        assert timedelta(seconds=30) < row.leased_until - before < timedelta(seconds=40)
        leases.claim(BotTurn.objects.get(), calls.LEASE)
        assert calls._question(row, before) is None

    def test_never_takes_the_environments_key_elsewhere(self, model: Bot, settings: Any) -> None:
        settings.LLM_URL, settings.LLM_MODEL = "https://llm.example.com/v1", "larger"
        settings.LLM_API_KEY = "key-of-the-environment"
        Sender.objects.update(llm_key_encrypted="")
        asks()
        turn_comes()

        assert "Authorization" not in model.raw[0][0]

    def test_that_nobody_can_be_asked_goes_to_a_person(self, model: Bot) -> None:
        set_up(url="")
        asks()
        turn_comes()

        assert handoff().reason == "bot_failure"
        assert model.asked == []

    def test_holds_no_row_while_the_model_thinks(self, model: Bot) -> None:
        asks("primeira")
        [row] = BotTurn.objects.all()
        assert leases.claim(row)
        question = calls._question(row, clock.now())
        assert question is not None
        asks("segunda")

        heard = llm.hear(json.dumps(completion("velha")).encode())
        calls._answered(row, question, llm.reply([heard], question.turn, Masks(hides=True)))

        assert spoken() == []
        turn_comes()
        assert spoken() == ["Olá!"]
        assert told(model)[-1] == ("user", "primeira\nsegunda")


class TestWhatItMaySay:
    @pytest.mark.parametrize(
        "content",
        [
            "Cinco dias.",
            ["Cinco ", "dias."],
            [{"type": "text", "text": "Cinco dias."}],
            [{"type": "text", "text": "Cinco "}, {"type": "image"}, {"type": "text", "text": "dias."}],
            "<think>The customer asks\nfor the term.</think>\n\nCinco dias.",
            "[team] Cinco dias.",
        ],
        ids=str,
    )
    def test_in_every_form_that_servers_give_it(self, model: Bot, content: Any) -> None:
        model.says = [says(content)]
        asks()
        turn_comes()

        assert spoken() == ["Cinco dias."]

    def test_without_what_servers_leave_out(self, model: Bot) -> None:
        model.says = [Said({"choices": [{"message": {"content": "Cinco dias."}}]})]
        asks()
        turn_comes()

        assert spoken() == ["Cinco dias."]

    def test_is_plain_text(self, model: Bot) -> None:
        text = "**Veja** <b>aqui</b>: https://evil.example.com/?q=1 [clique](javascript:alert(1))"
        model.says = [says(text)]
        asks()
        turn_comes()

        assert spoken() == [text.replace("**Veja**", "*Veja*")]

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("São cinco dias. Para o interior são de", "São cinco dias."),
            ("Custa R$ 10. Já com frete são R$ 1.", "Custa R$ 10. Já com frete são R$ 1."[:0]),
            ("Temos dois:\n1. Azul\n2. Verd", "Temos dois:\n1. Azul"),
        ],
    )
    def test_that_broke_off_is_cut_where_a_sentence_ends(self, model: Bot, text: str, kept: str) -> None:
        model.says = [says(text, finish="length")]
        asks()
        turn_comes()

        assert spoken() == ([kept] if kept else [])
        assert bool(kept) == (builders.thread().mode == Mode.BOT)

    def test_is_no_more_than_people_read(self, model: Bot) -> None:
        model.says = [says("Uma frase. " * 2000)]
        asks()
        turn_comes()

        assert 0 < sum(map(len, spoken())) <= llm.LONGEST_TEXT
        assert spoken()[-1].endswith("frase.")


class TestHandingOver:
    def test_comes_after_what_it_says_in_the_same_answer(self, model: Bot) -> None:
        given = {**HAND_OVER, "intent": "endereço", "slots": {"pedido": "A-1"}, "suggested_reply": "Qual é?"}
        model.says = [says("Vou chamar alguém.", call("hand_over", given))]
        asks()
        turn_comes()

        assert spoken() == ["Vou chamar alguém."]
        found = handoff()
        assert (found.reason, found.summary, found.intent) == (
            "customer_asked",
            HAND_OVER["summary"],
            "endereço",
        )
        assert (found.slots, found.suggested_reply) == ({"pedido": "A-1"}, "Qual é?")

    def test_and_its_words_happen_both_or_neither(self, model: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
        def dies(point: str) -> None:
            if point == "bot.accepting":
                raise failpoints.Injected

        model.says = [says("Vou chamar alguém.", call("hand_over", HAND_OVER))]
        asks()
        with monkeypatch.context() as dying, pytest.raises(failpoints.Injected):
            dying.setattr(failpoints, "reached", dies)
            turn_comes()
        assert (spoken(), Handoff.objects.count()) == ([], 0)
        assert builders.thread().mode == Mode.BOT

        BotTurn.objects.update(leased_until=None)
        turn_comes()

        assert (spoken(), handoff().reason) == (["Vou chamar alguém."], "customer_asked")

    def test_needs_no_words(self, model: Bot) -> None:
        model.says = [says(None, call("hand_over", HAND_OVER))]
        asks()
        turn_comes()

        assert (spoken(), handoff().reason) == ([], "customer_asked")

    def test_wins_over_whatever_else_is_called(self, model: Bot) -> None:
        model.says = [
            says(
                None,
                call("refund", {}),
                call("remember", {"attributes": {"cor": "azul"}}),
                call("hand_over", HAND_OVER),
            )
        ]
        asks()
        turn_comes()

        assert handoff().reason == "customer_asked"
        assert builders.thread().contact.attributes == {"cor": "azul"}

    @pytest.mark.parametrize(
        "arguments",
        [
            "",
            "{",
            "[]",
            "null",
            '{"reason": 5}',
            '{"reason": "  "}',
            '{"summary": NaN}',
            '{"reason": "takeover"}',
        ],
    )
    def test_with_arguments_that_are_wrong_is_handing_over_all_the_same(
        self, model: Bot, arguments: str
    ) -> None:
        model.says = [says("Vou chamar alguém.", call("hand_over", arguments))]
        asks()
        turn_comes()

        assert (spoken(), handoff().reason) == (["Vou chamar alguém."], "bot_asked")

    def test_takes_what_can_be_taken(self, model: Bot) -> None:
        given = {
            "reason": "Sem estoque!",
            "summary": "x" * 9000,
            "intent": ["a"],
            "slots": {"ok": 1, "deep": {"a": 1}, "x" * 99: 1},
            "priority": 3,
        }
        model.says = [says(None, call("hand_over", given))]
        asks()
        turn_comes()

        found = handoff()
        assert (found.reason, found.intent, found.slots) == ("sem_estoque", "", {"ok": 1})
        assert len(found.summary) == 4096
        assert builders.thread().priority == llm.HIGHEST_PRIORITY

    @pytest.mark.parametrize(
        "said",
        [
            says("Não posso", finish="content_filter"),
            says(None, finish="content_filter"),
            says(None, refusal="I can't help with that."),
            Said({"error": {"code": "content_filter", "message": "..."}}, status=400),
        ],
        ids=["half", "nothing", "refusal", "status"],
    )
    def test_comes_of_an_answer_that_was_declined(self, model: Bot, said: Said) -> None:
        model.says = [said]
        asks()
        turn_comes()

        assert (spoken(), handoff().reason) == ([], "bot_asked")
        assert len(model.asked) == 1
        assert Sender.objects.get().bot_failures == 0


class TestRemembering:
    def test_goes_on_to_speak(self, model: Bot) -> None:
        remembers = call("remember", {"attributes": {"pedido": "A-1"}}, key=None)
        model.says = [says(None, remembers), says("Anotado!")]
        asks()
        turn_comes()

        assert spoken() == ["Anotado!"]
        assert builders.thread().contact.attributes == {"pedido": "A-1"}
        asked, kept = model.asked[1]["messages"][-2:]
        assert asked["tool_calls"][0]["id"] == kept["tool_call_id"] == "call_0"
        assert kept["role"] == "tool"

    def test_for_ever_is_no_answer(self, model: Bot) -> None:
        model.says = [says(None, call("remember", {"attributes": {"pedido": "A-1"}}))]
        asks()
        turn_comes()

        assert handoff().reason == "bot_failure"
        assert len(model.asked) == llm.ROUNDS

    def test_never_changes_what_is_known(self, model: Bot) -> None:
        conversation = asks()
        type(conversation.contact).objects.update(attributes={"vip": False})
        model.says = [says("Certo.", call("remember", {"attributes": {"vip": True, "cor": "azul"}}))]
        turn_comes()

        assert builders.thread().contact.attributes == {"vip": False, "cor": "azul"}

    @pytest.mark.parametrize(
        "attributes",
        [None, [], "x", {"deep": {"a": 1}}, {"": "x"}, {"n" * 61: "x"}, {"list": [1]}, {"nothing": None}],
        ids=str,
    )
    def test_nothing_but_short_facts(self, model: Bot, attributes: Any) -> None:
        model.says = [says("Certo.", call("remember", {"attributes": attributes}))]
        asks()
        turn_comes()

        assert spoken() == ["Certo."]
        assert builders.thread().contact.attributes == {}

    def test_ends_where_enough_is_known(self, model: Bot) -> None:
        conversation = asks()
        known = {f"a{number}": 1 for number in range(llm.MOST_KNOWN - 2)}
        type(conversation.contact).objects.update(attributes=known)
        more = {f"b{number}": "x" * 900 for number in range(99)}
        model.says = [says("Certo.", call("remember", {"attributes": more}))]
        turn_comes()

        found = builders.thread().contact.attributes
        assert len(found) == llm.MOST_KNOWN
        assert len(found["b0"]) == llm.LONGEST_FACT


class TestAfterAPerson:
    def test_is_told_what_was_settled_and_speaks_first(self, model: Bot) -> None:
        model.says = [says(None, call("hand_over", HAND_OVER))]
        asks("quero trocar o endereço")
        turn_comes()
        ana = builders.make_operator("ana")
        desk.claim(builders.thread(), operator=ana, door="panel", now=clock.now())
        held = builders.thread()
        desk.reply(
            held,
            operator=ana,
            door="panel",
            body="Troquei.",
            epoch=held.epoch,
            client_key="1",
            now=clock.now(),
        )
        held = builders.fresh(held)
        release = Release(
            outcome="solved",
            summary="Endereço trocado",
            facts={"pedido": "A-1"},
            promises=("ligar amanhã",),
            do_not_repeat=("pedir o CEP",),
            resume="bot_now",
        )
        desk.release(
            held,
            operator=ana,
            by=desk.cause(ana, "panel"),
            epoch=held.epoch,
            seen=held.seq,
            release=release,
            now=clock.now(),
        )
        model.says = [says("Mais alguma coisa?")]

        turn_comes()

        assert spoken()[-1] == "Mais alguma coisa?"
        system = told(model)[0][1]
        assert "A person of the team served this customer from" in system
        assert "outcome solved" in system
        for fact in ("Endereço trocado", '"pedido": "A-1"', "ligar amanhã", "pedir o CEP"):
            assert fact in system
        assert "It is your turn to speak first" in system
        assert str(ana.public_id) not in json.dumps(model.asked)
        assert any(role == "assistant" and "[team] Troquei." in text for role, text in told(model))
        assert told(model)[-1][0] == "user"
        assert Handoff.objects.get().told_at is not None


NOT_TAKEN = {
    "no_json": b"<html>",
    "list": b"[]",
    "error": b'{"error": {"message": "overloaded"}}',
    "no_choices": b'{"choices": []}',
    "number": b'{"choices": [{"message": {"content": 5}}]}',
    "nul": b'{"choices": [{"message": {"content": "a\\u0000b"}}]}',
    "surrogate": b'{"choices": [{"message": {"content": "\\ud800"}}]}',
    "bytes": b"\xff\xfe",
    "padded": b"{}" + b" " * 300_000,
    "blank": json.dumps(completion("  ")).encode(),
    "nothing": json.dumps(completion(None)).encode(),
    "thought": json.dumps(completion("<think>the customer wants")).encode(),
    "unknown_tool": json.dumps(completion(None, call("refund", {"amount": 100}))).encode(),
}


class TestAModelThatFails:
    @pytest.mark.parametrize("body", NOT_TAKEN.values(), ids=NOT_TAKEN)
    def test_by_what_cannot_be_taken_hands_over_at_once(self, model: Bot, body: bytes, caplog: Any) -> None:
        caplog.set_level(logging.WARNING)
        model.says = [Said(body)]
        asks("meu segredo é xerostomia")
        turn_comes()

        assert (spoken(), handoff().reason) == ([], "bot_failure")
        assert len(model.asked) == 1
        assert "xerostomia" not in caplog.text
        assert KEY not in caplog.text

    @pytest.mark.parametrize("status", [0, 408, 429, 500, 503])
    def test_for_a_moment_is_asked_again(self, model: Bot, status: int) -> None:
        model.says = [Said(status=status, headers={"Retry-After": "1"}), says("Olá!")]
        asks()
        turn_comes()
        turn_comes(20)

        assert spoken() == ["Olá!"]
        assert len(model.asked) == 2

    def test_for_longer_hands_over_after_three_attempts(self, model: Bot) -> None:
        model.says = [Said(status=503)]
        asks()
        for after in (5, 10, 20):
            turn_comes(after)

        assert handoff().reason == "bot_failure"
        assert len(model.asked) == calls.ATTEMPTS
        assert Sender.objects.get().bot_failures == 1

    @pytest.mark.parametrize("status", [301, 400, 401, 404])
    def test_for_good_is_not_asked_again(self, model: Bot, status: int) -> None:
        model.says = [Said(status=status)]
        asks()
        turn_comes()

        assert handoff().reason == "bot_failure"
        assert len(model.asked) == 1

    def test_by_silence_is_left_after_the_time_of_one_question(
        self, model: Bot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both rounds of one question have it together."""
        monkeypatch.setattr(calls, "SECONDS", 0.5)
        slow = completion(None, call("remember", {"attributes": {"a": 1}}))
        model.says = [Said(slow), Said(completion("tarde"), after=2)]
        asks()
        turn_comes()

        assert spoken() == []
        assert BotTurn.objects.exclude(open_for=None).count() == 1
