"""The built-in bot: greeting, menu, keywords. No network; the same turn always gives the same reply."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import Any

from conversations import lexicon, words
from conversations.bots import base
from conversations.bots.base import Answer, HandoffRequest, Line, ReleaseContext, Reply, Turn
from conversations.bots.phrases import DEFAULT_ANSWERS, phrase, received

__all__ = ["DEFAULT_ANSWERS", "RulesEngine", "choose"]

MISSES = 2
SUMMARY, QUOTE = 500, 200
# A request of so many words says more than that a person is wanted.
BRIEF = 8
SESSION = timedelta(hours=12)
BURST = timedelta(minutes=2)
_TEXT = ("text", "button", "list", "flow")


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_MENU = _set("0 menu voltar back volver inicio opcoes options opciones home")
_HELLO = _set(
    "oi oie oii ola opa alo bom boa dia tarde noite tudo bem e ai hi hello hey good morning afternoon evening "
    "hola buenas buenos dias tardes noches que tal como vai voce esta are you how"
)
_THANKS = _set(
    "obrigado obrigada obg brigado brigada muito valeu vlw ok okay certo beleza blz perfeito entendi show tchau "
    "ate mais logo thanks thank you very much thx great perfect bye gracias muchas vale listo perfecto adios "
    "por tudo for everything so nao no nada era isso e that is all eso es todo"
)
_NUMBER = re.compile(r"(?:opcao |option |opcion |numero |number )?(\d{1,2})")


class RulesEngine:
    """``state``: greeted, misses in a row, labels answered, reintroduce."""

    def reply(self, turn: Turn) -> Reply:
        if turn.kind == "released":
            return _resume(turn)
        if turn.message is None or turn.message.author != "customer":
            return Reply(state=dict(turn.state))
        return _react(turn, turn.message, _remembered(turn, turn.message))


def _remembered(turn: Turn, message: Line) -> dict[str, Any]:
    """The state, with a release that this session has not heard of yet: no newcomer's greeting after a person."""
    state = dict(turn.state)
    release = turn.release
    if release is None or release.resume == "close" or release.human_started_at is None:
        return state
    if not state and release.human_ended_at and message.at - release.human_ended_at > SESSION:
        return state
    return {**state, "greeted": True, "reintroduce": True}


def _react(turn: Turn, message: Line, state: dict[str, Any]) -> Reply:
    said = words.normalise(message.text)
    if words.asks_for_person(message.text):
        return _hand_over(turn, state, base.CUSTOMER_ASKED)
    for line in _burst(turn, message):
        command = words.normalise(line.text)
        if command not in _MENU and (answer := choose(turn.answers, line.text)):
            return _give(turn, state, answer)
        if command in _MENU or words.cancels_wait(line.text):
            return _say(turn, state, _menu(turn))
    if _only(said, _HELLO) or _courteous(message.text, said):
        return _be_polite(turn, state, said)
    return _miss(turn, message, state)


def _burst(turn: Turn, message: Line) -> list[Line]:
    """The newest message, then the ones just before it that nobody has answered: one turn answers them all."""
    burst = [message]
    for line in reversed(turn.history):
        if line.author != "customer" or message.at - line.at > BURST:
            break
        if line != message:
            burst.append(line)
    return burst


def choose(answers: tuple[Answer, ...], text: str) -> Answer | None:
    """The answer picked by its number in the menu, else the one with the longest label or keyword in the text."""
    said = words.normalise(text)
    if number := _NUMBER.fullmatch(said):
        menu = [answer for answer in answers if answer.menu]
        place = int(number[1])
        return menu[place - 1] if 0 < place <= len(menu) else None
    typed = said.split()[:60]
    best, longest = None, (0, False)
    for answer in answers:
        fit = max(
            (_fit(answer, term, typed) for term in (answer.label, *answer.keywords)), default=(0, False)
        )
        if fit > longest:
            best, longest = answer, fit
    return best


