# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects of the simulated Compute Engine that tests start from, and the fixtures that make them."""

from __future__ import annotations

import base64
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.simulator.server import Control, SimulatorThread, running_simulator

ZONE, OTHER_ZONE, REGION = "europe-west1-b", "europe-west1-c", "europe-west1"
SITE = "https://www.googleapis.com/compute/v1/"
_BOTH_ZONES = (ZONE, OTHER_ZONE)

_numbers = itertools.count(1)


class GceWorld:
    """One project of a simulator: its control API, the options that lead a module to it, and disks and snapshots made at once."""

    def __init__(self, simulator: SimulatorThread, *, project: str = "", **settings: Any) -> None:
        self.project = project or f"world-{os.getpid()}-{next(_numbers)}"
        self.simulator = simulator
        self.control: Control = simulator.control.scoped(self.project)
        self.control.settings(**{"operation_s": 0, "most_pending": 2, **settings})

    # -- The way to it

    @property
    def token(self) -> str:
        """An access token that does not expire."""
        provider: Any = self.simulator.service.provider
        return str(provider.tokens.access_token)

    @property
    def options(self) -> dict[str, Any]:
        """The connection, with a token and the zone."""
        return {"provider": "gce", "api_url": self.simulator.url, "project_id": self.project, "zone": ZONE, "access_token": self.token}

    @property
    def environment(self) -> dict[str, str]:
        """The same, as environment variables."""
        return {"GCE_API_URL": self.simulator.url, "GCP_PROJECT": self.project, "GCP_ZONE": ZONE, "GCP_ACCESS_TOKEN": self.token}

    @property
    def service_account(self) -> dict[str, str]:
        """The key of a service account of the project."""
        environment: Mapping[str, str] = self.simulator.service.provider.environment(self.simulator.url, self.project)
        return dict(json.loads(environment["GCP_SERVICE_ACCOUNT_CONTENTS"]))

    # -- What is put there

    def put_disk(self, name: str, place: str = f"zones/{ZONE}", *, text: str = "", **fields: Any) -> str:
        """Make a disk, or change one; gives its id. In a region it has two zones."""
        kind = {"type": f"{SITE}projects/{self.project}/{place}/diskTypes/pd-balanced"}
        if place.startswith("regions/"):
            kind["replicaZones"] = [f"{SITE}projects/{self.project}/zones/{zone}" for zone in _BOTH_ZONES]  # type: ignore[assignment]
        data = base64.b64encode((text or f"what is on {name}").encode()).decode()
        self.control.merge_state(disks=[{"name": name, "place": place, "sizeGb": "20", "data": data, **kind, **fields}])
        return str(self.one("disks", name, place)["id"])

    def put_snapshot(self, name: str, disk: str, *, age_h: float = 0.0, place: str = f"zones/{ZONE}", disk_id: str | None = None, **fields: Any) -> None:
        """Make a snapshot of a disk, so many hours ago; ``disk_id`` for one of a disk that is no more."""
        made_at = (datetime.now(timezone.utc) - timedelta(hours=age_h)).isoformat(timespec="milliseconds")
        source = {"sourceDisk": f"{SITE}projects/{self.project}/{place}/disks/{disk}", "sourceDiskId": disk_id or self.one("disks", disk, place)["id"]}
        self.control.merge_state(snapshots=[{"name": name, "creationTimestamp": made_at, **source, **fields}])

    def put_running_vm(self, disk: str) -> None:
        """Make a VM that runs and has a zonal disk, so that there is a guest that can be informed."""
        base = f"{SITE}projects/{self.project}/zones/{ZONE}"
        entry = {
            "source": f"{base}/disks/{disk}",
            "deviceName": disk,
            "type": "PERSISTENT",
            "mode": "READ_WRITE",
            "boot": True,
            "index": 0,
            "autoDelete": False,
        }
        vm = {"name": f"vm-of-{disk}", "place": f"zones/{ZONE}", "machineType": f"{base}/machineTypes/e2-medium", "disks": [entry]}
        self.control.merge_state(instances=[vm])

    # -- What is there

    def all(self, plural: str) -> list[dict[str, Any]]:
        """All resources of a kind."""
        return list(self.control.state().get(plural, []))

    def names(self, plural: str) -> list[str]:
        """Their names, in order."""
        return sorted(item["name"] for item in self.all(plural))

    def named(self, plural: str, name: str, place: str | None = None) -> list[dict[str, Any]]:
        """The resources of a kind that have this name, in this place where one is given."""
        return [item for item in self.all(plural) if item["name"] == name and place in (None, item["place"])]

    def one(self, plural: str, name: str, place: str | None = None) -> dict[str, Any]:
        """The only one of that name."""
        (item,) = self.named(plural, name, place)
        return item

    # -- What was sent

    def mark(self) -> int:
        """The number of the newest request in the log."""
        return max((entry["n"] for entry in self.control.requests()), default=0)

    def changes(self, since: int = 0) -> list[str]:
        """The requests since then that change something, as "POST global/snapshots"."""
        prefix = f"/compute/v1/projects/{self.project}/"
        return [f"{entry['method']} {entry['path'].removeprefix(prefix)}" for entry in self.control.requests(since, mutating=True)]

    def bodies(self, since: int = 0) -> list[Any]:
        """Their bodies."""
        return [entry["body"] for entry in self.control.requests(since, mutating=True)]

    def violations(self) -> list[str]:
        """What the discovery document has against the requests so far."""
        return [f"{entry['method']} {entry['path']}: {text}" for entry in self.control.requests() for text in entry["contract_violations"]]


@pytest.fixture(scope="session")
def gce_simulator() -> Iterator[SimulatorThread]:
    """One simulated Compute Engine for all tests of this process; each test has a project of its own in it."""
    with running_simulator("gce", check_answers=True) as running:
        yield running


@pytest.fixture
def make_gce_world(gce_simulator: SimulatorThread) -> Callable[..., GceWorld]:
    """Makes projects: make_gce_world(setting=value, ...)."""
    return lambda **settings: GceWorld(gce_simulator, **settings)


@pytest.fixture
def gce_world(make_gce_world: Callable[..., GceWorld]) -> GceWorld:
    """A project with a zonal disk "data" and a regional one "big"."""
    world = make_gce_world()
    world.put_disk("data")
    world.put_disk("big", f"regions/{REGION}", sizeGb="200")
    return world
