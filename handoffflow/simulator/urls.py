from __future__ import annotations

from django.urls import path

from handoffflow.simulator import phone

urlpatterns = [
    path("", phone.solo, name="simulator-solo"),
    path("split/", phone.split, name="simulator-split"),
    path("customers/", phone.new, name="simulator-new"),
    path("play/", phone.play, name="simulator-play"),
    path("c/<int:number>/", phone.pulse, name="simulator-pulse"),
    path("c/<int:number>/say/", phone.say, name="simulator-say"),
    path("c/<int:number>/act/<str:name>/", phone.act, name="simulator-act"),
    path("files/<str:sid>/", phone.file, name="simulator-file"),
]
