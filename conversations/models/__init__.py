"""The engine's models, one file per noun."""

from __future__ import annotations

from conversations.models.attachment import Attachment, AttachmentState
from conversations.models.audit import AuditEntry
from conversations.models.base import Due, Public
from conversations.models.bot_turn import BotTurn, TurnKind
from conversations.models.contact import AddressKind, Apart, Contact, ContactAddress, SeenBeside
from conversations.models.conversation import PREVIEW_LENGTH, Conversation, Mode, Priority
from conversations.models.delivery import UNSETTLED, Delivery, DeliveryState, StatusReport
from conversations.models.event import Event
from conversations.models.handoff import DueKind, Handoff, Outcomes, Reasons, Resume
from conversations.models.heartbeat import WorkerHeartbeat
from conversations.models.inbound import InboundWebhook, WebhookOutcome, WebhookSource
from conversations.models.knowledge import KnowledgeArticle
from conversations.models.mention import Mention
from conversations.models.message import Author, Kind, Message, Status
from conversations.models.note import Note, NoteKind
from conversations.models.organization import ADDRESS_LENGTH, SANDBOX, BotEngineName, Organization, Sender
from conversations.models.overheard import Overheard
from conversations.models.queue import BotAnswer, Queue, WaitingThen
from conversations.models.reconciliation import Reconciliation
from conversations.models.studio_call import StudioCall
from conversations.models.template import Approval, Category, Template, TemplateSync
from conversations.models.typing_sign import TypingSign
from conversations.models.unsent import UnsentFile

__all__ = [
    "ADDRESS_LENGTH",
    "PREVIEW_LENGTH",
    "SANDBOX",
    "UNSETTLED",
    "AddressKind",
    "Apart",
    "Approval",
    "Attachment",
    "AttachmentState",
    "AuditEntry",
    "Author",
    "BotAnswer",
    "BotEngineName",
    "BotTurn",
    "Category",
    "Contact",
    "ContactAddress",
    "Conversation",
    "Delivery",
    "DeliveryState",
    "Due",
    "DueKind",
    "Event",
    "Handoff",
    "InboundWebhook",
    "Kind",
    "KnowledgeArticle",
    "Mention",
    "Message",
    "Mode",
    "Note",
    "NoteKind",
    "Organization",
    "Outcomes",
    "Overheard",
    "Priority",
    "Public",
    "Queue",
    "Reasons",
    "Reconciliation",
    "Resume",
    "SeenBeside",
    "Sender",
    "Status",
    "StatusReport",
    "StudioCall",
    "Template",
    "TemplateSync",
    "TurnKind",
    "TypingSign",
    "UnsentFile",
    "WaitingThen",
    "WebhookOutcome",
    "WebhookSource",
    "WorkerHeartbeat",
]
