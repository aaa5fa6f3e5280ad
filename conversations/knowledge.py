"""Finding what the company knows about a question: its articles, and the answers of the number's built-in bot.

By words, and by how rare each is among what was found: "prazo" counts, "pedido" that stands in every article hardly
does. The same question finds the same on every database, and looks at a bounded number of rows. One company's alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Q

from conversations import words
from conversations.bots.base import Article
from conversations.models import BotAnswer, KnowledgeArticle, Sender

MOST, LONGEST = 3, 6000
"""Articles, and characters of all of them, that one turn brings."""
WORDS, STEM, SHORTEST = 16, 5, 3
CANDIDATES = 200
TITLE, OTHER_LANGUAGE, INFLECTED = 2.0, 0.6, 0.7
_ENOUGH = 0.34
"""Of the best one's score: what is far behind it only takes room."""


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_COMMON = _set(
    "que qual quais quem como onde quando quanto quanta para por pra pelo pela com sem uma uns umas dos das nos nas"
    " num numa mas mais muito esse essa este esta isso isto voces voce meu minha seu sua nao sim tem ter tenho quero"
    " queria gostaria posso pode fazer ser sao foi estou ola boa bom dia tarde noite obrigado obrigada favor aqui ali"
    " sobre ate entre the and for with what which who how where when why does did you your can could would have has"
    " are was will this that from about please hello thanks los las una unos unas del con sin cual cuales quien donde"
    " cuando cuanto pero muy eso usted ustedes tiene tener quiero quisiera puedo puede hacer hola buenos buenas dias"
    " tardes noches gracias"
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    article: Article
    language: str
    place: tuple[int, int]
    """Articles before answers, and each as it came: what decides between equals."""

    @property
    def title(self) -> frozenset[str]:
        return frozenset(words.normalise(self.article.title).split())

    @property
    def text(self) -> frozenset[str]:
        return frozenset(words.normalise(self.article.text).split())


def found(question: str, *, sender: Sender, language: str) -> tuple[Article, ...]:
    """At most MOST pieces that answer it best, the best first; none where no word of it is known."""
    asked = _asked(question)
    if not asked:
        return ()
    candidates = [*_articles(asked, sender), *_answers(asked, sender)]
    scored = [(one, score) for one, score in _scored(asked, candidates, language) if score > 0]
    scored.sort(key=lambda pair: (-pair[1], pair[0].place))
    best = scored[0][1] if scored else 0.0
    return tuple(_fitting(one.article for one, score in scored[:MOST] if score >= best * _ENOUGH))


def _asked(question: str) -> list[str]:
    said = words.normalise(question).split()
    telling = (word for word in said if len(word) >= SHORTEST and word not in _COMMON)
    return list(dict.fromkeys(telling))[:WORDS]


def _stem(word: str) -> str:
    return word[:STEM]


def _articles(asked: list[str], sender: Sender) -> Iterator[_Candidate]:
    holds = Q()
    for stem in dict.fromkeys(map(_stem, asked)):
        holds |= Q(search_text__contains=f" {stem}")
    rows = KnowledgeArticle.objects.filter(holds, organization=sender.organization_id, active=True)
    for row in rows.order_by("-pk")[:CANDIDATES]:
        yield _Candidate(Article(row.title, row.body), row.language, (0, -row.pk))


def _answers(asked: list[str], sender: Sender) -> Iterator[_Candidate]:
    """One that calls a person says nothing that a model could tell."""
    stems = set(map(_stem, asked))
    rows = BotAnswer.objects.filter(sender=sender, active=True, hands_over=False).exclude(text="")
    for row in rows.order_by("order", "pk")[:CANDIDATES]:
        title = f"{row.label} ({row.keywords})" if row.keywords else row.label
        one = _Candidate(Article(title, row.text), row.language, (1, row.order))
        if stems & set(map(_stem, one.title | one.text)):
            yield one


def _scored(
    asked: list[str], candidates: list[_Candidate], language: str
) -> Iterator[tuple[_Candidate, float]]:
    read = [(one, one.title, one.text) for one in candidates]
    stems = [frozenset(map(_stem, title | text)) for _one, title, text in read]
    weights = {
        word: math.log(1 + len(read) / (1 + sum(_stem(word) in known for known in stems))) for word in asked
    }
    for one, title, text in read:
        score = sum(
            weight * (TITLE * _fit(word, title) + _fit(word, text)) for word, weight in weights.items()
        )
        yield one, score * (1.0 if one.language == language else OTHER_LANGUAGE)


def _fit(word: str, known: frozenset[str]) -> float:
    if word in known:
        return 1.0
    return INFLECTED if any(_stem(other) == _stem(word) for other in known) else 0.0


def _fitting(articles: Iterable[Article]) -> Iterator[Article]:
    """As many as there is room for; the last may be cut at a sentence."""
    room = LONGEST
    for article in articles:
        text = article.text
        if len(text) > room:
            ends = [stop.end() for stop in re.finditer(r"[.!?…](?=\s)|\n", text[:room])]
            text = text[: ends[-1]].rstrip() if ends else ""
        room -= len(text)
        if text:
            yield Article(article.title, text)
