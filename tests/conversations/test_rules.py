"""João talks to the built-in bot of Casa Aurora."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.bots import base, phrases
from conversations.bots.base import Answer, Line, ReleaseContext, Reply, Turn
from conversations.bots.rules import DEFAULT_ANSWERS, RulesEngine

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOURS, PLACE, SLIP, PERSON = DEFAULT_ANSWERS["pt-br"]
GREETED = {"greeted": True}


def line(text: str, *, author: base.Author = "customer", kind: str = "text", at: datetime = NOON) -> Line:
    return Line(author=author, text=text, kind=kind, at=at)


def turn(said: str | Line | None = None, **changes: Any) -> Turn:
    message = line(said) if isinstance(said, str) else said
    joao = Turn(
        turn_id="t1",
        kind="message",
        conversation="c1",
        epoch=1,
        session=1,
        language="pt-br",
        contact_name="João da Silva",
        message=message,
        history=(message,) if message else (),
        answers=DEFAULT_ANSWERS["pt-br"],
        brand="Casa Aurora",
    )
    return dataclasses.replace(joao, **changes)


def answer_to(said: str | Line | None = None, **changes: Any) -> Reply:
    return RulesEngine().reply(turn(said, **changes))


def text_of(reply: Reply) -> str:
    assert len(reply.messages) == 1
    return reply.messages[0]


def release(**changes: Any) -> ReleaseContext:
    settled = ReleaseContext(
        outcome="solved",
        summary="Troca do vestido aprovada. CPF conferido.",
        promises=("Enviar o código de rastreio até amanhã",),
        resume="bot_now",
        human_started_at=NOON - timedelta(minutes=20),
        human_ended_at=NOON - timedelta(minutes=1),
    )
    return dataclasses.replace(settled, **changes)


class TestGreeting:
    @pytest.mark.parametrize(
        ("language", "opening"),
        [
            ("pt-br", "Olá, João! Sou o assistente virtual de Casa Aurora."),
            ("en", "Hello, João! I am the virtual assistant of Casa Aurora."),
            ("es", "¡Hola, João! Soy el asistente virtual de Casa Aurora."),
        ],
    )
    def test_says_who_speaks_and_what_there_is(self, language: str, opening: str) -> None:
        reply = answer_to("oi", language=language, answers=DEFAULT_ANSWERS[language])

        assert text_of(reply).startswith(opening)
        for number, answer in enumerate(DEFAULT_ANSWERS[language], 1):
            assert f"{number}. {answer.label}" in text_of(reply)
        assert reply.state["misses"] == 0

    def test_comes_once_per_session(self) -> None:
        first = answer_to("oi")
        second = answer_to("horário", state=first.state)

        assert "Sou o assistente virtual" not in text_of(second)
        assert HOURS.text in text_of(second)

    def test_comes_together_with_the_first_answer(self) -> None:
        reply = answer_to("Qual o horário de vocês?")

        assert "Sou o assistente virtual de Casa Aurora" in text_of(reply)
        assert HOURS.text in text_of(reply)
        assert "1. " not in text_of(reply)

    @pytest.mark.parametrize("name", ["", "   ", "🌸🌸", "www.x.com", "5511999990000", "A" * 200])
    def test_repeats_only_what_looks_like_a_name(self, name: str) -> None:
        assert text_of(answer_to("oi", contact_name=name)).startswith("Olá! Sou")

    def test_falls_back_to_portuguese(self) -> None:
        assert text_of(answer_to("oi", language="fr")).startswith("Olá")

    def test_offers_no_empty_menu(self) -> None:
        reply = answer_to("oi", answers=())

        assert "1." not in text_of(reply)
        assert "atendente" in text_of(reply)


class TestAnswers:
    @pytest.mark.parametrize(
        ("said", "answer"),
        [
            ("1", HOURS),
            ("opção 2", PLACE),
            ("3️⃣", SLIP),
            ("3.", SLIP),
            ("Horário de atendimento", HOURS),
            ("a que HORAS abre?", HOURS),
            ("qual o orario? horaroi?", HOURS),
            ("quero saber da entrga", PLACE),
            ("preciso da segunda via do meu boleto", SLIP),
            ("2ª VIA", SLIP),
            ("boletos", SLIP),
        ],
    )
    def test_are_found_by_number_label_or_keyword(self, said: str, answer: Answer) -> None:
        reply = answer_to(said, state=GREETED)

        assert answer.text in text_of(reply)
        assert reply.handoff is None
        assert reply.state["answered"] == [answer.label]

    @pytest.mark.parametrize("said", ["9", "55", "abrir reclamação", "fechamento", "reentregas", "pagode"])
    def test_need_a_whole_word(self, said: str) -> None:
        assert answer_to(said, state=GREETED).state["misses"] == 1

    def test_prefer_the_longer_keyword(self) -> None:
        general = Answer("Pagamento", ("pagamento",), "geral")
        special = Answer("Pix", ("pagamento por pix",), "pix")

        reply = answer_to("como faço o pagamento por pix?", answers=(general, special), state=GREETED)

        assert text_of(reply).startswith("pix")

    def test_outside_the_menu_have_no_number(self) -> None:
        hidden = Answer("Vagas", ("vagas", "emprego"), "Não há vagas.", menu=False)

        assert "Vagas" not in text_of(answer_to("menu", answers=(hidden, HOURS)))
        assert HOURS.text in text_of(answer_to("1", answers=(hidden, HOURS)))
        assert "Não há vagas." in text_of(answer_to("tem emprego?", answers=(hidden, HOURS)))

    def test_may_call_a_person(self) -> None:
        complaint = Answer(
            "Reclamação", ("defeito",), "Sinto muito por isso.", hands_over=True, queue="Trocas"
        )

        reply = answer_to("veio com defeito", answers=(HOURS, complaint), state=GREETED)

        assert reply.handoff is not None
        assert (reply.handoff.reason, reply.handoff.queue) == ("bot_asked", "Trocas")
        assert "veio com defeito" in reply.handoff.summary
        assert text_of(reply) == "Sinto muito por isso."

    def test_call_no_person_for_a_mention(self) -> None:
        reply = answer_to("não quero falar com atendente", state=GREETED)

        assert reply.handoff is None

    @pytest.mark.parametrize("said", ["menu", "0", "MENU", "voltar", "*menú*"])
    def test_give_way_to_the_menu(self, said: str) -> None:
        dish = Answer("Menu do dia", ("menu",), "Arroz e feijão")

        reply = answer_to(said, answers=(HOURS, dish), state={"greeted": True, "misses": 1})

        assert "1. Horário de atendimento\n2. Menu do dia" in text_of(reply)
        assert reply.state["misses"] == 0

    def test_serve_the_bubble_before_a_short_last_one(self) -> None:
        question, last = line("qual o horário?", at=NOON - timedelta(seconds=3)), line("obrigado")

        reply = answer_to(last, history=(question, last), state=GREETED)

        assert HOURS.text in text_of(reply)

    def test_leave_answered_bubbles_alone(self) -> None:
        lines = (line("horário"), line("Atendemos…", author="bot"), line("obrigado"))

        reply = answer_to(lines[-1], history=lines, state=GREETED)

        assert "Por nada!" in text_of(reply)


class TestMisses:
    def test_offer_the_menu_first(self) -> None:
        reply = answer_to("xpto", state=GREETED)

        assert "Não entendi" in text_of(reply)
        assert "1. Horário de atendimento" in text_of(reply)
        assert reply.handoff is None

    def test_bring_a_person_when_two_come_in_a_row(self) -> None:
        first = answer_to("xpto", state=GREETED)
        second = answer_to("cadê meu vestido azul", state=first.state)

        assert second.handoff is not None
        assert second.handoff.reason == "not_understood"
        assert "cadê meu vestido azul" in second.handoff.summary
        assert "uma pessoa da equipe" in text_of(second)
        assert second.state["misses"] == 0

    @pytest.mark.parametrize("between", ["1", "menu", "obrigado", "oi", "👍", "horário"])
    def test_are_forgotten_after_a_hit(self, between: str) -> None:
        state: dict[str, Any] = dict(GREETED)
        for said in ("xpto", between, "xpto"):
            reply = answer_to(said, state=state)
            state = reply.state

            assert reply.handoff is None

    def test_count_from_the_first_message(self) -> None:
        first = answer_to("xpto")

        assert "Sou o assistente virtual" in text_of(first)
        assert answer_to("xpto", state=first.state).handoff is not None

    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("image", "imagem"),
            ("audio", "áudio"),
            ("video", "vídeo"),
            ("document", "arquivo"),
            ("unsupported", "arquivo"),
        ],
    )
    def test_include_media_without_words(self, kind: str, words: str) -> None:
        reply = answer_to(line("", kind=kind), state=GREETED)

        assert words in text_of(reply)
        assert "Escreva em texto" in text_of(reply)
        assert reply.state["misses"] == 1

    def test_name_the_media_when_a_person_is_called(self) -> None:
        reply = answer_to(line("", kind="image"), state={"greeted": True, "misses": 1})

        assert "Recebi sua imagem" in text_of(reply)
        assert "Escreva em texto" not in text_of(reply)
        assert reply.handoff is not None

    def test_do_not_include_a_caption_that_is_understood(self) -> None:
        assert SLIP.text in text_of(answer_to(line("meu boleto", kind="image"), state=GREETED))


class TestAskingForAPerson:
    def test_is_passed_on_without_another_word(self) -> None:
        past = (
            line("o vestido veio rasgado"),
            line("Não entendi.", author="bot"),
            line("quero um atendente"),
        )

        reply = answer_to(past[-1], history=past, state={**GREETED, "answered": [HOURS.label]})

        assert reply.messages == ()
        assert reply.handoff is not None
        assert reply.handoff.reason == "customer_asked"
        assert "o vestido veio rasgado" in reply.handoff.summary
        assert HOURS.label in reply.handoff.summary

    def test_keeps_the_summary_short(self) -> None:
        reply = answer_to("x" * 3000, state={"greeted": True, "misses": 1, "answered": ["y" * 300] * 5})

        assert reply.handoff is not None
        assert 0 < len(reply.handoff.summary) <= 500


class TestEcho:
    @pytest.mark.parametrize("author", ["bot", "operator", "system"])
    def test_is_never_answered(self, author: base.Author) -> None:
        reply = answer_to(line("menu", author=author), state=GREETED)

        assert reply == Reply(state=GREETED)

    def test_of_nothing_is_silence(self) -> None:
        assert answer_to(None).messages == ()


class TestRelease:
    def test_lets_the_bot_speak_at_once(self) -> None:
        said = text_of(answer_to(kind="released", release=release(), state=GREETED))

        assert "Agradeço por aguardar!" in said
        assert "Troca do vestido aprovada. CPF conferido." in said
        assert "• Enviar o código de rastreio até amanhã" in said
        assert "assistente virtual de Casa Aurora" in said
        assert "menu" in said

    def test_keeps_to_itself_what_is_not_to_be_repeated(self) -> None:
        settled = release(do_not_repeat=("CPF", "codigo de rastreio"))

        said = text_of(answer_to(kind="released", release=settled))

        assert "Troca do vestido aprovada." in said
        assert "CPF" not in said
        assert "rastreio" not in said

    def test_says_something_neutral_without_a_summary(self) -> None:
        said = text_of(answer_to(kind="released", release=release(summary="", promises=())))

        assert "terminou" in said
        assert "Registrei" not in said

    def test_answers_what_the_operator_left_open(self) -> None:
        since = (line("Tudo certo com a troca!", author="operator"), line("e qual o horário de vocês?"))

        said = text_of(answer_to(kind="released", release=release(messages_since=since)))

        assert HOURS.text in said

    def test_does_not_answer_what_the_operator_answered(self) -> None:
        since = (line("qual o horário?"), line("Até as 18h!", author="operator"))

        said = text_of(answer_to(kind="released", release=release(messages_since=since)))

        assert HOURS.text not in said

    def test_waits_in_silence(self) -> None:
        reply = answer_to(kind="released", release=release(resume="wait"))
        after = answer_to("oi", state=reply.state)

        assert reply.messages == ()
        assert text_of(after).startswith("Aqui é o assistente virtual de Casa Aurora de novo.")
        assert "Olá" not in text_of(after)
        assert "de novo" not in text_of(answer_to("1", state=after.state))

    def test_is_known_to_the_next_turn(self) -> None:
        reply = answer_to("horário", release=release(resume="wait"))

        assert text_of(reply).startswith("Aqui é o assistente virtual de Casa Aurora de novo.")

    def test_is_forgotten_by_another_session(self) -> None:
        long_ago = release(resume="wait", human_ended_at=NOON - timedelta(days=2))

        assert text_of(answer_to("oi", release=long_ago)).startswith("Olá, João! Sou")
        assert text_of(answer_to("oi", release=release(resume="close"))).startswith("Olá, João! Sou")

    def test_starts_afresh_after_a_close(self) -> None:
        assert answer_to(kind="released", release=release(resume="close"), state=GREETED) == Reply()

    def test_without_a_person_does_not_speak_of_one(self) -> None:
        cancelled = release(
            outcome="cancelled", resume="wait", summary="", promises=(), human_started_at=None
        )

        assert text_of(answer_to("oi", release=cancelled)).startswith("Olá, João! Sou")
        assert text_of(answer_to("oi", release=cancelled, state=GREETED)).startswith("Olá, João!\n")


class TestAnyMessage:
    @settings(max_examples=100, deadline=None)
    @given(text=st.text(max_size=400), name=st.text(max_size=40), misses=st.integers(0, 1))
    def test_gets_one_bubble_or_a_person(self, text: str, name: str, misses: int) -> None:
        reply = answer_to(text, contact_name=name, state={"greeted": True, "misses": misses})

        assert len(reply.messages) == 1 or reply.handoff is not None
        assert all(bubble.strip() for bubble in reply.messages)


class TestPhrases:
    def test_are_complete_in_every_language(self) -> None:
        keys = [set(phrases._PHRASES[language]) for language in ("pt-br", "en", "es")]

        assert keys[0] == keys[1] == keys[2]

    @pytest.mark.parametrize("language", ["pt-br", "en", "es"])
    def test_lead_from_every_default_answer_to_its_text(self, language: str) -> None:
        for number, answer in enumerate(DEFAULT_ANSWERS[language], 1):
            reply = answer_to(
                str(number), language=language, answers=DEFAULT_ANSWERS[language], state=GREETED
            )

            assert (reply.handoff is not None) == answer.hands_over
            assert answer.hands_over or answer.text in text_of(reply)


class TestLoadEngine:
    def test_knows_the_built_in_one(self) -> None:
        assert isinstance(base.load_engine("rules"), RulesEngine)

    def test_refuses_an_unknown_name(self) -> None:
        with pytest.raises(ValueError, match="no bot engine"):
            base.load_engine("oracle")
