# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One simulator for all tests of this folder; every test has an organisation of its own in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.simulator.server import Control, SimulatorThread, running_simulator

TIMEOUT_S = 10


class Api:
    """A plain client: paths may hold {org}; nothing is retried, redirected or interpreted."""

    def __init__(self, simulator: SimulatorThread, org: str) -> None:
        self.url = simulator.url
        self.org = org
        self.token: str | None = simulator.token
        self.control: Control = simulator.control.scoped(org)
        self.simulator = simulator
        self.session = requests.Session()

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """One request."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        options.setdefault("timeout", TIMEOUT_S)
        return self.session.request(method, self.url + path.replace("{org}", self.org), json=body, headers=headers, allow_redirects=False, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET."""
        return self.send("GET", path, **options)

    def metadata(self, name: str, **more: Any) -> dict[str, Any]:
        """The metadata of a request."""
        return {"name": name, "org_id": self.org, **more}

    def ref(self, plural: str, name: str) -> dict[str, str]:
        """A reference with name and uid."""
        return next({"name": item["name"], "uid": item["uid"]} for item in self.control.state()[plural] if item["name"] == name)

    def back_up(self, name: str, **body: Any) -> requests.Response:
        """POST /v1/backup of the example's cluster; all namespaces unless told otherwise."""
        refs = {"cluster_ref": self.ref("clusters", "prod"), "backup_location_ref": self.ref("backup_locations", "store")}
        return self.send("POST", "/v1/backup", {"metadata": self.metadata(name), "namespaces": ["*"], **refs, **body})

    def restore(self, name: str, backup: str, cluster: str = "prod", **body: Any) -> requests.Response:
        """POST /v1/restore."""
        refs = {"backup_ref": self.ref("backups", backup), "cluster_ref": self.ref("clusters", cluster)}
        return self.send("POST", "/v1/restore", {"metadata": self.metadata(name), **refs, **body})

    def info(self, kind: str, name: str) -> dict[str, Any]:
        """backup_info or restore_info as the control API knows it, with every field."""
        return next(item[f"{kind}_info"] for item in self.control.state()[f"{kind}s"] if item["name"] == name)

    def metadata_of(self, backup: str) -> dict[str, Any]:
        """The metadata of a backup."""
        return next(item["metadata"] for item in self.control.state()["backups"] if item["name"] == backup)

    def inside(self, cluster: str) -> dict[str, Any]:
        """The namespaces of a cluster."""
        return next(item["namespaces"] for item in self.control.state()["clusters"] if item["name"] == cluster)

    def listed(self, **query: Any) -> dict[str, Any]:
        """GET /v1/restore/{org} with enumerate_options."""
        response = self.get("/v1/restore/{org}", params={f"enumerate_options.{name}": value for name, value in query.items()})
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorThread]:
    """The simulator; nothing takes time unless a test sets a duration."""
    with running_simulator(backup_duration_s=0, restore_duration_s=0, delete_duration_s=0) as running:
        yield running


@pytest.fixture
def api(simulator: SimulatorThread) -> Iterator[Api]:
    """A client in an empty organisation of the test's own."""
    client = Api(simulator, f"org-{uuid.uuid4().hex[:10]}")
    yield client
    client.session.close()


@pytest.fixture
def demo(api: Api) -> Api:
    """The same, filled with the example: clusters prod and recovery, namespaces shop and blog."""
    api.control.seed("demo")
    return api


@pytest.fixture
def with_contract(api: Api) -> Api:
    """A client where the published contract is checked; skips where it is not there."""
    if api.control.settings()["contract"] is None:
        pytest.skip("no contracts: neither SIMULATOR_CONTRACTS nor ../shared/contracts names a folder that holds them")
    return api
