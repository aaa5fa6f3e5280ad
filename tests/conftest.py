"""The environment of the suite, set before Django reads it: there is no second settings file."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import reload
from pathlib import Path
from typing import Any
from zlib import crc32

import django
import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ("conversations", "races", "faults", "week")
PATIENCE_MS = 20_000
TWILIO_SID = "AC00000000000000000000000000000001"
TWILIO_AUTH_TOKEN = "0123456789abcdef0123456789abcdef"


def environment() -> None:
    """Everything that a developer's shell or ``.env`` could have set otherwise."""
    for name in ("DEBUG", "PORT", "APP_NAME", "ALLOWED_HOSTS", "SECRET_KEY_FALLBACKS", "SIMULATOR_PORT"):
        os.environ.pop(name, None)
    for name in ("TWILIO_AUTH_TOKEN_SECONDARY", "TWILIO_API_URL", "TWILIO_FLOW_SID", "SIMULATOR_ENABLED"):
        os.environ.pop(name, None)
    for name in ("METRICS_TOKEN", "WORKER_EXPECTED", "MEDIA_STORAGE", "TWILIO_CAPTURE"):
        os.environ.pop(name, None)
    for name in ("PUSH_PRIVATE_KEY", "PUSH_CONTACT", "EMAIL_URL", "EMAIL_FROM", "API_RATE"):
        os.environ.pop(name, None)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tempfile.mkdtemp(prefix="handoffflow-tests-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["DATA_DIR"] = folder
    os.environ |= {
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "handoffflow.settings",
        "APP_URL": "https://desk.example.com",
        "SECRET_KEY": "a key of the tests: 0123456789 abcdefghijklmnopqrstuvwxyz",
        "TWILIO_SID": TWILIO_SID,
        "TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN,
        "TWILIO_WHATSAPP_NUMBER": "whatsapp:+551150280000",
        "LANGUAGE_CODE": "pt-br",
        "TIME_ZONE": "America/Sao_Paulo",
    }


environment()
django.setup()

from django.conf import settings as django_settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import TransactionTestCase  # noqa: E402
from django.urls import clear_url_caches  # noqa: E402
from playwright.sync_api import expect  # noqa: E402

from operators.models import Operator  # noqa: E402
from tests import builders, cleaning, migrated  # noqa: E402

if "PYTEST_XDIST_WORKER" not in os.environ:
    call_command("compile_translations")
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
django_settings.STORAGES = django_settings.STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}

TransactionTestCase._fixture_teardown = cleaning.clean  # type: ignore[attr-defined]


def chromium() -> str | None:
    """The whole browser, which knows notifications as well."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def headless_shell() -> str | None:
    """The same engine without a window around it: a page opens in it for less than half the CPU."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or chromium()


