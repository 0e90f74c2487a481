# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The secrets of Compute Engine appear nowhere, in no form, whatever goes wrong: checked on all that real ansible-playbook -vvv prints and returns."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.gce_vms import VmWorld
from tests.harness.gce_worlds import ZONE
from tests.harness.modules import Modules
from tests.harness.playbooks import WarmPlaybooks, play
from tests.simulator.gce.tokens import SCOPES, UNLIMITED_S, email_of, signing_key
from tests.simulator.server import SimulatorThread, running_simulator

from .test_secrets import dead_address, forms

TOKEN = "ya29.tok+EN/with=pad&ding?x==sEcReT"
FETCHED = "ya29.fetched+TOK/en==&for?sEcReT"
# They hold "+", "/" and "=", which have other forms.
KEY, WRONG_KEY = (base64.b64encode(bytes(range(first, first + 32))).decode() for first in (224, 216))
KEY_DIGEST = base64.b64encode(hashlib.sha256(base64.b64decode(KEY)).digest()).decode()
POINT = {"operation": "CREATE", "vm_name": "safe", "snapshot_datetime": "20260101-000000"}
WELL, VERBOSE = "well-1", "-vvv"
ECHOES = (400, 401)
# What a task knows of, and can therefore hide when the provider quotes it, by the way to log in.
KNOWN = {"token": ("token", "disk key"), "key": ("fetched token", "disk key", "key id", "private key", "line"), "login": ("key id", "private key", "line")}


def _secrets() -> dict[str, str]:
    key = signing_key()
    lines = [line for line in key.private.splitlines() if "PRIVATE KEY" not in line and len(line) > 20]
    named = {"token": TOKEN, "fetched token": FETCHED, "disk key": KEY, "wrong disk key": WRONG_KEY, "key id": key.key_id, "private key": key.private}
    return {**named, **{f"line {number} of the private key": line for number, line in enumerate(lines)}}


def leaks(text: str) -> list[str]:
    """Which secret shows in which form."""
    found = [f"{name} ({form})" for name, secret in _secrets().items() for form, written in forms(secret).items() if written in text]
    return found + (["a part of a secret"] if "sEcReT" in text else [])


def test_leaks_are_found() -> None:
    for secret in _secrets().values():
        for written in forms(secret).values():
            assert leaks(f"before{written}after")
    assert leaks(json.dumps({"key": signing_key().private}))
    assert leaks(base64.b64encode(signing_key().private.encode()).decode())
    assert leaks("nothing of the kind") == []


def _quoted(kind: str) -> str:
    """All forms of the secrets that a task knows of."""
    return " | ".join(written for name, secret in _secrets().items() if name.startswith(KNOWN[kind]) for written in forms(secret).values())


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorThread]:
    """A simulator that knows the token and gives out the other one, with a VM whose disk has a key of its own, and projects that answer with all secrets."""
    with running_simulator("gce", operation_s=0) as simulator:
        tokens: Any = simulator.service.provider.tokens  # type: ignore[attr-defined]
        issue = tokens._issue
        for token in (TOKEN, FETCHED):
            tokens._issued[token] = tokens._issued[issue(email_of(WELL), UNLIMITED_S, frozenset(SCOPES))]
        tokens._issue = lambda *_arguments: FETCHED
        for kind, status in [(kind, status) for kind in ("token", "key") for status in ECHOES]:
            quoted = _quoted(kind)
            body = {"error": {"code": status, "message": f"bad credentials: {quoted}", "errors": [{"reason": "invalid", "message": quoted}]}}
            simulator.control.add_fault("status", f"echo-{kind}-{status}", path="/compute/.*", status=status, body=body, times=0)
        refusal = {"error": "invalid_grant", "error_description": _quoted("login")}
        simulator.control.add_fault("status", "echo-login", path="/token", status=400, body=refusal, times=0)
        yield simulator


