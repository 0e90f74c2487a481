# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets appear nowhere, in no form, whatever goes wrong: checked on all that real ansible-playbook -vvv prints and returns."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.harness.modules import Modules
from tests.harness.playbooks import Outcome, Playbooks, WarmPlaybooks, play
from tests.harness.worlds import STATE, eventually
from tests.simulator.px_backup.tokens import USERNAME, user_id
from tests.simulator.server import SimulatorThread, running_simulator

from .processes import descendants, module_processes
from .proxy import running_proxy

TOKEN = "eyTOK+EN/with=pad&ding?x==sEcReT"
FETCHED = "fetched+TOK/en==&for?login-sEcReT"
PASSWORD = 'pa"ss\\wörd+with/all=%41&kinds sEcReT'
PROXY_PASSWORD = "proxy+pass/wörd=sEcReT"
PROXY_USER = "proxy-user"
SECRETS = {"token": TOKEN, "fetched token": FETCHED, "password": PASSWORD, "proxy password": PROXY_PASSWORD, "proxy pair": f"{PROXY_USER}:{PROXY_PASSWORD}"}
CREATE = {"operation": "CREATE", "name": "back", "backup_ref": {"name": "nightly"}, "cluster_ref": {"name": "drill"}}
VERBOSE = "-vvv"


def forms(secret: str) -> dict[str, str]:
    """Every form in which a secret could show up, written here anew rather than taken from what is tested."""
    raw = secret.encode()
    percent = {"percent": quote(secret, safe=""), "percent, but slashes": quote(secret), "plus": quote_plus(secret)}
    lower = {f"{name}, lower case": _lower(text) for name, text in percent.items()}
    escaped = {"JSON": json.dumps(secret)[1:-1], "JSON, not ASCII": json.dumps(secret, ensure_ascii=False)[1:-1], "repr": repr(secret)[1:-1]}
    encoded = {"base64": base64.b64encode(raw).decode(), "base64 for URLs": base64.urlsafe_b64encode(raw).decode()}
    # requests writes user and password of a proxy in Latin-1.
    encoded["base64 of Latin-1"] = base64.b64encode(secret.encode("latin-1")).decode()
    return {"raw": secret, **percent, **lower, **escaped, **encoded}


def _lower(text: str) -> str:
    pieces = text.split("%")
    return pieces[0] + "".join(f"%{piece[:2].lower()}{piece[2:]}" for piece in pieces[1:])


def leaks(text: str) -> list[str]:
    """Which secret shows in which form."""
    found = [f"{name} ({form})" for name, secret in SECRETS.items() for form, written in forms(secret).items() if written in text]
    # What is left of a secret whose other forms were all thought of, in a form that nobody thought of.
    return found + (["a part of a secret"] if "sEcReT" in text else [])


def test_leaks_are_found() -> None:
    for secret in SECRETS.values():
        for written in forms(secret).values():
            assert leaks(f"before{written}after")
    assert leaks("nothing of the kind") == []


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorThread]:
    """A simulator that knows the token and the password."""
    with running_simulator(restore_duration_s=0) as simulator:
        tokens = simulator.service.provider.world.tokens  # type: ignore[attr-defined]
        tokens.password = PASSWORD
        for token in (TOKEN, FETCHED):
            tokens._tokens[token] = (user_id(USERNAME), float("inf"))
        tokens.issue = lambda *_arguments: FETCHED
        for org in ("well", "slow"):
            simulator.control.merge_state(org, **STATE)
        yield simulator


def echo(server: SimulatorThread, kind: str) -> list[str]:
    """Organizations, each of which answers in its own way with all forms of a secret in the body."""
    quoted = " | ".join(forms({"token": TOKEN, "login": PASSWORD, "fetched token": FETCHED}[kind]).values())
    bodies = {"json": {"code": 3, "message": f"bad credentials: {quoted}"}, "text": f"bad credentials: {quoted}", "list": [quoted]}
    server.control.clear_faults()
    for kind, body in bodies.items():
        for status in (200, 400, 401, 500):
            server.control.add_fault("status", f"{kind}-{status}", status=status, body=body, times=0)
    return [f"{kind}-{status}" for kind in bodies for status in (200, 400, 401, 500)]


