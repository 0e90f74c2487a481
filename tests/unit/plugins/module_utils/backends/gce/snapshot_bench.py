# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks and snapshots of a project in memory, in the shape of the wire, and a bench that runs the back end's operations on them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest import mock

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import connection, registry
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects as gce_objects
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.objects import EVERYWHERE, Disk, Operation, Place, Resource, Snapshot
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task, argument_spec, resolve
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, NotFound, OutcomeUnknown, RecoveryError, WaitTimeout
from ansible_collections.multicloud.recovery.plugins.module_utils.core.outcome import Outcome
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import perform
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

from tests.unit.fakes import FakeClock

Wire = dict[str, Any]

SITE = "https://www.googleapis.com/compute/v1/"
DATA, BIG = "projects/p/zones/z-a/disks/data", "projects/p/regions/z/disks/big"
KEY = base64.b64encode(b"k" * 32).decode()
DIGEST = base64.b64encode(hashlib.sha256(b"k" * 32).digest()).decode()
PERMISSION = "compute.disks.createSnapshot"
CONNECTION = {"project_id": "p", "zone": "z-a", "access_token": "the-token", "provider": "gce"}
CREATED = "2026-03-01T03:00:07.123+01:00"


class FakeClient:
    """The calls of GceClient that snapshots need. ``sent`` are the changes, in order; ``looks`` the reads.

    ``progress`` are the statuses that the next looks at a snapshot see, the last one for ever. ``on`` is called at a change, by its word,
    with the name, before it is done, and may raise. ``ends`` are the errors of operations by what they work on, ``missing`` those
    of reads in a place.
    """

    project = "p"

    def __init__(self) -> None:
        self.disks: dict[str, Wire] = {}
        self.snapshots: dict[str, Wire] = {}
        self.sent: list[tuple[Any, ...]] = []
        self.looks: list[tuple[Any, ...]] = []
        self.progress: dict[str, list[str]] = {}
        self.on: dict[str, Callable[[str], None]] = {}
        self.ends: dict[str, RecoveryError] = {}
        self.held: set[str] | RecoveryError = {PERMISSION}
        self.quotas: list[Wire] | RecoveryError = [{"metric": "SNAPSHOTS", "limit": 10.0, "usage": 1.0}]
        self.missing: dict[str, RecoveryError] = {}
        self.filters: list[str | None] = []
        self.has_acted = False
        self._ids = 1000

    # -- What is there

    def put_disk(self, path: str, uid: str, **wire: Any) -> None:
        self.disks[path] = {"name": path.rpartition("/")[2], "id": uid, "selfLink": SITE + path, "status": "READY", "sizeGb": "20", **wire}

    def put(self, name: str, *, disk: str = DATA, disk_id: str = "11", status: str = "READY", **wire: Any) -> Wire:
        self._ids += 1
        path = f"projects/p/global/snapshots/{name}"
        made = {"name": name, "id": str(self._ids), "selfLink": SITE + path, "status": status, "creationTimestamp": CREATED, "labelFingerprint": "f1"}
        made |= {"sourceDisk": SITE + disk, "sourceDiskId": disk_id, "diskSizeGb": "20", "storageBytes": "4096", "storageLocations": ["eu"]}
        self.snapshots[name] = {**made, **wire}
        return self.snapshots[name]

    # -- Reads

    def get_disk(self, place: Place, name: str) -> Disk | None:
        self.looks.append(("disk", place.name, name))
        if place.name in self.missing:
            raise self.missing[place.name]
        found = [wire for path, wire in self.disks.items() if f"/{place.path}/" in path and name in (wire["name"], wire["id"])]
        return gce_objects.disk(deepcopy(found[0])) if found else None

    def get_snapshot(self, name: str) -> Snapshot | None:
        self.looks.append(("snapshot", name))
        coming = self.progress.get(name, [])
        if coming and name in self.snapshots:
            self.snapshots[name]["status"] = coming.pop(0) if len(coming) > 1 else coming[0]
        found = [wire for wire in self.snapshots.values() if name in (wire["name"], wire["id"])]
        return gce_objects.snapshot(deepcopy(found[0])) if found else None

    def list_all_disks(self, filter: str | None = None) -> Iterator[Disk]:
        return self.list_disks(EVERYWHERE, filter)

    def list_disks(self, place: Place, filter: str | None = None) -> Iterator[Disk]:
        self.looks.append(("disks", place.path))
        self.filters.append(filter)
        own = [wire for path, wire in self.disks.items() if place is EVERYWHERE or f"/{place.path}/" in path]
        return (gce_objects.disk(deepcopy(wire)) for wire in own if "mcr-restore" in wire.get("labels", {}))

    def get_instance(self, zone: str, name: str) -> None:
        self.looks.append(("instance", zone, name))

    def _of_no_snapshot(self, *_what: Any) -> Any:
        raise AssertionError("only snapshots are read, labelled and deleted")

    get_image = get_machine_image = delete_image = delete_machine_image = _of_no_snapshot
    set_instance_labels = set_disk_labels = set_image_labels = set_machine_image_labels = _of_no_snapshot

    def list_snapshots(self, filter: str | None = None) -> Iterator[Snapshot]:
        self.looks.append(("snapshots",))
        self.filters.append(filter)
        return (gce_objects.snapshot(deepcopy(wire)) for wire in list(self.snapshots.values()))

    def test_permissions(self, kind: str, place: Place, name: str, permissions: list[str]) -> set[str]:
        self.looks.append(("permissions", kind, place.path, name, *permissions))
        held = self.held
        if isinstance(held, RecoveryError):
            raise held  # pylint: disable=raising-bad-type
        return held & set(permissions)

    def get_project(self) -> Resource:
        self.looks.append(("project",))
        if isinstance(self.quotas, RecoveryError):
            raise self.quotas  # pylint: disable=raising-bad-type
        return gce_objects.resource({"name": "p", "quotas": self.quotas})

    # -- Changes

    def insert_snapshot(self, body: Wire) -> Operation:
        self._begin("insert", body["name"], deepcopy(body))
        self.create(body)
        return self._operation("insert", body["name"])

    def create(self, body: Wire, **other: Any) -> None:
        """What an insert makes."""
        if body["name"] in self.snapshots:
            raise Conflict("already exists", code="alreadyExists", http_status=409)
        disk = self.disks[body["sourceDisk"]]
        wire = {key: deepcopy(value) for key, value in body.items() if key not in ("name", "sourceDisk", "guestFlush", "sourceDiskEncryptionKey")}
        key = wire.pop("snapshotEncryptionKey", {})
        if key:
            wire["snapshotEncryptionKey"] = {"sha256": DIGEST} if "rawKey" in key else {"kmsKeyName": f"{key['kmsKeyName']}/cryptoKeyVersions/1"}
        self.put(body["name"], disk=body["sourceDisk"], disk_id=disk["id"], **{**wire, "status": "CREATING", **other})
        self.progress.setdefault(body["name"], ["UPLOADING", "READY"])

    def set_snapshot_labels(self, name: str, labels: Mapping[str, str], fingerprint: str) -> Operation:
        self._begin("label", name, dict(labels))
        wire = self.snapshots[name]
        if fingerprint != wire["labelFingerprint"]:
            raise Conflict("changed", code="conditionNotMet", http_status=412)
        wire.update(labels=dict(labels), labelFingerprint=f"{fingerprint}1")
        return self._operation("label", name)

    def delete_snapshot(self, name: str) -> Operation:
        self._begin("delete", name)
        if name not in self.snapshots:
            raise NotFound("not found", http_status=404)
        self.snapshots[name]["status"] = "DELETING"
        return self._operation("delete", name)

    def wait(self, operation: Operation, what: str) -> Operation:
        verb, name = operation.verb, operation.target
        self.looks.append(("wait", verb, name, what))
        if name in self.ends:
            raise self.ends[name]
        if verb == "delete":
            self.snapshots.pop(name, None)
        return operation

    def _begin(self, verb: str, name: str, *said: Any) -> None:
        self.sent.append((verb, name, *said))
        try:
            self.on.get(verb, lambda _name: None)(name)
        except OutcomeUnknown:
            self.has_acted = True
            raise

    def acted(self) -> bool:
        return self.has_acted

    def _operation(self, verb: str, name: str) -> Operation:
        self.has_acted = True
        return gce_objects.operation({"name": f"operation-{verb}", "operationType": verb, "targetLink": name})

    @property
    def words(self) -> list[str]:
        return [f"{verb} {name}" for verb, name, *_rest in self.sent]


