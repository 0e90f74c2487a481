# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One simulated Compute Engine for all tests of this folder; every test has a project of its own in it."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.simulator.gce.provider import Gce
from tests.simulator.server import Control, SimulatorThread, running_simulator

TIMEOUT_S = 10
ZONE, REGION = "europe-west1-b", "europe-west1"
ZONAL = f"zones/{ZONE}"
OPERATION_S = 0.004


class Api:
    """A plain client of one project: paths begin below the project; nothing is retried or interpreted unless asked."""

    def __init__(self, simulator: SimulatorThread, project: str) -> None:
        self.simulator = simulator
        self.url = simulator.url
        self.project = project
        provider = simulator.service.provider
        assert isinstance(provider, Gce)
        self.token = provider.tokens.access_token
        self.control: Control = simulator.control.scoped(project)
        self.session = requests.Session()

    def send(self, method: str, path: str, body: Any = None, project: str | None = None, **query: Any) -> requests.Response:
        """One request."""
        url = f"{self.url}/compute/v1/projects/{project or self.project}" + (f"/{path}" if path else "")
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.session.request(method, url, json=body, params=query, headers=headers, timeout=TIMEOUT_S)

    def get(self, path: str, **query: Any) -> Any:
        """The body of a GET that succeeds."""
        response = self.send("GET", path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def start(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """The operation of a mutation that is accepted."""
        response = self.send(method, path, body, **query)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def wait(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation after waiting."""
        path = operation["selfLink"].split(f"/projects/{self.project}/", 1)[1]
        return dict(self.send("POST", f"{path}/wait").json())

    def do(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """The ended operation of a mutation that succeeds."""
        operation = self.wait(self.start(method, path, body, **query))
        assert operation["status"] == "DONE"
        assert "error" not in operation, operation["error"]
        return operation

    def fails(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """The ended operation of a mutation that is accepted and fails; `code` is put beside the error."""
        operation = self.wait(self.start(method, path, body, **query))
        return {**operation, "code": operation["error"]["errors"][0]["code"]}

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """(HTTP status, reason) of a request that is refused."""
        response = self.send(method, path, body, **query)
        error = response.json()["error"]
        assert error["code"] == response.status_code >= 400
        return response.status_code, error["errors"][0]["reason"]

    def vm(self, name: str = "web-1", zone: str = ZONE) -> dict[str, Any]:
        """A VM."""
        return dict(self.get(f"zones/{zone}/instances/{name}"))

    def disk(self, name: str, **body: Any) -> dict[str, Any]:
        """A new disk of 10 GB."""
        return self.do("POST", f"{ZONAL}/disks", {"name": name, "sizeGb": "10", **body})

    def snapshot(self, name: str, disk: str = "web-1-data", **body: Any) -> dict[str, Any]:
        """A new snapshot of a zonal disk."""
        return self.do("POST", "global/snapshots", {"name": name, "sourceDisk": f"{ZONAL}/disks/{disk}", **body})

    def attach(self, disk: str, vm: str = "web-1", **body: Any) -> dict[str, Any]:
        """Attaches a zonal disk."""
        return self.do("POST", f"{ZONAL}/instances/{vm}/attachDisk", {"source": f"{ZONAL}/disks/{disk}", **body})

    def create_vm(self, name: str, **body: Any) -> dict[str, Any]:
        """A VM from the public image, with an ephemeral external address."""
        return self.do("POST", f"{ZONAL}/instances", vm_body(name, **body))

    def write(self, disk: str, text: str, offset: int = 0) -> str:
        """Writes as the guest; gives the digest."""
        data = base64.b64encode(text.encode()).decode()
        return str(self.control.act("guest_write", project=self.project, zone=ZONE, disk=disk, offset=offset, data=data)["digest"])

    def read(self, disk: str, length: int, offset: int = 0) -> str:
        """Reads as the guest."""
        answer = self.control.act("guest_read", project=self.project, zone=ZONE, disk=disk, offset=offset, length=length)
        return base64.b64decode(answer["data"]).decode()

    def act(self, action: str, **body: Any) -> Any:
        """A control action."""
        return self.control.act(action, project=self.project, **body)

    def violations(self) -> list[str]:
        """The kinds of violations seen."""
        return [item["kind"] for item in self.act("violations")]


def vm_body(name: str, **body: Any) -> dict[str, Any]:
    """The body that makes a VM from the public image."""
    boot = {"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12"}}
    nic = {"network": "global/networks/default", "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}]}
    return {"name": name, "machineType": f"{ZONAL}/machineTypes/e2-small", "disks": [boot], "networkInterfaces": [nic], **body}


@pytest.fixture(scope="session")
def gce_simulator() -> Iterator[SimulatorThread]:
    """The simulator; operations take next to no time, and every answer is checked against the discovery document."""
    with running_simulator("gce", operation_s=OPERATION_S, check_answers=True) as running:
        yield running


@pytest.fixture
def gce(gce_simulator: SimulatorThread) -> Iterator[Api]:
    """A client in an empty project of the test's own; at the end no request may have been outside of the contract."""
    client = Api(gce_simulator, f"p-{uuid.uuid4().hex[:10]}")
    yield client
    broken = {(entry["method"], entry["path"], *entry["contract_violations"]) for entry in client.control.requests() if entry["contract_violations"]}
    client.session.close()
    assert not broken


@pytest.fixture
def web(gce: Api) -> Api:
    """The same, filled with the example."""
    gce.control.seed("demo")
    return gce
