"""Every page of every model in the admin, asked for by a supervisor of another company: there is nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import ForeignKey, ManyToManyField, Model
from django.test import Client
from django.urls import reverse

from conversations import audit, clock
from conversations.admin import base
from conversations.models import (
    BotAnswer,
    Conversation,
    Delivery,
    Handoff,
    InboundWebhook,
    KnowledgeArticle,
    Message,
)
from handoffflow.models import ApiKey
from operators import desk
from operators.models import AttributeDefinition, CannedReply, ContactLink, Operator, Reason, Tag
from tests import builders
from tests.admin.cast import make_webhook
from tests.templates import make_template

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NAMES = [model._meta.label_lower for model in MODELS]
SECRET = "Aurora"
"""In whatever of ours could be shown."""


@pytest.fixture
def davi(client: Client) -> Operator:
    """A supervisor of another company, logged in; ours is the first one."""
    builders.make_sender()
    davi = builders.make_stranger()
    davi.is_staff = True
    davi.save()
    client.force_login(davi)
    return davi


@pytest.fixture
def ours(davi: Operator) -> dict[str, Model]:
    """One row of each model, with a name that must not be read elsewhere."""
    ana = builders.make_operator("ana")
    Operator.objects.filter(pk=ana.pk).update(first_name=SECRET, username=f"ana-{SECRET}")
    ana.refresh_from_db()
    held = builders.make_held(ana)
    [said] = desk.reply(
        held, operator=ana, door="panel", body=SECRET, epoch=held.epoch, client_key=None, now=clock.now()
    )
    held = builders.fresh(held)
    for named in (held.contact, held.sender, held.queue):
        assert named is not None
        named.name = f"{SECRET} {named.name}"
        named.save()
    company = ana.organization
    reason = Reason.objects.create(
        organization=company, code="aurora", labels={"pt-br": SECRET, "en": SECRET}
    )
    key, _token = ApiKey.objects.issue(organization=company, name=SECRET, scopes=["read"])
    entry = audit.note(
        SECRET, cause=desk.cause(ana, "panel"), organization=company.pk, subject=held, now=clock.now()
    )
    rows: list[Model] = [
        *(ana, held, said, held.sender, reason, key, entry),
        *(Handoff.objects.get(), Delivery.objects.get(message=said), InboundWebhook.objects.get()),
        BotAnswer.objects.create(sender=held.sender, label=SECRET, queue=held.queue),
        make_template(held.sender, name=SECRET),
        KnowledgeArticle.objects.create(organization=company, title=SECRET, body=SECRET),
        *make_webhook(company, SECRET).values(),
        Tag.objects.create(organization=company, name=SECRET),
        AttributeDefinition.objects.create(organization=company, key=SECRET, name=SECRET),
        ContactLink.objects.create(organization=company, label=SECRET, url="https://crm.example.com/"),
        CannedReply.objects.create(
            organization=company, code="aurora", title=SECRET, body=SECRET, queue=held.queue
        ),
    ]
    assert held.queue is not None
    rows.append(held.queue)
    return {row._meta.label_lower: type(row)._default_manager.get(pk=row.pk) for row in rows}


def url(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def relations(model: type[Model]) -> list[Any]:
    fields = (*model._meta.fields, *model._meta.many_to_many)
    return [field for field in fields if isinstance(field, ForeignKey | ManyToManyField)]


def fingerprint(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def untouched(ours: dict[str, Model]) -> bool:
    return all(
        fingerprint(type(row)._default_manager.get(pk=row.pk)) == fingerprint(row) for row in ours.values()
    )


class TestEveryModel:
    def test_is_of_the_one_base(self) -> None:
        assert all(isinstance(page, base.Scoped) for page in admin.site._registry.values())

    def test_has_a_row_here(self, ours: dict[str, Model]) -> None:
        assert set(ours) == set(NAMES)


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
class TestAnotherCompany:
    def test_lists_nothing_of_ours(self, client: Client, ours: dict[str, Model], model: type[Model]) -> None:
        page = client.get(url(model, "changelist"))

        assert page.status_code == 200
        assert SECRET not in page.content.decode()

    @pytest.mark.parametrize("view", ["change", "history", "delete"])
    def test_opens_nothing_of_ours(
        self, client: Client, ours: dict[str, Model], model: type[Model], view: str
    ) -> None:
        row = ours[model._meta.label_lower]

        for response in (
            client.get(url(model, view, row.pk), follow=True),
            client.post(url(model, view, row.pk), {"post": "yes"}, follow=True),
        ):
            # Django says "does not exist" on the start page, or refuses.
            assert response.status_code in {403, 404} or response.redirect_chain[-1][0] == "/admin/"
            assert SECRET not in response.content.decode()
        assert untouched(ours)

    def test_finds_nothing_of_ours(self, client: Client, ours: dict[str, Model], model: type[Model]) -> None:
        row: Any = ours[model._meta.label_lower]
        conversation: Any = ours["conversations.conversation"]
        ids = {str(getattr(one, "public_id", one.pk)) for one in (row, conversation)}
        for words in (SECRET, SECRET.lower(), "whatsapp:+5511987654321", *ids):
            page = client.get(url(model, "changelist"), {"q": words})

            assert page.status_code == 200
            assert row not in page.context["cl"].result_list
            # What was asked for is shown again, in the box and in the links of the filters.
            assert words.startswith(SECRET) or SECRET not in page.content.decode()

    def test_filters_by_nothing_of_ours(
        self, client: Client, ours: dict[str, Model], model: type[Model]
    ) -> None:
        for field in relations(model):
            theirs = ours.get(field.related_model._meta.label_lower)
            number = theirs.pk if theirs else 1
            for lookup in (f"{field.name}__id__exact", field.name):
                response = client.get(url(model, "changelist"), {lookup: number}, follow=True)

                assert response.status_code in {200, 400}
                assert SECRET not in response.content.decode()

    def test_acts_on_nothing_of_ours(
        self, client: Client, ours: dict[str, Model], model: type[Model]
    ) -> None:
        row = ours[model._meta.label_lower]
        page: Any = admin.site._registry[model]
        offered = {*(page.actions or ()), "delete_selected"}
        names = {action if isinstance(action, str) else action.__name__ for action in offered}
        held: Any = ours["conversations.conversation"]
        seen = f"{held.pk}:{held.epoch}:{held.seq}"
        for name in names:
            for more in ({}, {"select_across": "1"}):
                form = {"action": name, "_selected_action": [row.pk], "post": "yes", "confirmed": "1"}
                response = client.post(url(model, "changelist"), {**form, "seen": seen, **more}, follow=True)

                assert SECRET not in response.content.decode()
        assert untouched(ours)

    def test_adds_nothing_that_hangs_on_ours(
        self, client: Client, ours: dict[str, Model], model: type[Model]
    ) -> None:
        row = ours[model._meta.label_lower]
        foreign = {
            field.name: theirs.pk
            for field in relations(model)
            if (theirs := ours.get(field.related_model._meta.label_lower))
        }
        for name, number in foreign.items():
            form = {**FORMS.get(model._meta.label_lower, {}), name: number}

            response = client.post(url(model, "add"), form)

            assert SECRET not in response.content.decode()
            others = model._default_manager.exclude(pk=row.pk).filter(**{name: number})
            assert not others.filter(pk__gt=row.pk).exists(), name

    def test_completes_nothing_of_ours(
        self, client: Client, ours: dict[str, Model], model: type[Model]
    ) -> None:
        for field in relations(model):
            response = client.get(
                reverse("admin:autocomplete"),
                {
                    "app_label": model._meta.app_label,
                    "model_name": model._meta.model_name,
                    "field_name": field.name,
                    "term": SECRET[:4].lower(),
                },
            )

            assert response.status_code in {200, 403, 404}
            assert SECRET not in response.content.decode()


FORMS: dict[str, dict[str, Any]] = {
    "conversations.botanswer": {"language": "pt-br", "label": "Meu", "order": 0},
    "handoffflow.apikey": {"name": "TV", "scopes": ["read"]},
    "operators.operator": {
        "username": "intruso",
        "password1": "quatro palavras bem longas",
        "password2": "quatro palavras bem longas",
    },
}
"""Filled in but for what is ours: it is that which must refuse them."""


class TestTheQueueForm:
    def test_gives_nobody_of_ours_to_theirs(self, client: Client, ours: dict[str, Model]) -> None:
        form = {"name": "Deles", "order": 0, "offer_seconds": 30, "waiting_then": "raise"}

        client.post("/admin/conversations/queue/add/", {**form, "operators": [ours["operators.operator"].pk]})

        assert not type(ours["conversations.queue"])._default_manager.filter(name="Deles").exists()


class TestTheForms:
    def test_would_be_taken_without_what_is_ours(self, client: Client, davi: Operator) -> None:
        """So that what refuses them above is the foreign id and nothing else."""
        from conversations.models import Sender

        own = Sender.objects.create(
            organization=davi.organization, name="Meu", address="whatsapp:+1", account_sid="AC9"
        )
        answer = {**FORMS["conversations.botanswer"], "sender": own.pk}
        assert client.post("/admin/conversations/botanswer/add/", answer).status_code == 302
        assert client.post("/admin/handoffflow/apikey/add/", FORMS["handoffflow.apikey"]).status_code == 200
        assert client.post("/admin/operators/operator/add/", FORMS["operators.operator"]).status_code == 302
        assert ApiKey.objects.filter(organization=davi.organization).exists()
        assert Conversation.objects.count() == Message.objects.count() == 0
