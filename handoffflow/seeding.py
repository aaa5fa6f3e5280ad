"""What every installation begins with: a queue, closing reasons, answers of the built-in bot.

Each part is made once, and only where nothing of its kind is: what a supervisor removed stays removed.
"""

from __future__ import annotations

from conversations.atomically import atomically
from conversations.bots import rules
from conversations.models import BotAnswer, Organization, Queue, Sender
from operators.models import Reason

QUEUE = "Atendimento"
REASONS = {
    "solved": {"pt-br": "Resolvido", "en": "Solved", "es": "Resuelto"},
    "customer_left": {"pt-br": "Cliente sumiu", "en": "Customer left", "es": "Cliente no respondió"},
    "not_solved": {"pt-br": "Sem solução", "en": "Not solved", "es": "Sin solución"},
    "spam": {"pt-br": "Engano ou spam", "en": "Wrong number or spam", "es": "Error o spam"},
}
_SEEDED = "answers_seeded"


@atomically
def defaults(*, example: bool = False) -> Organization:
    """Make what is missing. ``example`` answers are those of a shop that does not exist: only for a demo."""
    organization = Organization.default()
    queue(organization)
    if not Reason.objects.filter(organization=organization).exists():
        for order, (code, labels) in enumerate(REASONS.items()):
            Reason.objects.create(organization=organization, code=code, labels=labels, order=order)
    sender = Sender.objects.of_environment()
    if sender is not None:
        answers(sender, example=example)
    return organization


def queue(organization: Organization) -> Queue:
    existing = Queue.objects.default_of(organization)
    return existing or Queue.objects.create(organization=organization, name=QUEUE, is_default=True)


def answers(sender: Sender, *, example: bool) -> None:
    """The bot of a real company must not invent an address: it gets only the entry that calls a person."""
    if sender.bot_settings.get(_SEEDED):
        return
    for language, entries in rules.DEFAULT_ANSWERS.items():
        for order, entry in enumerate(entries):
            if example or entry.hands_over:
                BotAnswer.objects.get_or_create(
                    sender=sender,
                    language=language,
                    label=entry.label,
                    defaults={
                        "keywords": ", ".join(entry.keywords),
                        "text": entry.text,
                        "in_menu": entry.menu,
                        "hands_over": entry.hands_over,
                        "order": order,
                    },
                )
    sender.bot_settings = {**sender.bot_settings, _SEEDED: True}
    sender.save(update_fields=["bot_settings"])