@cache
def _validator() -> ArgumentSpecValidator:
    return ArgumentSpecValidator(argument_spec({"gce": registry.SNAPSHOT.OPTIONS}, None))


TOO_LATE = WaitTimeout("could not create before the deadline: the operation operation-insert is still RUNNING.", request_id="operation-insert")


@dataclass
class Bench:
    """A project with a zonal disk "data" (id 11) and a regional one "big" (id 22)."""

    client: FakeClient = field(default_factory=FakeClient)
    clock: FakeClock = field(default_factory=FakeClock)
    report: Report = field(default_factory=Report)
    last: Task | None = None

    def __post_init__(self) -> None:
        self.client.put_disk(DATA, "11")
        self.client.put_disk(BIG, "22", sizeGb="200")

    def task(self, operation: str, check_mode: bool, options: Mapping[str, Any]) -> Task:
        given = {key: value for key, value in {**CONNECTION, "operation": operation, **options}.items() if value is not None}
        providers = {"gce": registry.SNAPSHOT.OPTIONS}
        checked = _validator().validate(given)
        assert not checked.error_messages, checked.error_messages
        return resolve("snapshot", checked.validated_parameters, set(given), providers, {}, selectors=registry.SNAPSHOT.SELECTORS, check_mode=check_mode)

    def run(self, operation: str, *, check_mode: bool = False, **options: Any) -> Outcome:
        self.last = self.task(operation, check_mode, options)
        waiter = Waiter(self.last["wait_timeout"], self.last["wait_interval"], clock=self.clock, sleep=self.clock.sleep)
        with mock.patch.object(connection, "connect", return_value=self.client):
            backend = registry.SNAPSHOT(self.last, waiter)
        backend.validate(operation)
        self.report, self.client.has_acted = Report(), False
        return perform(backend, self.last, waiter, self.report)

    def create(self, **options: Any) -> Outcome:
        return self.run("CREATE", **{"name": "s", "source_disk": "data", **options})

    def names(self, **options: Any) -> list[str]:
        return [record.name for record in self.run("INSPECT_ALL", **options).records or []]

    @property
    def body(self) -> Wire:
        """The only insert request."""
        ((_verb, _name, body),) = [entry for entry in self.client.sent if entry[0] == "insert"]
        return dict(body)

    @property
    def warnings(self) -> str:
        return " ".join(self.last.warnings if self.last else ())
