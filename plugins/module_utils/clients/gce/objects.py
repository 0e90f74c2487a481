# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine answers, in our words. ``wire`` keeps the whole JSON of a resource, for what must be carried over word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.model import utc_timestamp

Wire = dict[str, Any]

ZONE, REGION, GLOBAL = "zone", "region", "global"


@dataclass(frozen=True)
class Place:
    """Where a resource lives: a zone, a region, or everywhere (no name)."""

    scope: str
    name: str = ""

    @property
    def path(self) -> str:
        """As it stands in a resource's path: ``zones/europe-west1-b``, ``regions/europe-west1``, ``global``."""
        return f"{self.scope}s/{self.name}" if self.name else self.scope

    @property
    def region(self) -> str:
        """The region that it is, or lies in; empty for everywhere."""
        return self.name.rpartition("-")[0] if self.scope == ZONE else self.name


EVERYWHERE = Place(GLOBAL)


def zone(name: str) -> Place:
    return Place(ZONE, name)


def region(name: str) -> Place:
    return Place(REGION, name)


def last_part(url: str | None) -> str:
    """The name at the end of a resource's URL; empty for None."""
    return (url or "").rpartition("/")[2]


def place_of(url: str) -> Place:
    """Where the resource of a URL or partial path lives."""
    parts = url.split("/")
    for scope in (ZONE, REGION):
        if f"{scope}s" in parts[:-1]:
            return Place(scope, parts[parts.index(f"{scope}s") + 1])
    return EVERYWHERE


def path_of(url: str) -> str:
    """The URL from ``projects/`` on, which names a resource whatever the server is called."""
    start = url.find("projects/")
    return url[start:] if start >= 0 else url


@dataclass(frozen=True)
class Resource:
    """What every resource has: ``path`` is its URL from ``projects/`` on, ``created_at`` RFC 3339 in UTC, ``status`` the API's word."""

    name: str
    uid: str
    path: str
    status: str
    created_at: str | None
    description: str
    labels: Mapping[str, str]
    label_fingerprint: str
    wire: Wire = field(repr=False)

    @property
    def place(self) -> Place:
        return place_of(self.path)


@dataclass(frozen=True)
class Disk(Resource):
    """A persistent disk. ``users`` are the paths of the instances it is attached to; ``type`` is the type's name."""

    size_gb: int
    type: str
    users: tuple[str, ...]
    source_snapshot: str
    source_snapshot_uid: str


@dataclass(frozen=True)
class Snapshot(Resource):
    """``scheduled``: a schedule made it. ``source_disk`` is a path; ``size_gb`` the disk's, ``storage_bytes`` its own."""

    size_gb: int
    storage_bytes: int
    source_disk: str
    source_disk_uid: str
    scheduled: bool


@dataclass(frozen=True)
class Image(Resource):
    """``deprecated`` is the API's word (empty while active); ``source_disk`` a path, empty for an image of something else."""

    family: str
    size_gb: int
    source_disk: str
    source_disk_uid: str
    deprecated: str


@dataclass(frozen=True)
class AttachedDisk:
    """A disk as an instance has it. ``source`` is the disk's path, empty for a local SSD."""

    device_name: str
    source: str
    index: int
    boot: bool
    mode: str
    auto_delete: bool
    interface: str
    local_ssd: bool
    wire: Wire = field(repr=False)


@dataclass(frozen=True)
class Instance(Resource):
    """A VM; ``disks`` in the order of their index. ``started_at`` is the provider's text, which changes with each start."""

    disks: tuple[AttachedDisk, ...]
    deletion_protection: bool
    started_at: str

    @property
    def running(self) -> bool:
        return self.status in ("PROVISIONING", "STAGING", "RUNNING", "REPAIRING")


@dataclass(frozen=True)
class Address(Resource):
    """A reserved address. ``users`` are the paths of what uses it; ``kind`` is EXTERNAL or INTERNAL."""

    address: str
    kind: str
    users: tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """Work that the provider has accepted. ``target`` is the path of what it works on; ``verb`` the API's ``operationType``."""

    name: str
    place: Place
    verb: str
    target: str
    done: bool
    wire: Wire = field(repr=False)


def _common(wire: Wire) -> dict[str, Any]:
    return {
        "name": wire.get("name", ""),
        "uid": str(wire.get("id", "")),
        "path": path_of(wire.get("selfLink", "")),
        "status": wire.get("status", ""),
        "created_at": utc_timestamp(wire.get("creationTimestamp")),
        "description": wire.get("description", ""),
        "labels": dict(wire.get("labels", {})),
        "label_fingerprint": wire.get("labelFingerprint", ""),
        "wire": wire,
    }


def _paths(urls: Sequence[str]) -> tuple[str, ...]:
    return tuple(path_of(url) for url in urls)


def resource(wire: Wire) -> Resource:
    return Resource(**_common(wire))


def disk(wire: Wire) -> Disk:
    return Disk(
        **_common(wire),
        size_gb=int(wire.get("sizeGb", 0)),
        type=last_part(wire.get("type")),
        users=_paths(wire.get("users", ())),
        source_snapshot=path_of(wire.get("sourceSnapshot", "")),
        source_snapshot_uid=str(wire.get("sourceSnapshotId", "")),
    )


def snapshot(wire: Wire) -> Snapshot:
    return Snapshot(
        **_common(wire),
        size_gb=int(wire.get("diskSizeGb", 0)),
        storage_bytes=int(wire.get("storageBytes", 0)),
        source_disk=path_of(wire.get("sourceDisk", "")),
        source_disk_uid=str(wire.get("sourceDiskId", "")),
        scheduled=bool(wire.get("autoCreated") or wire.get("sourceSnapshotSchedulePolicy")),
    )


def image(wire: Wire) -> Image:
    return Image(
        **_common(wire),
        family=wire.get("family", ""),
        size_gb=int(wire.get("diskSizeGb", 0)),
        source_disk=path_of(wire.get("sourceDisk", "")),
        source_disk_uid=str(wire.get("sourceDiskId", "")),
        deprecated=wire.get("deprecated", {}).get("state", "").replace("ACTIVE", ""),
    )


def attached_disk(wire: Wire) -> AttachedDisk:
    return AttachedDisk(
        device_name=wire.get("deviceName", ""),
        source=path_of(wire.get("source", "")),
        index=int(wire.get("index", 0)),
        boot=bool(wire.get("boot")),
        mode=wire.get("mode", "READ_WRITE"),
        auto_delete=bool(wire.get("autoDelete")),
        interface=wire.get("interface", ""),
        local_ssd=wire.get("type") == "SCRATCH",
        wire=wire,
    )


def instance(wire: Wire) -> Instance:
    return Instance(
        **_common(wire),
        disks=tuple(sorted(map(attached_disk, wire.get("disks", ())), key=lambda attached: attached.index)),
        deletion_protection=bool(wire.get("deletionProtection")),
        started_at=wire.get("lastStartTimestamp", ""),
    )


def address(wire: Wire) -> Address:
    return Address(
        **_common(wire),
        address=wire.get("address", ""),
        kind=wire.get("addressType", "EXTERNAL"),
        users=_paths(wire.get("users", ())),
    )


def operation(wire: Wire) -> Operation:
    return Operation(
        name=wire.get("name", ""),
        place=place_of(path_of(wire.get("selfLink", "")) or wire.get("zone") or wire.get("region") or ""),
        verb=wire.get("operationType", ""),
        target=path_of(wire.get("targetLink", "")),
        done=wire.get("status") == "DONE",
        wire=wire,
    )
