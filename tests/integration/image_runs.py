# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of the simulated Alibaba Cloud with images and buckets, runs of image_convert on them, and what they sent."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.harness.modules import Modules, Result
from tests.simulator.server import SimulatorThread, running_simulator

BUCKET, REGION = "sim-images", "cn-hangzhou"
EXPORT_ROLE, IMPORT_ROLE = "AliyunECSImageExportDefaultRole", "AliyunECSImageImportDefaultRole"

_numbers = itertools.count(1)


class ImageWorld:
    """One account, with the custom image "golden", the running instance "web" with a system and a data disk, and the objects web.qcow2 and new.vhd."""

    def __init__(self, simulator: SimulatorThread, account: str = "", **settings: Any) -> None:
        self.account = account or f"images-{os.getpid()}-{next(_numbers)}"
        self.simulator, self.control = simulator, simulator.control.scoped(self.account)
        self.control.settings(**{"operation_s": 0, **settings})
        parts = [{"DiskName": "web-system", "text": "the system"}, {"DiskName": "web-data", "Size": 100, "text": "the data"}]
        made = self.act("add_instance", name="web", disks=parts)
        self.instance, self.disks = made["instance_id"], made["disk_ids"]
        self.merge(
            roles={EXPORT_ROLE: {}, IMPORT_ROLE: {}},
            buckets={BUCKET: REGION, "elsewhere": "cn-beijing"},
            objects=[{"bucket": BUCKET, "object": key, "size": 1000} for key in ("web.qcow2", "new.vhd", "odd.bin")],
            snapshots=[{"id": "s-system", "SourceDiskId": self.disks[0], "SourceDiskType": "system", "SourceDiskSize": "40", "Status": "accomplished"}],
        )
        self.put_image("golden", "m-golden")

    def put_image(self, name: str, uid: str, *, data: int = 0, size: int = 40, **fields: Any) -> None:
        """Make an image with so many data disks, of the snapshot s-system."""
        part = {"SnapshotId": "s-system", "Format": "", "ImportOSSBucket": "", "ImportOSSObject": "", "Size": str(size)}
        parts = [{**part, "Type": "system", "Device": "/dev/xvda"}, *[{**part, "Type": "data", "Device": f"/dev/xvd{'bcdefg'[n]}"} for n in range(data)]]
        self.merge(images=[{"id": uid, "ImageName": name, "parts": parts, **fields}])

    def act(self, action: str, **body: Any) -> Any:
        """A control action on the account."""
        return self.control.act(action, account=self.account, **body)

    def merge(self, **parts: Any) -> None:
        """Change the state."""
        self.control.merge_state(**parts)

    # -- The way to it

    @property
    def options(self) -> dict[str, Any]:
        """The connection."""
        keys = {"access_key_id": f"sim-{self.account}", "access_key_secret": f"secret-{self.account}"}
        return {"provider": "alibaba_ecs", "api_url": self.simulator.url, "region": REGION, "wait_interval": 1, **keys}

    @property
    def environment(self) -> dict[str, str]:
        """The same, as environment variables."""
        provider: Any = self.simulator.service.provider
        return dict(provider.environment(self.simulator.url, self.account))

    # -- What is there

    @property
    def state(self) -> dict[str, Any]:
        """Everything in the account."""
        return self.control.state()

    def all(self, kind: str) -> list[dict[str, Any]]:
        """The items of a kind."""
        return list(self.state[kind])

    def image(self, name: str) -> dict[str, Any]:
        """The only image of a name."""
        (found,) = [item for item in self.all("images") if item["ImageName"] == name]
        return found

    @property
    def image_names(self) -> list[str]:
        """The names of all images, in order."""
        return sorted(item["ImageName"] for item in self.all("images"))

    @property
    def objects(self) -> list[str]:
        """The keys of all objects but those that were there, in order."""
        return sorted(item["object"] for item in self.all("objects") if item["object"] not in ("web.qcow2", "new.vhd", "odd.bin"))

    def exports(self) -> list[dict[str, Any]]:
        """The tasks of exports."""
        return [task for task in self.all("tasks") if task["TaskAction"] == "ExportImage"]

    # -- What was sent

    def mark(self) -> int:
        """The number of the newest request in the log."""
        return max((entry["n"] for entry in self.control.requests()), default=0)

    def changes(self, since: int = 0) -> list[str]:
        """The actions since then that change something."""
        return [str(entry["route"]) for entry in self.control.requests(since) if entry["mutating"]]

    def violations(self) -> list[str]:
        """What the published contract has against the requests so far; nothing where the contract is not there."""
        return [f"{entry['route']}: {text}" for entry in self.control.requests() for text in entry["contract_violations"]]


class ImageRun:
    """A run of image_convert, and the requests that it made."""

    def __init__(self, modules: Modules, world: ImageWorld, options: Mapping[str, Any], **how: Any) -> None:
        mark = world.mark()
        given = {name: value for name, value in {**world.options, **options}.items() if value is not None}
        self.world = world
        self.result: Result = modules.run("image_convert", given, **how)
        self.changes = world.changes(mark)
        self.requests = world.control.requests(mark)

    def __getitem__(self, key: str) -> Any:
        return self.result[key]

    @property
    def ok(self) -> ImageRun:
        """Itself, when it has succeeded."""
        assert not self.result.failed, f"{self.result.message}\n{self.result.stderr[-3000:]}"
        assert self.world.violations() == []
        return self

    @property
    def message(self) -> str:
        """What it said."""
        return self.result.message

    def is_unchanged(self) -> bool:
        """Whether it succeeded, reported no change and sent nothing that changes anything."""
        return not self.result.failed and self.result["changed"] is False and self.changes == []

    def is_refused(self, *words: str) -> bool:
        """Whether it failed with a message that holds all these words, and had changed nothing."""
        return self.result.failed and bool(self.result.kind) and all(word in self.message for word in words) and not self.changes


@pytest.fixture(scope="session")
def image_simulator() -> Iterator[SimulatorThread]:
    """One simulated Alibaba Cloud for all tests of this process; each test has an account of its own in it."""
    with running_simulator("alibaba_ecs") as running:
        yield running


@pytest.fixture
def image_world(image_simulator: SimulatorThread) -> ImageWorld:
    """An account of its own."""
    return ImageWorld(image_simulator)


@pytest.fixture
def convert(modules: Modules, image_world: ImageWorld) -> Callable[..., ImageRun]:
    """Runs the module in the test's account: convert("CREATE", source=...)."""

    def run(operation: str, *, world: ImageWorld | None = None, how: Mapping[str, Any] | None = None, **options: Any) -> ImageRun:
        return ImageRun(modules, world or image_world, {"operation": operation, **options}, **(how or {}))

    return run


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """Runs modules for which time passes twenty times as fast: what reads may lag behind is looked for during some seconds."""
    server = Modules(tmp_path_factory.mktemp("hasty"), os.environ["ANSIBLE_COLLECTIONS_PATH"], 20.0)
    try:
        yield server
    finally:
        server.close()
