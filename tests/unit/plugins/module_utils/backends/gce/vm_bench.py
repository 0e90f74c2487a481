# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and restores of VMs run in this process, against a project of the simulated Compute Engine, on a clock that moves only when somebody sleeps."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import registry
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.connection import connect
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.client import GceClient
from ansible_collections.multicloud.recovery.plugins.module_utils.core import runner
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task, argument_spec, resolve
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

from tests.simulator.server import Control, SimulatorThread
from tests.unit.fakes import FakeClock

Wire = dict[str, Any]

ZONE, REGION, SITE = "europe-west1-b", "europe-west1", "https://www.googleapis.com/compute/v1/"
OTHER_ZONE, FAR_ZONE, FAR_REGION = "europe-west1-c", "europe-west4-a", "europe-west4"
VM = "web-1"
DEVICES = ("web-1", "data", "Odd_device.7")
DISKS = ("web-1", "web-1-data", "web-1-logs")
FIRST, SECOND, THIRD = "20260101-000000", "20260102-000000", "20260103-000000"
KEY = base64.b64encode(b"k" * 32).decode()
KEY_DIGEST = base64.b64encode(hashlib.sha256(b"k" * 32).digest()).decode()
MODULES: Mapping[str, Any] = {"backup": registry.BACKUP, "restore": registry.RESTORE}

_numbers = itertools.count(1)


@dataclass
class Ran:
    """How a task ended: its result as a user sees it, or the error; what was sent, and what was warned of."""

    value: Wire = field(default_factory=dict)
    error: RecoveryError | None = None
    warnings: str = ""
    sent: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    report: Report = field(default_factory=Report)

    def __getitem__(self, key: str) -> Any:
        return self.value[key]

    @property
    def ok(self) -> Ran:
        """Itself, when it succeeded."""
        assert self.error is None, self.error
        return self

    @property
    def changed(self) -> bool:
        return bool(self.ok["changed"])

    @property
    def message(self) -> str:
        return self.error.message if self.error else str(self.value["message"])

    @property
    def kind(self) -> str:
        return self.error.kind if self.error else ""

    def body(self, of: str) -> Any:
        """The body of the only request that begins so."""
        (found,) = self.every_body(of)
        return found

    def every_body(self, of: str) -> list[Any]:
        return [body for request, body in zip(self.sent, self.bodies) if request.startswith(of)]

    def order(self, *parts: str) -> list[str]:
        """Of these parts of requests, those that were sent, in the order of their first request."""
        first = {part: next((number for number, request in enumerate(self.sent) if part in request), None) for part in parts}
        return [part for part, _number in sorted(((part, number) for part, number in first.items() if number is not None), key=lambda pair: pair[1])]


