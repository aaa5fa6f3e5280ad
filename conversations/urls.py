from __future__ import annotations

from django.urls import path

from conversations import webhooks

urlpatterns = [
    path("webhook", webhooks.inbound, name="twilio-inbound"),
    path("handoff", webhooks.handoff, name="twilio-handoff"),
    path("status", webhooks.status, name="twilio-status"),
    path("media/<str:token>", webhooks.media, name="twilio-media"),
]