def dead_address() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def restore(title: str, /, **options: Any) -> dict[str, Any]:
    """A task that may fail."""
    given = {option: value for option, value in {"retries": 0, "request_timeout": 5, **options}.items() if value is not None}
    return {"name": title, "multicloud.recovery.restore": given, "ignore_errors": True}


def scenarios(server: SimulatorThread, credentials: dict[str, Any]) -> list[dict[str, Any]]:
    """Tasks that end in every way."""
    well = {"api_url": server.url, "org_id": "well", **credentials}
    return [
        restore("list", **well, operation="INSPECT_ALL"),
        {**restore("would create", **well, **CREATE), "check_mode": True},
        restore("create", **well, **CREATE, labels={"a": "b"}),
        restore("create differently", **well, **CREATE, replace_policy="Delete"),
        restore("no such option", **well, operation="INSPECT_ALL", colour="red"),
        restore("cannot connect", **{**well, "api_url": f"http://{dead_address()}"}, operation="INSPECT_ALL"),
        *(restore(org, **{**well, "org_id": org}, operation="INSPECT_ALL") for org in ("json-400", "text-500", "json-401")),
    ]


def check(outcome: Outcome) -> None:
    """Nothing leaks, and the tasks went the way they were meant to, so that nothing was simply not reached."""
    assert leaks(outcome.text) == [], outcome.text[:20000]
    ended = {entry["task"]: entry["status"] for entry in outcome.tasks}
    assert ended == {task: "ok" if task in ("list", "would create", "create") else "failed" for task in ended}, outcome.text[:20000]
    assert len(ended) == 9
    said = outcome.result("json-400")
    assert said["error"]["http_status"] == 400
    assert "bad credentials" in said["msg"]


def given(server: SimulatorThread, kind: str) -> dict[str, str]:
    """Credentials of a kind."""
    return {"token": TOKEN} if kind == "token" else {"auth_url": server.url, "username": USERNAME, "password": PASSWORD}


@pytest.mark.parametrize("source", ["option", "environment"])
@pytest.mark.parametrize("kind", ["token", "login"])
def test_no_secret_is_shown(warm_playbooks: WarmPlaybooks, server: SimulatorThread, kind: str, source: str) -> None:
    values = given(server, kind)
    echo(server, kind)
    server.control.drop_state("well")
    server.control.merge_state("well", **STATE)
    credentials = {name: f"{{{{ given_{name} }}}}" for name in values} if source == "option" else {}
    variables = {f"given_{name}": value for name, value in values.items()} if source == "option" else {}
    environ = {f"PX_BACKUP_{name.upper()}": value for name, value in values.items()} if source == "environment" else {}
    check(warm_playbooks.run([play(*scenarios(server, credentials))], VERBOSE, "--diff", environ=environ, variables=variables))


@pytest.mark.parametrize("source", ["option", "environment"])
@pytest.mark.parametrize("kind", ["token", "login", "fetched token"])
def test_no_answer_brings_a_secret_into_a_result(modules: Modules, server: SimulatorThread, kind: str, source: str) -> None:
    # The same by many more answers: what a playbook prints of a task is what its module has printed.
    values = given(server, kind)
    environ = {f"PX_BACKUP_{name.upper()}": value for name, value in values.items()} if source == "environment" else {}
    options = values if source == "option" else {}
    tasks = [{"operation": "INSPECT_ALL"}, {"operation": "INSPECT_ONE", "name": "x"}, {"operation": "DELETE", "name": "x"}, CREATE]
    quoted = 0
    for number, org in enumerate(echo(server, kind)):
        for place, task in enumerate(tasks):
            connection = {"api_url": server.url, "org_id": org, "retries": 0}
            # Each task and each answer in both modes, but not each with each.
            result = modules.run("restore", {**connection, **options, **task}, environ=environ, check=bool((number + place) % 2), diff=True)
            assert leaks(result.stdout + result.stderr) == [], f"{org}, {task}"
            # An object without a list is how the server writes an empty list.
            assert result.failed or org == "json-200"
            assert not result.failed or result.kind, result.stdout
            quoted += "bad credentials" in result.message
    assert quoted >= 12