def drives_browser(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(fixtures & {"page", "browser", "context", "new_context"})


def stores(item: pytest.Item) -> bool:
    """Whether it has to do with a database; what has not is the same on all of them."""
    fixtures = set(getattr(item, "fixturenames", ()))
    by_itself = item.path.parts[-2] in {"faults", "week"}
    return by_itself or bool(
        item.get_closest_marker("django_db") or fixtures & {"db", "transactional_db", "world"}
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        parts = item.path.relative_to(ROOT).parts if item.path.is_relative_to(ROOT) else ()
        if len(parts) > 1 and parts[1].removesuffix(".py").removeprefix("test_") in ENGINE and stores(item):
            item.add_marker("engine")
        if drives_browser(item):
            item.add_marker("browser")
    # Playwright leaves an event loop running in the main thread: its tests come last. Of each kind the long ones
    # come first, or one process would end with them while the others have nothing left to do.
    items.sort(key=lambda item: (_has(item, "browser"), not _has(item, "long")))
    _leave_out_browser_tests(config, items)
    _leave_out_cluster_tests(config, items)
    _leave_out_the_share_of_others(config, items)


def _leave_out_the_share_of_others(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``TEST_SHARE=1/3``: the second third of the engine's tests, which the databases have divided among themselves."""
    number, _of, count = os.environ.get("TEST_SHARE", "").partition("/")
    if not count:
        return
    others = {
        item
        for item in items
        if _has(item, "engine")
        and item.path.parts[-2] not in {"races", "faults"}
        and crc32(item.nodeid.encode()) % int(count) != int(number)
    }
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=list(others))


def _has(item: pytest.Item, mark: str) -> bool:
    return item.get_closest_marker(mark) is not None


def _leave_out_cluster_tests(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that restart and kill a PostgreSQL, which they make for themselves."""
    from tests import cluster

    needing = [item for item in items if "postgres" in getattr(item, "fixturenames", ())]
    if not needing or cluster.available():
        return
    if os.environ.get("REQUIRE_POSTGRES") == "1":
        raise pytest.UsageError("REQUIRE_POSTGRES=1, and there is no initdb of PostgreSQL on this machine.")
    items[:] = [item for item in items if item not in needing]
    config.hook.pytest_deselected(items=needing)
    sys.stderr.write(f"\nNo initdb of PostgreSQL found: {len(needing)} tests of processes are left out.\n")


def _leave_out_browser_tests(config: pytest.Config, items: list[pytest.Item]) -> None:
    browser = [item for item in items if item.get_closest_marker("browser")]
    if not browser or chromium():
        return
    if os.environ.get("REQUIRE_BROWSER") == "1":
        raise pytest.UsageError("REQUIRE_BROWSER=1, and there is no Chromium on this machine.")
    items[:] = [item for item in items if item not in browser]
    config.hook.pytest_deselected(items=browser)
    sys.stderr.write(f"\nNo Chromium found: {len(browser)} browser tests are left out.\n")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser"):
        # A busy machine is not a broken page.
        expect.set_options(timeout=PATIENCE_MS)
        # Django takes Playwright's loop for an async context; nothing asynchronous runs there.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As pytest-django makes it; a file's worth of it is kept for whoever starts an installation."""
    if connection.vendor == "sqlite":
        with django_db_blocker.unblock():
            migrated.keep(tmp_path_factory.mktemp("migrated"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_type_launch_args,
        "executable_path": headless_shell(),
        "args": ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-gpu-compositing"],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "pt-BR", "timezone_id": "America/Sao_Paulo"}


@pytest.fixture(autouse=True)
def _plain_http_for_browsers(request: pytest.FixtureRequest) -> None:
    """The live server speaks http, which no ``__Host-`` cookie crosses."""
    if not request.node.get_closest_marker("browser"):
        return
    settings = request.getfixturevalue("settings")
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "session", "csrf"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.LANGUAGE_COOKIE_SECURE = False
    settings.SECURE_HSTS_SECONDS = 0
    if "live_server" in request.fixturenames:
        settings.APP_URL = request.getfixturevalue("live_server").url
        settings.CSRF_TRUSTED_ORIGINS = [settings.APP_URL]


@pytest.fixture(autouse=True)
def _nobody_has_called_yet() -> None:
    """The budgets of the REST API live as long as the process."""
    from handoffflow.api import limits

    limits.forget()


@pytest.fixture(autouse=True)
def _stories_agree_with_rows(request: pytest.FixtureRequest, _django_db_marker: None) -> Iterator[None]:
    """Whatever a test did: who has each conversation is what its story says, or the test says why it is not."""
    node: pytest.Item = request.node
    if not node.get_closest_marker("django_db") and "_django_db_helper" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("_django_db_helper")  # taken down after this one
    yield
    from tests import story

    found = story.disagreements()
    if forges := node.get_closest_marker("forges_rows"):
        assert forges.args, "forges_rows has to say why"
        assert found, "this test forges nothing any more"
    else:
        assert found == []


@pytest.fixture
def ana() -> Operator:
    return builders.make_operator("ana")


@pytest.fixture
def bia() -> Operator:
    return builders.make_operator("bia")


@contextmanager
def simulator_mounted() -> Iterator[None]:
    """The simulator's pages are there; they are not otherwise.

    All addresses are read anew, and Django never forgets the ones before: for a whole module rather than each test.
    """
    _mount_simulator(enabled=True)
    try:
        yield
    finally:
        _mount_simulator(enabled=False)


def _mount_simulator(*, enabled: bool) -> None:
    from handoffflow import urls

    django_settings.SIMULATOR_ENABLED = enabled
    reload(urls)
    clear_url_caches()


@pytest.fixture
def simulator_enabled() -> Iterator[None]:
    with simulator_mounted():
        yield
