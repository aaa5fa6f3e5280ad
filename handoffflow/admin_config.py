from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class SupervisorsAdmin(AdminConfig):
    default_site = "handoffflow.admin_site.Site"