@pytest.fixture
def world(server: SimulatorThread, modules: Modules) -> VmWorld:
    """The project in which all goes well, anew."""
    world = VmWorld(server)
    world.project, world.control = WELL, server.control.scoped(WELL)
    world.control.settings(operation_s=0)
    world.control.drop_state()
    encrypted = {"diskEncryptionKey": {"sha256": KEY_DIGEST}}
    world.put_vm("safe", {"boot": {}, "data": {**encrypted, "attached": encrypted}})
    made = modules.run("backup", {**world.options, **POINT, "disk_encryption_keys": {"data": KEY}})
    assert not made.failed, made.message
    return world


def _account(server: SimulatorThread, project: str) -> dict[str, str]:
    tokens: Any = server.service.provider.tokens  # type: ignore[attr-defined]
    return dict(tokens.service_account(server.url, project))


def _restore(title: str, **options: Any) -> dict[str, Any]:
    return {
        "name": title,
        "multicloud.recovery.restore": {"provider": "gce", "retries": 0, "request_timeout": 5, "wait_interval": 1, **options},
        "ignore_errors": True,
    }


# What each task ends as; everything that is not listed fails.
SUCCEED = ("list", "would restore", "restore", "restore again")


# Each kind once and each source once: a play with all the failures takes half a minute.
@pytest.mark.parametrize(("kind", "source"), [("token", "environment"), ("key", "option")])
def test_no_secret_is_shown(warm_playbooks: WarmPlaybooks, server: SimulatorThread, world: VmWorld, kind: str, source: str) -> None:
    option, value = ("access_token", TOKEN) if kind == "token" else ("service_account_contents", _account(server, WELL))
    variables: dict[str, Any] = {"given": value, "key": KEY, "wrong": WRONG_KEY, "other": _account(server, "echo-login")}
    credentials = {option: "{{ given }}"} if source == "option" else {}
    environ = {} if source == "option" else {f"GCP_{option.upper()}": value if isinstance(value, str) else json.dumps(value)}
    well: dict[str, Any] = {"api_url": server.url, "project_id": WELL, "zone": ZONE, **credentials}
    right, wrong = {"disk_encryption_keys": {"data": "{{ key }}"}}, {"disk_encryption_keys": {"data": "{{ wrong }}"}}
    tasks = [
        _restore("list", **well, operation="INSPECT_ALL"),
        _restore("wrong key", **well, **POINT, **wrong),
        _restore("key that is none", **well, **POINT, disk_encryption_keys={"data": "{{ key }}{{ wrong }}"}),
        {**_restore("would restore", **well, **POINT, **right), "check_mode": True},
        _restore("restore", **well, **POINT, **right),
        _restore("restore again", **well, **POINT, **right),
        _restore("no such option", **well, operation="INSPECT_ALL", colour="red"),
        _restore("cannot connect", **{**well, "api_url": f"http://{dead_address()}"}, **POINT, **right),
        *(_restore(f"echo {status}", **{**well, "project_id": f"echo-{kind}-{status}"}, **POINT, **right) for status in ECHOES),
        _restore(
            "login refused",
            **{"api_url": server.url, "project_id": "echo-login", "zone": ZONE},
            operation="INSPECT_ALL",
            service_account_contents="{{ other }}",
        ),
    ]
    outcome = warm_playbooks.run([play(*tasks)], VERBOSE, "--diff", environ=environ, variables=variables)
    assert leaks(outcome.text) == [], outcome.text[:20000]
    ended = {entry["task"]: entry["status"] for entry in outcome.tasks}
    assert ended == {task["name"]: "ok" if task["name"] in SUCCEED else "failed" for task in tasks}, outcome.text[:20000]
    # Nothing was simply not reached.
    assert "bad credentials" in outcome.result("echo 400")["msg"]
    assert outcome.result("login refused")["error"]["kind"] == "AuthenticationFailed"
    assert outcome.result("restore")["restore"]["status"] == "succeeded"
    assert world.violations() == []
