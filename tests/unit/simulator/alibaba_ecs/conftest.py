# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One simulated ECS for all tests of this folder; every test has an account of its own in it, and talks to it with the vendor's own SDK."""

from __future__ import annotations

import importlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulator.alibaba_ecs.provider import AlibabaEcs
from tests.simulator.server import Control, SimulatorThread, running_simulator

pytest.importorskip("aliyunsdkecs")
pytest.importorskip("aliyunsdksts")

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

REGION = "cn-hangzhou"
OPERATION_S = 0.004
WAIT_S = 10.0
DIRECT = {"http": None, "https": None}
PUBLIC_KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7 test"


class Api:
    """A plain client of one account and region; nothing is retried."""

    def __init__(self, simulator: SimulatorThread, account: str, region: str = REGION, key: str = "", secret: str = "", token: str = "") -> None:
        self.simulator, self.account, self.region = simulator, account, region
        self.control: Control = simulator.control.scoped(account)
        options: dict[str, Any] = {"region_id": region, "auto_retry": False, "proxy": DIRECT, "timeout": 10}
        if token:
            self.client = AcsClient(credential=StsTokenCredential(key, secret, token), **options)
        else:
            self.client = AcsClient(key or f"sim-{account}", secret or f"secret-{account}", **options)
        for product in ("Ecs", "Vpc", "Sts"):
            self.client.add_endpoint(region, product, simulator.url)

    def other(self, region: str = REGION, **more: str) -> Api:
        """The same account in another region, or with other credentials."""
        return Api(self.simulator, self.account, region, **more)

    def do(self, action: str, **values: Any) -> dict[str, Any]:
        """The answer of an action. Raises ServerException."""
        return dict(json.loads(self.client.do_action_with_exception(request_of(action, **values))))

    def refused(self, action: str, **values: Any) -> tuple[str, int]:
        """(code, HTTP status) of an action that is refused."""
        with pytest.raises(ServerException) as caught:
            self.do(action, **values)
        return caught.value.get_error_code(), caught.value.get_http_status()

    def call(self, action: str, version: str = "2014-05-26", **values: str) -> dict[str, Any]:
        """An action by its wire names, for what has no class in the SDK."""
        request = CommonRequest(domain=self.simulator.url, version=version, action_name=action)
        request.set_method("POST")
        for name, value in values.items():
            request.add_query_param(name.replace("__", "."), value)
        return dict(json.loads(self.client.do_action_with_exception(request)))

    def call_refused(self, action: str, version: str = "2014-05-26", **values: str) -> tuple[str, int]:
        """(code, HTTP status) of such a call that is refused."""
        with pytest.raises(ServerException) as caught:
            self.call(action, version, **values)
        return caught.value.get_error_code(), caught.value.get_http_status()

    def act(self, action: str, /, **body: Any) -> Any:
        """A control action."""
        return self.control.act(action, account=self.account, **body)

    def vm(self, name: str = "web-1", disks: int = 2, **more: Any) -> tuple[str, list[str]]:
        """An instance that runs, and its disks, which hold `NAME-0`, `NAME-1`, ..."""
        made = self.act("add_instance", name=name, disks=more.pop("parts", [{"text": f"{name}-{number}"} for number in range(disks)]), **more)
        return made["instance_id"], made["disk_ids"]

    def read(self, disk: str) -> str:
        """What is on a disk."""
        return str(self.act("guest_read", disk=disk)["text"])

    def find(self, kind: str, identity: str) -> dict[str, Any] | None:
        """An item as the control API shows it."""
        return next((item for item in self.control.state().get(kind, []) if item["id"] == identity), None)

    def wait(self, kind: str, identity: str, status: str) -> dict[str, Any]:
        """Waits for a status."""
        return dict(until(lambda: next((item for item in [self.find(kind, identity)] if item and item.get("Status", item.get("TaskStatus")) == status), None)))

    def stopped(self, instance: str) -> None:
        """Stops an instance."""
        self.do("StopInstance", InstanceId=instance)
        self.wait("instances", instance, "Stopped")

    def snapshot(self, disk: str, **more: Any) -> str:
        """A finished snapshot."""
        identity = str(self.do("CreateSnapshot", DiskId=disk, **more)["SnapshotId"])
        self.wait("snapshots", identity, "accomplished")
        return identity


def request_of(action: str, **values: Any) -> Any:
    """A request of the SDK with its setters called; `extra` are wire names that have no setter."""
    extra = values.pop("extra", {})
    module = importlib.import_module(f"aliyunsdkecs.request.v20140526.{action}Request")
    request = getattr(module, f"{action}Request")()
    for name, value in values.items():
        getattr(request, f"set_{name}")(value)
    for name, value in extra.items():
        request.add_query_param(name, value)
    return request


def until(look: Callable[[], Any]) -> Any:
    """What `look` gives as soon as it gives something."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.004)
    raise AssertionError("it did not happen in time")


@pytest.fixture(scope="session")
def ecs_simulator() -> Iterator[SimulatorThread]:
    """The simulator; what is asynchronous takes next to no time, and answers are checked where there is a contract."""
    with running_simulator("alibaba_ecs", operation_s=OPERATION_S, check_answers=True) as running:
        yield running


@pytest.fixture
def ecs(ecs_simulator: SimulatorThread) -> Iterator[Api]:
    """A client in an empty account of the test's own."""
    account = f"a-{uuid.uuid4().hex[:10]}"
    yield Api(ecs_simulator, account)
    provider = ecs_simulator.service.provider
    assert isinstance(provider, AlibabaEcs)
    ecs_simulator.control.drop_state(account)
    ecs_simulator.control.clear_faults(account)


@pytest.fixture
def with_contract(ecs: Api) -> Api:
    """A client where the published contract is checked; skips where it is not there."""
    if ecs.control.settings()["contract"] is None:
        pytest.skip("no contracts: neither SIMULATOR_CONTRACTS nor ../shared/contracts names a folder that holds them")
    return ecs
