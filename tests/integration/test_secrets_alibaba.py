# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The secrets of Alibaba Cloud appear nowhere, in no form, whatever goes wrong: checked on all that real ansible-playbook -vvv prints and returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.alibaba_worlds import REGION
from tests.harness.modules import Modules
from tests.harness.playbooks import WarmPlaybooks, play
from tests.simulator.alibaba_ecs.credentials import Key
from tests.simulator.server import SimulatorThread, running_simulator

from .test_secrets import dead_address, forms

TOKEN, SECRET, EXTERNAL = "a+b/c==", "key+of/many=signs&sEcReT", "who+asks/for=it"
KEY_ID, WELL = "STS.well", "well"
SECRETS = {"token": TOKEN, "secret": SECRET}
VERBOSE = "-vvv"
MODULES = ("snapshot", "backup", "restore", "image_convert")


def leaks(text: str) -> list[str]:
    """Which secret shows in which form."""
    found = [f"{name} ({form})" for name, secret in SECRETS.items() for form, written in forms(secret).items() if written in text]
    return found + (["a part of a secret"] if "sEcReT" in text else [])


def test_leaks_are_found() -> None:
    for secret in SECRETS.values():
        for written in forms(secret).values():
            assert leaks(f"before{written}after")
    assert leaks("nothing of the kind") == []


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorThread]:
    """A simulator that knows the temporary key."""
    with running_simulator("alibaba_ecs", operation_s=0) as simulator:
        provider: Any = simulator.service.provider
        provider.credentials.add(Key(KEY_ID, SECRET, WELL, "assumed-role/recovery", True, TOKEN, float("inf")))
        provider.credentials.add(Key("STS.other", "another", WELL, "assumed-role/recovery", True, TOKEN, float("inf")))
        simulator.control.scoped(WELL).seed("demo")
        yield simulator


@pytest.fixture(autouse=True)
def no_faults(server: SimulatorThread) -> None:
    server.control.clear_faults()


def _quoting(server: SimulatorThread, status: int, code: str) -> None:
    """Every ECS request is answered with all forms of the secrets."""
    quoted = " | ".join(written for secret in SECRETS.values() for written in forms(secret).values())
    body = {"RequestId": "1", "Code": code, "Message": f"bad credentials: {quoted}", "HostId": quoted}
    server.control.add_fault("status", WELL, status=status, body=body, times=0)


def _task(title: str, module: str = "snapshot", **options: Any) -> dict[str, Any]:
    given = {"provider": "alibaba_ecs", "region": REGION, "retries": 0, "request_timeout": 5, **options}
    return {"name": title, f"multicloud.recovery.{module}": given, "ignore_errors": True}


@pytest.mark.parametrize("source", ["option", "environment"])
def test_no_secret_is_shown(warm_playbooks: WarmPlaybooks, server: SimulatorThread, source: str) -> None:
    values = {"access_key_id": KEY_ID, "access_key_secret": SECRET, "security_token": TOKEN}
    credentials = {name: f"{{{{ given_{name} }}}}" for name in values} if source == "option" else {}
    variables = {f"given_{name}": value for name, value in values.items()} if source == "option" else {}
    environ = {f"ALIBABA_CLOUD_{name.upper()}": value for name, value in values.items()} if source == "environment" else {}
    well = {"api_url": server.url, **credentials}
    nobody = {**well, "api_url": f"http://{dead_address()}"}
    wrong = {"access_key_id": "STS.other", "access_key_secret": "{{ other }}", "security_token": "{{ token }}", "api_url": server.url}
    role = {"role_arn": "acs:ram::1:role/none", "external_id": "{{ external }}", "sts_url": server.url}
    tasks = [
        _task("list", **well, operation="INSPECT_ALL"),
        *(_task(f"list by {module}", module, **well, operation="INSPECT_ALL") for module in MODULES[1:]),
        *(_task(f"cannot connect by {module}", module, **nobody, operation="INSPECT_ALL") for module in MODULES),
        _task("no TLS there", **{**well, "api_url": server.url.replace("http:", "https:")}, operation="INSPECT_ALL"),
        _task("no such option", **well, operation="INSPECT_ALL", colour="red"),
        _task("wrong secret", **wrong, operation="INSPECT_ALL"),
        _task("role refused", **well, **role, operation="INSPECT_ALL"),
        {**_task("no such disk", **well, operation="CREATE", name="x", source_disk="d-none"), "check_mode": True},
    ]
    more = {"external": EXTERNAL, "token": TOKEN, "other": f"{SECRET}/other"}
    # The SDK's own log is switched on as its documentation says.
    outcome = warm_playbooks.run([play(*tasks)], VERBOSE, "--diff", environ={**environ, "DEBUG": "sdk"}, variables={**variables, **more})
    assert leaks(outcome.text) == [], outcome.text[:20000]
    ended = {entry["task"]: entry["status"] for entry in outcome.tasks}
    assert ended == {task["name"]: "ok" if task["name"].startswith("list") else "failed" for task in tasks}, outcome.text[:20000]
    for title in ("wrong secret", "role refused"):
        assert outcome.result(title)["error"]["kind"] in ("AuthenticationFailed", "NotFound"), outcome.result(title)["msg"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, "InternalError"),
        (400, "InvalidParameter"),
        (403, "Forbidden.RAM"),
        (404, "InvalidAccessKeyId.NotFound"),
        (400, "SignatureDoesNotMatch"),
        (503, "ServiceUnavailable"),
    ],
)
def test_no_answer_brings_a_secret_into_a_result(modules: Modules, server: SimulatorThread, status: int, code: str) -> None:
    _quoting(server, status, code)
    connection = {"provider": "alibaba_ecs", "region": REGION, "api_url": server.url, "retries": 0}
    credentials = {"access_key_id": KEY_ID, "access_key_secret": SECRET, "security_token": TOKEN}
    for module in MODULES:
        result = modules.run(module, {**connection, **credentials, "operation": "INSPECT_ALL"}, environ={"DEBUG": "sdk"}, diff=True)
        assert leaks(result.stdout + result.stderr) == [], module
        assert result.failed
        assert result.kind, result.stdout
        assert "bad credentials" in result.message or code == "SignatureDoesNotMatch"


def test_part_of_a_secret_is_not_left_by_cutting_a_long_answer(modules: Modules, server: SimulatorThread) -> None:
    options = {
        "provider": "alibaba_ecs",
        "region": REGION,
        "api_url": server.url,
        "access_key_id": KEY_ID,
        "access_key_secret": SECRET,
        "security_token": TOKEN,
    }
    for length in range(0, 4001, 97):
        server.control.clear_faults()
        body = {"RequestId": "1", "Code": "InvalidParameter", "Message": "x" * length + SECRET}
        server.control.add_fault("status", WELL, status=400, body=body)
        result = modules.run("snapshot", {**options, "operation": "INSPECT_ALL"})
        assert result.kind == "InvalidRequest"
        assert SECRET[:8] not in result.stdout, f"after {length} characters"
