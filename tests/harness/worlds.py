# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Organizations of the simulator that tests start from, and what was brought back compared with what was saved."""

from __future__ import annotations

import copy
import itertools
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulator.server import Control, SimulatorThread

SHOP: Mapping[str, Any] = {
    "labels": {"team": "sales"},
    "resources": [
        {"kind": "Deployment", "name": "web", "group": "apps", "labels": {"tier": "front"}, "data": {"replicas": 3}},
        {"kind": "ConfigMap", "name": "settings", "labels": {"tier": "front"}, "data": {"currency": "EUR"}},
        {"kind": "PersistentVolumeClaim", "name": "orders", "labels": {"tier": "back"}, "data": {"storage": "1Gi"}},
    ],
    "volumes": [{"pvc": "orders", "storage_class": "fast", "text": "order 1: 3 apples\n", "size": 1073741824, "labels": {"tier": "back"}}],
}
BLOG: Mapping[str, Any] = {"resources": [{"kind": "ConfigMap", "name": "settings", "data": {"title": "News"}}]}
STATE: Mapping[str, Any] = {
    "clusters": [
        {"name": "production", "storage_classes": ["fast", "standard"], "namespaces": {"shop": SHOP, "blog": BLOG}},
        {"name": "drill", "storage_classes": ["standard", "slow"], "namespaces": {"default": {}}},
    ],
    "backup_locations": [{"name": "objects", "type": "S3", "path": "backups"}],
    "rules": [{"name": "freeze"}, {"name": "thaw"}],
    "backups": [{"name": "nightly", "cluster": "production", "backup_location": "objects", "namespaces": ["shop"]}],
}

_numbers = itertools.count(1)


class World:
    """One organization of a simulator: its control API, and the options that lead a module to it."""

    def __init__(self, simulator: SimulatorThread, state: Mapping[str, Any] | None = None, **settings: Any) -> None:
        self.org = f"org-{os.getpid()}-{next(_numbers)}"
        self.simulator = simulator
        self.control: Control = simulator.control.scoped(self.org)
        self.control.merge_state(**copy.deepcopy(dict(STATE if state is None else state)))
        durations = {"backup_duration_s": 0, "restore_duration_s": 0, "delete_duration_s": 0}
        self.control.settings(**{**durations, **settings})

    @property
    def options(self) -> dict[str, Any]:
        """The connection."""
        return {"api_url": self.simulator.url, "token": self.simulator.token, "org_id": self.org}

    @property
    def environment(self) -> dict[str, str]:
        """The same, as environment variables."""
        return {"PX_BACKUP_API_URL": self.simulator.url, "PX_BACKUP_TOKEN": self.simulator.token, "PX_BACKUP_ORG_ID": self.org}

    def named(self, plural: str, name: str) -> list[dict[str, Any]]:
        """The objects of a kind that have this name."""
        return [item for item in self.control.state().get(plural, []) if item["name"] == name]

    def one(self, plural: str, name: str) -> dict[str, Any]:
        """The only one of that name."""
        (item,) = self.named(plural, name)
        return item

    def uid(self, plural: str, name: str) -> str:
        """The uid of the only one of that name."""
        return str(self.one(plural, name)["uid"])

    def namespace(self, cluster: str, name: str) -> dict[str, Any] | None:
        """What a namespace of a cluster holds; None when it is not there."""
        return self.one("clusters", cluster)["namespaces"].get(name)

    def mark(self) -> int:
        """The number of the newest request in the log."""
        return max((entry["n"] for entry in self.control.requests()), default=0)

    def changes(self, since: int = 0) -> list[str]:
        """The requests since then that change something."""
        return [f"{entry['method']} {entry['path']}" for entry in self.control.requests(since, mutating=True)]

    def violations(self) -> list[str]:
        """What the published contract has against the requests so far."""
        return [f"{entry['method']} {entry['path']}: {text}" for entry in self.control.requests() for text in entry["contract_violations"]]


def holds(actual: Mapping[str, Any] | None, saved: Mapping[str, Any], storage_classes: Mapping[str, str] | None = None) -> bool:
    """Whether a namespace holds everything that was saved, byte for byte, with its storage classes mapped."""
    if actual is None:
        return False
    mapped = [{**volume, "storage_class": (storage_classes or {}).get(volume["storage_class"], volume["storage_class"])} for volume in saved["volumes"]]
    return actual["labels"] == saved["labels"] and _same(actual["resources"], saved["resources"]) and _same(actual["volumes"], mapped)


def _same(first: list[Any], second: list[Any]) -> bool:
    return sorted(first, key=repr) == sorted(second, key=repr)


def eventually(look: Callable[[], Any], limit_s: float = 30.0, what: str = "it") -> Any:
    """The first true value of `look`. Fails when there is none in time."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {limit_s:g} s")