class VmBench:
    """A project with the VMs of the simulator's example "demo": web-1 with three disks and a static address, db-1 in another zone."""

    def __init__(self, simulator: SimulatorThread, **settings: Any) -> None:
        self.project = f"bench-{os.getpid()}-{next(_numbers)}"
        self.simulator = simulator
        self.control: Control = simulator.control.scoped(self.project)
        self.control.settings(**{"operation_s": 0, "strict_contract": True, "most_pending": 2, **settings})
        self.control.seed("demo")
        self.clock = FakeClock()
        self._newest = 0

    # -- Tasks

    def options(self, module: str, operation: str, **given: Any) -> Wire:
        provider: Any = self.simulator.service.provider
        connection = {"api_url": self.simulator.url, "project_id": self.project, "zone": ZONE, "access_token": str(provider.tokens.access_token)}
        own = {"vm_name": VM, "lock_ttl": 5} if operation == "CREATE" else {}
        every = {"provider": "gce", "operation": operation, **connection, **own, **given}
        return {key: value for key, value in every.items() if value is not None}

    def task(self, module: str, operation: str = "CREATE", *, check: bool = False, **given: Any) -> Task:
        options = self.options(module, operation, **given)
        providers = {"gce": MODULES[module].OPTIONS}
        checked = ArgumentSpecValidator(argument_spec(providers, None)).validate(options)
        assert not checked.error_messages, checked.error_messages
        selectors = MODULES[module].SELECTORS
        return resolve(module, checked.validated_parameters, set(options), providers, {}, selectors=selectors, check_mode=check)

    def run(self, module: str, operation: str = "CREATE", *, check: bool = False, **given: Any) -> Ran:
        """Carry a task out; ``given`` are its options, None takes away one of the bench's own."""
        ran, since = Ran(), self.mark()
        task: Task | None = None
        try:
            task = self.task(module, operation, check=check, **given)
            with mock.patch.object(runner, "Waiter", partial(Waiter, clock=self.clock, sleep=self.clock.sleep)):
                ran.value = runner._perform_task(MODULES[module], task, ran.report)
        except RecoveryError as error:
            ran.error = error
        ran.warnings = " ".join(task.warnings) if task else ""
        prefix = f"/compute/v1/projects/{self.project}/"
        log = self.control.requests(since)
        ran.paths = [entry["path"].removeprefix(prefix) for entry in log]
        changes = [entry for entry in log if entry["mutating"]]
        ran.sent = [f"{entry['method']} {entry['path'].removeprefix(prefix)}" for entry in changes]
        ran.bodies = [entry["body"] for entry in changes]
        return ran

    def backup(self, moment: str | None = FIRST, **given: Any) -> Ran:
        return self.run("backup", **{"snapshot_datetime": moment, **given})

    def restore(self, **given: Any) -> Ran:
        ways = ("backup", "snapshots", "source_image", "image_family", "rollback_of")
        point = {} if any(given.get(way) for way in ways) else {"snapshot_datetime": "latest"}
        return self.run("restore", **{"name": "r1", **point, **given})

    def refused(self, ran: Ran, kind: str) -> str:
        """The message of a task that was refused before it changed anything."""
        assert ran.kind == kind, f"{ran.kind}: {ran.message}"
        assert ran.sent == []
        assert not ran.report.changed
        return ran.message

    def client(self) -> GceClient:
        """A client of the project, for what the tests call directly."""
        return connect(self.task("restore", name="r1", snapshot_datetime="latest"), self.clock.waiter())

    # -- What is there

    def mark(self) -> int:
        """The number of the newest request in the log."""
        self._newest = max((entry["n"] for entry in self.control.requests(self._newest)), default=self._newest)
        return self._newest

    def all(self, plural: str) -> list[Wire]:
        return list(self.control.state().get(plural, []))

    def names(self, plural: str) -> list[str]:
        return sorted(item["name"] for item in self.all(plural))

    def find(self, plural: str, name: str) -> Wire | None:
        return next((item for item in self.all(plural) if item["name"] == name), None)

    def one(self, plural: str, name: str) -> Wire:
        found = self.find(plural, name)
        assert found, f"no {name} among {self.names(plural)}"
        return found

    def vm(self, name: str = VM) -> Wire:
        return self.one("instances", name)

    def attached(self, name: str = VM) -> list[str]:
        """The names of the disks of a VM, in the order of their index."""
        entries = sorted(self.vm(name)["disks"], key=lambda entry: entry["index"])
        return [entry["source"].rpartition("/")[2] for entry in entries if entry.get("source")]

    def as_attached(self, name: str = VM) -> list[tuple[Any, ...]]:
        """How the disks of a VM are attached, whichever they are."""
        return [(one["deviceName"], one["index"], one["boot"], one["mode"], one["autoDelete"], one["interface"]) for one in self.vm(name)["disks"]]

    def digests(self, name: str = VM) -> list[str]:
        """What is on the disks of a VM."""
        digests = {disk["name"]: disk["digest"] for disk in reversed(self.all("disks"))}
        return [digests[disk] for disk in self.attached(name)]

    def internal(self, name: str = VM) -> str:
        return str(self.vm(name)["networkInterfaces"][0]["networkIP"])

    def external(self, name: str = VM) -> str:
        return str(self.vm(name)["networkInterfaces"][0].get("accessConfigs", [{}])[0].get("natIP", ""))

    def labels(self, plural: str = "instances", name: str = VM) -> dict[str, str]:
        return dict(self.one(plural, name).get("labels", {}))

    # -- What others do

    def write(self, text: str, disk: str = "web-1-data", zone: str = ZONE) -> None:
        """The guest writes to a disk."""
        self.control.act("guest_write", project=self.project, disk=disk, zone=zone, data=base64.b64encode(text.encode()).decode())

    def change(self, plural: str, name: str, place: str | None = None, **fields: Any) -> None:
        """Overwrite fields of a resource, as if somebody else had."""
        place = place or str(self.one(plural, name)["place"])
        word, _slash, where = place.partition("/")
        own = {word[:-1]: where} if where else {}
        self.control.act("set_fields", project=self.project, plural=plural, name=name, fields=fields, **own)

    def change_vm(self, name: str = VM, **fields: Any) -> None:
        self.change("instances", name, **fields)

    def change_device(self, device: str, **fields: Any) -> None:
        """Overwrite how a disk is attached."""
        self.change_vm(disks=[{**one, **(fields if one["deviceName"] == device else {})} for one in self.vm()["disks"]])

    def mark_with(self, plural: str, name: str, **labels: str) -> None:
        """Give a resource labels beside its own; "_" stands for "-"."""
        added = {key.replace("_", "-"): value for key, value in labels.items()}
        self.control.merge_state(**{plural: [{"name": name, "place": self.one(plural, name)["place"], "labels": {**self.labels(plural, name), **added}}]})

    def add(self, plural: str, name: str, place: str = "global", **fields: Any) -> None:
        self.control.merge_state(**{plural: [{"name": name, "place": place, **fields}]})

    def remove(self, plural: str, name: str) -> None:
        """Take a resource away, whatever uses it."""
        word, _slash, where = str(self.one(plural, name)["place"]).partition("/")
        self.control.act("remove", project=self.project, plural=plural, name=name, **({word[:-1]: where} if where else {}))

    def url(self, path: str) -> str:
        return f"{SITE}projects/{self.project}/{path}"

    @property
    def vm_url(self) -> str:
        return self.url(f"zones/{ZONE}/instances/{VM}")

    def lose_vm(self, *, disks: bool = True) -> None:
        """The disaster: the VM is gone, its disks too; its addresses stay taken by nobody."""
        internal = self.internal()
        names = self.attached()
        self.remove("instances", VM)
        for name in names if disks else ():
            self.remove("disks", name)
        if not disks:
            for name in names:
                self.change("disks", name, users=[])
        self.control.act("free_address", project=self.project, address=internal)

    def encrypt(self, *disks: str) -> None:
        """Let disks be encrypted with KEY."""
        for disk in disks:
            self.change("disks", disk, diskEncryptionKey={"sha256": KEY_DIGEST})

    def add_local_ssd(self) -> None:
        entry = {"deviceName": "ssd", "index": 3, "boot": False, "mode": "READ_WRITE", "autoDelete": True, "interface": "NVME", "type": "SCRATCH"}
        self.change_vm(disks=[*self.vm()["disks"], {**entry, "kind": "compute#attachedDisk"}])

    def hold(self, purpose: str, run: str = "abc123", *, running: bool = True, name: str = VM) -> None:
        """Another run holds the VM; ``run`` "free" has ended without finishing."""
        self.mark_with("instances", name, mcr_lock=f"{run}-{'r' if running else 's'}-1", mcr_lock_for=purpose)


def bad_steps(statuses: Mapping[str, str], fine: Iterable[str] = ("done", "already done")) -> dict[str, str]:
    """The steps that did not end well."""
    return {name: status for name, status in statuses.items() if status not in set(fine)}


def originals(bench: VmBench) -> list[str]:
    """What the backup holds, in the order of the disks."""
    by_disk = {snapshot["sourceDisk"].rpartition("/")[2]: snapshot["digest"] for snapshot in bench.all("snapshots")}
    return [by_disk[disk] for disk in DISKS]
