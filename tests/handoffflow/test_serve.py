"""The product's process as an operator of servers meets it: by signals, sockets and exit codes."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from conversations import broadcast
from handoffflow import server
from tests import migrated
from tests.conftest import ROOT

Serve = Callable[..., "Served"]


class Served:
    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        command = [sys.executable, "manage.py", "serve", "--port", "0", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.output: list[str] = []

    def wait_until_ready(self) -> Served:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if found := re.search(r"is ready on http://127\.0\.0\.1:(\d+)|worker is running", line):
                self.port = int(found[1] or 0)
                return self
        raise AssertionError("".join(self.output))

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    def wait_for_the_worker(self) -> None:
        deadline = time.monotonic() + 20
        while self.get("/readyz").status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def end(self, sign: signal.Signals) -> int:
        self.process.send_signal(sign)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def environment(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("serve")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        simulator_port = str(free.getsockname()[1])
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(folder),
        "DEBUG": "1",
        "SIMULATOR_PORT": simulator_port,
        "PYTHONUNBUFFERED": "1",
    }
    migrated.place(folder)
    return environment


@pytest.fixture
def serve(environment: dict[str, str]) -> Iterator[Serve]:
    started: list[Served] = []

    def start(*arguments: str, **variables: str) -> Served:
        started.append(Served(environment | variables, *arguments))
        return started[-1]

    yield start
    for served in started:
        served.process.kill()
        served.process.wait()


class TestServe:
    @pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
    def test_ends_well_while_clients_hold_on(self, serve: Serve, sign: signal.Signals) -> None:
        served = serve().wait_until_ready()
        served.wait_for_the_worker()
        # A client that never finishes its request, and one that keeps its connection open.
        with socket.create_connection(("127.0.0.1", served.port)) as slow:
            slow.sendall(
                b"POST /api/twilio/webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nBo"
            )

            assert served.end(sign) == 0

    def test_grants_all_its_parts_less_than_five_seconds(self) -> None:
        assert server.WORKER_SECONDS <= server.DRAIN_SECONDS
        assert server.DRAIN_SECONDS + server.LEAST_SECONDS < 4  # the rest is the interpreter's own end

    def test_has_one_worker_for_one_sqlite_file(self, serve: Serve) -> None:
        serve("--only", "worker").wait_until_ready()

        second = serve()

        assert second.process.wait(timeout=60) == 1
        assert second.process.stdout is not None
        assert "is already running on this SQLite database" in second.process.stdout.read()

    def test_serves_pages_beside_another_worker(self, serve: Serve) -> None:
        serve("--only", "worker").wait_until_ready()

        pages = serve("--only", "web,stream").wait_until_ready()

        assert pages.get("/healthz").status == 200

    def test_answers_only_for_its_roles(self, serve: Serve) -> None:
        stream = serve("--only", "stream").wait_until_ready()

        assert stream.get("/healthz").status == 200
        assert stream.get("/accounts/login/").status == 404

    def test_hands_streams_to_the_native_handler(self, serve: Serve) -> None:
        pages = serve("--only", "web").wait_until_ready()
        stream = serve("--only", "stream").wait_until_ready()

        # Only Django's own answers carry an id; the other process does not even ask it.
        assert stream.get("/operator/stream").headers["X-Request-Id"]
        assert pages.get("/operator/stream").headers["X-Request-Id"] is None

    def test_streams_events_to_a_key_until_it_ends(self, serve: Serve, environment: dict[str, str]) -> None:
        make = [sys.executable, "manage.py", "apikey", "create", "--name", "BI", "--scope", "read"]
        said = subprocess.run(make, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        token = re.findall(r"hf_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", said.stdout)[0]
        served = serve("--only", "web,stream").wait_until_ready()

        events = served.get("/api/v1/events", Accept="text/event-stream", Authorization=f"Bearer {token}")
        page = served.get("/api/v1/events", Authorization=f"Bearer {token}")

        assert (events.status, events.headers["Content-Type"]) == (200, "text/event-stream")
        assert [events.readline()[:4] for _line in range(4)] == [b"retr", b"\n", b"id: ", b"even"]
        assert (page.status, page.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
        assert served.end(signal.SIGTERM) == 0

    def test_refuses_an_old_database(self, serve: Serve, tmp_path: Path) -> None:
        served = serve(DATA_DIR=str(tmp_path))

        assert served.process.wait(timeout=60) == 1
        assert served.process.stdout is not None
        assert "manage.py migrate" in served.process.stdout.read()

    def test_names_a_port_that_is_taken(self, serve: Serve) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]

            served = serve("--port", str(port), "--only", "web")

            assert served.process.wait(timeout=60) == 1
            assert served.process.stdout is not None
            assert f"Cannot listen on 127.0.0.1:{port}" in served.process.stdout.read()

    def test_names_the_simulators_port_when_that_is_taken(self, serve: Serve) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])

            served = serve("--only", "web", SIMULATOR_PORT=port)

            assert served.process.wait(timeout=60) == 1
            assert served.process.stdout is not None
            said = served.process.stdout.read()
        assert f"Cannot listen on 127.0.0.1:{port}" in said
        assert "SIMULATOR_PORT=" in said


class TestStreams:
    @pytest.fixture
    def cookie(self, environment: dict[str, str]) -> str:
        """A session of an operator of this installation."""
        sign_in = (
            "from django.conf import settings; from django.test import Client;"
            "from operators.models import Operator; client = Client();"
            "client.force_login(Operator.objects.create_user('ana'));"
            "print(f'{settings.SESSION_COOKIE_NAME}={client.session.session_key}')"
        )
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", sign_in]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def test_end_well_with_the_process_and_hold_no_connection(self, serve: Serve, cookie: str) -> None:
        served = serve("--only", "stream").wait_until_ready()
        first = self.opened(served, cookie)
        with_one = self.connections(served)
        others = [self.opened(served, cookie) for _ in range(19)]

        # SQLite keeps the file of one that was closed, for the next to use.
        assert self.connections(served) <= with_one + 1
        assert served.end(signal.SIGTERM) == 0
        # Their last chunk says so: a stream that was cut off raises here.
        rest = [stream.read() for stream in (first, *others)]
        assert all(not told or told.startswith(b"event: presence") for told in rest)

    def opened(self, served: Served, cookie: str) -> http.client.HTTPResponse:
        stream = served.get("/operator/stream", Cookie=cookie)
        assert stream.status == 200
        while stream.readline().strip():
            pass
        return stream

    def connections(self, served: Served) -> int:
        files = Path(f"/proc/{served.process.pid}/fd").iterdir()
        return sum(str(file.readlink()).endswith("db.sqlite3") for file in files)


@pytest.mark.long
class TestAnInstallation:
    """With DEBUG off and nothing set: the two commands of the manual."""

    @pytest.fixture
    def installed(self, serve: Serve, environment: dict[str, str], tmp_path: Path) -> Served:
        own = {"DEBUG": "0", "DATA_DIR": str(tmp_path)}
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=environment | own, check=True)
        return serve(**own).wait_until_ready()

    def test_offers_one_link_and_pages_with_their_styles(self, installed: Served) -> None:
        assert installed.process.stdout is not None
        link = next(line for line in installed.process.stdout if "/accounts/first/" in line).strip()
        path = link.removeprefix("http://localhost:8000")

        first = installed.get(path, Host="localhost:8000")
        page = installed.get("/accounts/login/", Host="localhost:8000")
        styles = re.findall(r'href="(/static/[^"]+\.css)"', page.read().decode())

        assert first.status == 200
        assert styles
        assert {installed.get(style, Host="localhost:8000").status for style in styles} == {200}
        assert installed.get("/simulator/", Host="localhost:8000").status == 404


class TestAnOddRequest:
    @pytest.fixture
    def pages(self, serve: Serve) -> Served:
        return serve("--only", "web").wait_until_ready()

    def test_never_reaches_a_thread_or_breaks_one(self, pages: Served) -> None:
        host = "Host: localhost\r\nConnection: close\r\n"
        statuses = {
            "bytes in the query": f"GET /healthz?caf\xe9 HTTP/1.1\r\n{host}\r\n",
            "too large": f"POST /healthz HTTP/1.1\r\n{host}Content-Length: 9000000\r\n\r\n",
            "chunked": f"POST /healthz HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "to be a websocket": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        }

        answers = {name: _status(pages.port, request) for name, request in statuses.items()}

        assert answers == {
            "bytes in the query": 400,
            "too large": 413,
            "chunked": 411,
            "to be a websocket": 200,
        }

    def test_cannot_pass_a_header_off_as_another(self, pages: Served) -> None:
        request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX_Request_Id: forged-0123456789\r\n\r\n"

        with socket.create_connection(("127.0.0.1", pages.port)) as client:
            client.sendall(request.encode())
            answer = client.recv(4096).decode()

        assert "forged-0123456789" not in answer


def _status(port: int, request: str) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request.encode("latin-1"))
        return int(client.recv(4096).split()[1])


class TestAWorkerApart:
    @pytest.mark.parametrize(("roles", "ears"), [({"worker"}, 1), ({"worker", "web"}, 0)])
    def test_is_woken_by_what_others_write(
        self, roles: set[str], ears: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ear = mock.Mock()
        monkeypatch.setattr(broadcast, "Ear", ear)
        monkeypatch.setattr(broadcast, "Announcer", mock.Mock)
        worker = mock.Mock()
        monkeypatch.setattr("conversations.worker.Worker", lambda: worker)
        running = server.Running(frozenset(roles))

        running.start()
        running.wind_down()
        running.stop()

        assert ear.call_args_list == [mock.call(worker.wake)] * ears
        assert ear.return_value.stop.call_count == ears