def test_wrong_password_is_not_shown(warm_playbooks: WarmPlaybooks, server: SimulatorThread) -> None:
    tokens = server.service.provider.world.tokens  # type: ignore[attr-defined]
    server.control.add_fault(
        "status",
        path="/auth/realms/.*",
        status=401,
        body={"error": "invalid_grant", "error_description": " ".join(forms(PASSWORD).values())},
        nth=2,
    )
    tokens.password = "the right one"
    try:
        login = {"api_url": server.url, "org_id": "well", "auth_url": server.url, "username": USERNAME, "password": "{{ given }}"}
        tasks = [restore(name, **login, operation="INSPECT_ALL") for name in ("refused", "refused with a quotation")]
        outcome = warm_playbooks.run([play(*tasks)], VERBOSE, variables={"given": PASSWORD})
    finally:
        tokens.password = PASSWORD
        server.control.clear_faults()
    assert leaks(outcome.text) == []
    for entry in outcome.tasks:
        assert entry["result"]["error"]["kind"] == "AuthenticationFailed"


@pytest.mark.parametrize("way", ["dead", "refusing", "forwarding"])
def test_password_of_a_proxy_is_not_shown(warm_playbooks: WarmPlaybooks, server: SimulatorThread, way: str) -> None:
    with running_proxy() as proxy:
        proxy.refuses = way == "refusing"
        address = dead_address() if way == "dead" else proxy.address
        url = f"http://{PROXY_USER}:{quote(PROXY_PASSWORD, safe='')}@{address}"
        environ = {"http_proxy": url, "HTTPS_PROXY": _lower(url)}
        tasks = [
            restore("list", api_url=server.url, org_id="well", token="{{ given }}", operation="INSPECT_ALL"),
            restore("list by TLS", api_url=server.url.replace("http:", "https:"), org_id="well", token="{{ given }}", operation="INSPECT_ALL"),
        ]
        outcome = warm_playbooks.run([play(*tasks)], VERBOSE, "--diff", environ=environ, variables={"given": TOKEN})
        seen = proxy.seen
    assert leaks(outcome.text) == [], outcome.text[:20000]
    assert [entry["status"] for entry in outcome.tasks] == ["ok" if way == "forwarding" else "failed", "failed"]
    if way != "dead":
        assert seen[0].startswith("Basic ")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="finds the module's process in /proc")
def test_cancelled_task_shows_no_secret_and_has_none_on_its_command_line(playbooks: Playbooks, server: SimulatorThread) -> None:
    server.control.settings("slow", restore_duration_s=3600)
    login = {"auth_url": server.url, "username": USERNAME, "password": "{{ given_password }}", "token": "{{ given_token }}"}
    task = restore("create", api_url=server.url, org_id="slow", **login, **CREATE)
    variables = {"given_token": TOKEN, "given_password": PASSWORD}
    run = playbooks.start([play(task)], VERBOSE, environ={"ANSIBLE_PIPELINING": "0"}, variables=variables)
    slow = server.control.scoped("slow")
    eventually(lambda: [entry for entry in slow.requests() if entry["route"] == "/v1/restore/{org_id}/{name}"], 60, "the waiting")
    words = "\n".join(word for line in descendants(run.pid).values() for word in line)
    (process,) = module_processes(run.pid, "restore")
    assert leaks(words) == []
    os.kill(process, signal.SIGTERM)
    outcome = run.wait(60)
    assert outcome.result("create")["error"]["kind"] == "Cancelled"
    assert leaks(outcome.text) == []


def test_part_of_a_secret_is_not_left_by_cutting_a_long_answer(modules: Modules, server: SimulatorThread) -> None:
    for length in range(3900, 4001, 10):
        org = f"cut-{length}"
        server.control.merge_state(org, **STATE)
        server.control.add_fault("status", org, status=400, body={"code": 3, "message": "x" * length + TOKEN})
        result = modules.run("restore", {"operation": "INSPECT_ALL", "api_url": server.url, "org_id": org, "token": TOKEN})
        assert result.kind == "InvalidRequest"
        assert TOKEN[:8] not in result.stdout, f"after {length} characters"
