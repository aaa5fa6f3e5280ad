from __future__ import annotations

from django.urls import path

from operators import stream
from operators.views import (
    conversation,
    finalise,
    media,
    note,
    outbound,
    presence,
    queue,
    team,
    team_shift,
    templates,
    transfer,
)
from operators.views.work import doors as work

urlpatterns = [
    path("", queue.page, name="operator-queue"),
    path("list", queue.refresh, name="operator-list"),
    path("stream", stream.stream, name="operator-stream"),
    path("new/", outbound.start, name="operator-new"),
    path("new/templates/<uuid:template_id>/", outbound.preview, name="operator-new-template"),
    path("next/", queue.take_next, name="operator-next"),
    path("presence", presence.here, name="operator-presence"),
    path("preferences", queue.prefer, name="operator-preferences"),
    path("c/<uuid:public_id>/", conversation.page, name="operator-conversation"),
    path("c/<uuid:public_id>/thread", conversation.thread, name="operator-thread"),
    path("c/<uuid:public_id>/claim", conversation.claim, name="operator-claim"),
    path("c/<uuid:public_id>/decline", conversation.decline, name="operator-decline"),
    path("c/<uuid:public_id>/send", conversation.send, name="operator-send"),
    path("c/<uuid:public_id>/templates/", templates.choose, name="operator-templates"),
    path("c/<uuid:public_id>/templates/<uuid:template_id>/", templates.preview, name="operator-template"),
    path("c/<uuid:public_id>/note", note.note, name="operator-note"),
    path("c/<uuid:public_id>/seen", conversation.seen, name="operator-seen"),
    path("c/<uuid:public_id>/release", finalise.release, name="operator-release"),
    path("c/<uuid:public_id>/transfer", transfer.transfer, name="operator-transfer"),
    path("c/<uuid:public_id>/retry/<uuid:message_id>", conversation.retry, name="operator-retry"),
    path("c/<uuid:public_id>/discard/<uuid:message_id>", conversation.discard, name="operator-discard"),
    path("c/<uuid:public_id>/media/<uuid:attachment_id>", media.file, name="operator-media"),
    path("c/<uuid:public_id>/media/<uuid:attachment_id>/again", media.again, name="operator-media-again"),
    path("team/", team.page, name="operator-team"),
    path("team/board", team.refresh, name="operator-team-board"),
    path("team/c/<uuid:public_id>/alert", team.alert, name="operator-team-alert"),
    path("team/c/<uuid:public_id>/claim", team.claim, name="operator-team-claim"),
    path("team/c/<uuid:public_id>/requeue", team.requeue, name="operator-team-requeue"),
    path("team/c/<uuid:public_id>/give", team_shift.give, name="operator-team-give"),
    path("team/o/<uuid:operator_id>/shift", team_shift.shift, name="operator-team-shift"),
    path("work/", work.page, name="operator-work"),
    path("work/sends/<uuid:message_id>/arrived", work.arrived, name="operator-work-arrived"),
    path("work/sends/<uuid:message_id>/again", work.again, name="operator-work-again"),
    path("work/sends/<uuid:message_id>/discard", work.discard, name="operator-work-discard"),
    path("work/webhooks/replay", work.replay_all, name="operator-work-replay-all"),
    path("work/webhooks/<uuid:webhook_id>/replay", work.replay, name="operator-work-replay"),
    path("work/webhooks/<uuid:webhook_id>/original", work.original, name="operator-work-original"),
]
