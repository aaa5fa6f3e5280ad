"""The lists of the admin, and another company with something in each of them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from conversations.models import (
    BotAnswer,
    InboundWebhook,
    KnowledgeArticle,
    Organization,
    Queue,
    Sender,
)
from handoffflow.models import ApiKey
from handoffflow.subscriptions import Notice
from handoffflow.webhooks import keeping
from operators.models import AttributeDefinition, CannedReply, ContactLink, Reason, Tag
from tests import builders
from tests.templates import make_template

LISTS = (
    "conversations/auditentry",
    "conversations/botanswer",
    "conversations/conversation",
    "conversations/delivery",
    "conversations/handoff",
    "conversations/inboundwebhook",
    "conversations/knowledgearticle",
    "conversations/message",
    "conversations/queue",
    "conversations/sender",
    "conversations/template",
    "handoffflow/apikey",
    "handoffflow/notice",
    "handoffflow/subscription",
    "operators/attributedefinition",
    "operators/cannedreply",
    "operators/contactlink",
    "operators/operator",
    "operators/reason",
    "operators/tag",
)


def rival() -> dict[str, Any]:
    """Another company with one of everything that a supervisor of it would see."""
    davi = builders.make_stranger()
    company = davi.organization
    sender = Sender.objects.create(
        organization=company, name="Rival", address="whatsapp:+1", account_sid="AC9"
    )
    queue = Queue.objects.create(organization=company, name="Fila rival")
    return {
        "operator": davi,
        "sender": sender,
        "queue": queue,
        "reason": Reason.objects.create(organization=company, code="rival", labels={"en": "Rival"}),
        "cannedreply": CannedReply.objects.create(
            organization=company, code="rival", title="Rival", body="Rival"
        ),
        "tag": Tag.objects.create(organization=company, name="Rival"),
        "attributedefinition": AttributeDefinition.objects.create(
            organization=company, key="rival", name="Rival"
        ),
        "contactlink": ContactLink.objects.create(
            organization=company, label="Rival", url="https://rival.example.com/"
        ),
        "template": make_template(sender),
        "botanswer": BotAnswer.objects.create(sender=sender, label="Rival"),
        "knowledgearticle": KnowledgeArticle.objects.create(
            organization=company, title="Rival", body="Rival"
        ),
        "apikey": ApiKey.objects.issue(organization=company, name="Rival", scopes=["read"])[0],
        **make_webhook(company, "Rival"),
        "inboundwebhook": InboundWebhook.objects.create(
            organization=company,
            sender=sender,
            provider_sid="SM9",
            params={},
            outcome="failed",
            received_at=timezone.now(),
        ),
    }


def make_webhook(company: Organization, name: str) -> dict[str, Any]:
    """A webhook and something that it was told."""
    now = timezone.now()
    made = keeping.make(company, name=name, url="https://crm.example.com/", kinds=[], now=now)
    notice = Notice.objects.create(subscription=made, kind="handoff.claimed", created_at=now)
    return {"subscription": made, "notice": notice}