def _fit(answer: Answer, term: str, typed: list[str]) -> tuple[int, bool]:
    """How many letters of the term stand in the message, and whether without a typo."""
    meant = words.normalise(term).split()
    room = len(typed) - len(meant)
    # "falar com atendente" inside a sentence may be a mention: telling them apart is not a keyword's work.
    if not meant or (room and answer.hands_over and words.asks_for_person(term)):
        return 0, False
    for place in range(room + 1):
        pairs = list(zip(typed[place:], meant, strict=False))
        if all(lexicon.same_word(one, other) for one, other in pairs):
            return len("".join(meant)), all(one == other for one, other in pairs)
    return 0, False


def _give(turn: Turn, state: dict[str, Any], answer: Answer) -> Reply:
    if answer.hands_over:
        return _hand_over(turn, state, base.BOT_ASKED, answer.text, answer=answer)
    known = [label for label in state.get("answered", ()) if label != answer.label]
    state = {**state, "answered": [*known, answer.label][-5:]}
    if not answer.text:
        return _say(turn, state, _menu(turn))
    return _say(turn, state, answer.text, phrase(turn.language, "hint"))


def _be_polite(turn: Turn, state: dict[str, Any], said: str) -> Reply:
    if not state.get("greeted") or state.get("reintroduce"):
        return _say(turn, state, _menu(turn))
    if _only(said, _HELLO):
        return _say(turn, state, _hello(turn), _menu(turn))
    return _say(turn, state, phrase(turn.language, "welcome"))


def _only(said: str, vocabulary: frozenset[str]) -> bool:
    return bool(said) and vocabulary.issuperset(said.split())


def _courteous(text: str, said: str) -> bool:
    """Thanks, a good-bye, or nothing but a thumbs-up: no question to miss."""
    if not said:
        return any(unicodedata.category(char) == "So" for char in text[:50])
    return _only(said, _THANKS)


def _miss(turn: Turn, message: Line, state: dict[str, Any]) -> Reply:
    misses = int(state.get("misses", 0)) + 1
    media = message.kind not in _TEXT and not message.text.strip()
    seen = received(turn.language, message.kind) if media else ""
    if misses >= MISSES:
        last = phrase(turn.language, "give_up")
        return _hand_over(turn, {**state, "misses": misses}, base.NOT_UNDERSTOOD, seen, last)
    missed = phrase(turn.language, "describe" if media else "missed")
    return _say(turn, state, f"{seen} {missed}".strip(), _menu(turn), misses=misses)


def _say(turn: Turn, state: dict[str, Any], *parts: str, misses: int = 0) -> Reply:
    """One bubble, after the greeting where one is due. Whatever was understood ends a row of misses."""
    bubble = "\n\n".join(part for part in (_opening(turn, state), *parts) if part)
    return Reply(messages=(bubble,), state=_spoken(state, misses))


def _hand_over(
    turn: Turn, state: dict[str, Any], reason: str, *parts: str, answer: Answer | None = None
) -> Reply:
    """The queue has words of its own for the wait, so nothing is added when there is nothing else to say."""
    said = [part for part in parts if part]
    bubble = "\n\n".join(part for part in (_opening(turn, state), " ".join(said)) if part)
    return Reply(
        messages=(bubble,) if said else (),
        state=_spoken(state) if said else {**state, "misses": 0},
        handoff=HandoffRequest(
            reason=reason,
            summary=_summary(turn, state),
            intent=answer.label if answer else "",
            queue=answer.queue if answer else None,
        ),
    )


def _spoken(state: dict[str, Any], misses: int = 0) -> dict[str, Any]:
    return {**state, "greeted": True, "reintroduce": False, "misses": misses}


def _opening(turn: Turn, state: dict[str, Any]) -> str:
    """Once per session the bot says that it is one; and once more where it follows a person."""
    if state.get("reintroduce"):
        return phrase(turn.language, "back", brand=turn.brand)
    if state.get("greeted"):
        return ""
    return f"{_hello(turn)} {phrase(turn.language, 'intro', brand=turn.brand)}"


def _hello(turn: Turn) -> str:
    # A profile name is whatever somebody typed: only what looks like a first name is repeated.
    name = turn.contact_name.split()[0] if turn.contact_name.strip() else ""
    if 2 <= len(name) <= 20 and name.replace("-", "").replace("'", "").isalpha():
        return phrase(turn.language, "hello", name=name)
    return phrase(turn.language, "hello_nameless")


def _menu(turn: Turn) -> str:
    entries = [answer.label for answer in turn.answers if answer.menu]
    numbered = [f"{number}. {label}" for number, label in enumerate(entries, 1)]
    head = phrase(turn.language, "menu" if entries else "menu_empty")
    return "\n".join([head, *numbered, "", phrase(turn.language, "person")])


def _resume(turn: Turn) -> Reply:
    """The end of human service. Only ``bot_now`` makes the bot speak; otherwise it waits, knowing what happened."""
    release = turn.release
    if release is None or release.resume == "close":
        return Reply(state={} if release else dict(turn.state))
    served = release.human_started_at is not None
    state = {**turn.state, "misses": 0}
    if release.resume == "wait":
        return Reply(state={**state, "greeted": True, "reintroduce": True} if served else state)
    back = phrase(turn.language, "back" if served else "intro", brand=turn.brand)
    parts = (
        f"{phrase(turn.language, 'after_wait')} {back}",
        *_settled(turn, release),
        _left_open(turn, release),
    )
    return Reply(messages=("\n\n".join(part for part in parts if part),), state=_spoken(state))


def _settled(turn: Turn, release: ReleaseContext) -> list[str]:
    """The operator's summary and promises, without what is not to be said again."""
    sentences = _SENTENCE.split(release.summary.strip())
    summary = " ".join(one for one in sentences if one and not _said_already(one, release))
    promises = [one.strip() for one in release.promises if one.strip() and not _said_already(one, release)]
    noted = (
        phrase(turn.language, "noted", summary=summary) if summary else phrase(turn.language, "noted_nothing")
    )
    if not promises:
        return [noted]
    return [noted, "\n".join([phrase(turn.language, "promised"), *(f"• {one}" for one in promises)])]


_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def _said_already(text: str, release: ReleaseContext) -> bool:
    said = f" {words.normalise(text)} "
    return any(f" {done} " in said for item in release.do_not_repeat if (done := words.normalise(item)))


def _left_open(turn: Turn, release: ReleaseContext) -> str:
    """What the customer wrote after the operator's last word, answered now if an answer fits; else an offer."""
    for line in reversed(release.messages_since):
        if line.author == "operator":
            break
        answer = choose(turn.answers, line.text) if line.author == "customer" else None
        if answer and answer.text and not answer.hands_over and not _said_already(answer.text, release):
            return answer.text
    return phrase(turn.language, "more")


def _summary(turn: Turn, state: dict[str, Any]) -> str:
    """Short facts for the operator: what was asked last, what the bot answered, how often it missed."""
    lines = []
    if question := _last_question(turn):
        lines.append(phrase(turn.language, "asked", text=question))
    if answered := state.get("answered"):
        lines.append(phrase(turn.language, "tried", labels=", ".join(answered)))
    if (misses := int(state.get("misses", 0))) >= MISSES:
        lines.append(phrase(turn.language, "misses", count=misses))
    return "\n".join(lines)[:SUMMARY]


def _last_question(turn: Turn) -> str:
    lines = [*turn.history, *([turn.message] if turn.message else [])]
    for line in reversed(lines):
        said = words.normalise(line.text)
        if line.author == "customer" and not _steers(line.text, said):
            return " ".join(line.text.split())[:QUOTE]
    return ""


def _steers(text: str, said: str) -> bool:
    """A number, "menu", "oi" or "atendente" is no question."""
    if not said or said in _MENU or _NUMBER.fullmatch(said) or words.cancels_wait(text):
        return True
    if _only(said, _HELLO) or _only(said, _THANKS):
        return True
    return words.asks_for_person(text) and len(said.split()) < BRIEF
