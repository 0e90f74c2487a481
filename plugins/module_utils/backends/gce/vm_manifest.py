# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a VM, from what the API gives to what it takes back when the VM is built again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from ...clients.gce.objects import Disk, Instance, Wire
from ...recovery.manifest import VERSION, Document, compact, without
from .labels import user_labels

# What the API says of a VM and does not take back, by where it stands; a test holds it against the API's own description.
OUTPUT_ONLY: Mapping[str, Collection[str]] = {
    "": [
        "kind",
        "id",
        "creationTimestamp",
        "selfLink",
        "selfLinkWithId",
        "status",
        "statusMessage",
        "zone",
        "cpuPlatform",
        "labelFingerprint",
        "fingerprint",
        "startRestricted",
        "lastStartTimestamp",
        "lastStopTimestamp",
        "lastSuspendedTimestamp",
        "resourceStatus",
        "satisfiesPzs",
        "satisfiesPzi",
        "sourceMachineImage",
        "sourceMachineImageEncryptionKey",
        "upcomingMaintenance",
        "params",
    ],
    "disks": ["kind", "index", "licenses", "guestOsFeatures", "shieldedInstanceInitialState", "architecture", "diskSizeGb", "savedState", "initializeParams"],
    "networkInterfaces": ["kind", "name", "fingerprint", "ipv6AccessType", "ipv6Address", "parentNicName"],
    "networkInterfaces.accessConfigs": ["kind", "publicPtrDomainName", "externalIpv6PrefixLength"],
    "networkInterfaces.ipv6AccessConfigs": ["kind"],
    "metadata": ["kind", "fingerprint"],
    "tags": ["fingerprint"],
    "serviceAccounts": [],
    "scheduling": ["terminationTime"],
}
_DISK_OUTPUT_ONLY = [
    "kind",
    "id",
    "creationTimestamp",
    "selfLink",
    "selfLinkWithId",
    "status",
    "users",
    "labelFingerprint",
    "lastAttachTimestamp",
    "lastDetachTimestamp",
    "zone",
    "region",
    "sourceSnapshot",
    "sourceSnapshotId",
    "sourceImage",
    "sourceImageId",
    "sourceDisk",
    "sourceDiskId",
    "sourceInstantSnapshot",
    "sourceInstantSnapshotId",
    "satisfiesPzs",
    "satisfiesPzi",
    "resourceStatus",
    "asyncSecondaryDisks",
    "asyncPrimaryDisk",
    "sourceConsistencyGroupPolicy",
    "sourceConsistencyGroupPolicyId",
    "licenses",
    "licenseCodes",
    "guestOsFeatures",
    "architecture",
    "name",
    "labels",
    "description",
    "sourceStorageObject",
    "options",
    "locationHint",
    "sourceSnapshotEncryptionKey",
    "sourceImageEncryptionKey",
    "sourceInstantSnapshotGroup",
    "sourceInstantSnapshotGroupId",
    "sourceMachineImage",
    "sourceMachineImageId",
    "sourceMachineImageDiskDeviceName",
    "params",
    "userLicenses",
]
# Members whose values may be secrets: shown as digests only.
SENSITIVE = ("metadata",)
_KEY_MEMBERS = ("rawKey", "rsaEncryptedKey", "sha256")


def capture(instance: Instance, disks: Mapping[str, Disk]) -> Document:
    """The manifest of a VM; ``disks`` are its persistent disks by device name."""
    return {
        "version": VERSION,
        "provider": "gce",
        "vm": instance.name,
        "uid": instance.uid,
        "zone": instance.place.name,
        "instance": strip_instance(instance.wire),
        "disks": {device: strip_disk(disk) for device, disk in sorted(disks.items())},
    }


def strip_instance(wire: Wire) -> Wire:
    """What can be sent again, without our own labels."""
    kept: Wire = _strip(wire, "")
    labels = user_labels(wire.get("labels", {}))
    kept.pop("labels", None)
    if labels:
        kept["labels"] = labels
    return kept


def _strip(value: Any, where: str) -> Any:
    if isinstance(value, list):
        return [_strip(part, where) for part in value]
    if not isinstance(value, Mapping) or where == "labels":
        return value
    dropped = OUTPUT_ONLY.get(where, ())
    return {key: _strip(part, f"{where}.{key}".lstrip(".")) for key, part in value.items() if key not in dropped}


def strip_disk(disk: Disk) -> Wire:
    """What a new disk in this one's place is made with: type, size, IOPS, labels, policies, encryption, replica zones."""
    kept: Wire = {key: value for key, value in disk.wire.items() if key not in _DISK_OUTPUT_ONLY}
    kept["labels"] = user_labels(disk.labels)
    if "diskEncryptionKey" in kept:
        kept["diskEncryptionKey"] = encryption(kept["diskEncryptionKey"])
    kept["place"] = disk.place.path
    return kept


def encryption(wire: Mapping[str, Any]) -> Wire:
    """An encryption key as it can be sent again: the key's name without its version; a customer's own key only as a mark."""
    if "kmsKeyName" in wire:
        return {**without(wire, _KEY_MEMBERS), "kmsKeyName": wire["kmsKeyName"].partition("/cryptoKeyVersions/")[0]}
    return {"sha256": wire["sha256"]} if "sha256" in wire else dict(wire)


def needs_own_key(encryption_key: Mapping[str, Any] | None) -> bool:
    """Whether the data is encrypted with a key that only the customer has."""
    return bool(encryption_key and "sha256" in encryption_key and "kmsKeyName" not in encryption_key)


def note(document: Mapping[str, Any]) -> str:
    """A description that holds facts for a later run."""
    return compact(document)


def read_note(description: str) -> Document:
    """The facts in a description; empty for a text that is not ours."""
    try:
        document = json.loads(description)
    except ValueError:
        return {}
    return document if isinstance(document, dict) and document.get("version") == VERSION else {}


def move(wire: Any, old_zone: str, new_zone: str) -> Any:
    """A copy of a JSON value in which URLs lead to another zone, and its region."""
    if isinstance(wire, Mapping):
        return {key: move(part, old_zone, new_zone) for key, part in wire.items()}
    if isinstance(wire, (list, tuple)):
        return [move(part, old_zone, new_zone) for part in wire]
    if isinstance(wire, str) and "/" in wire:
        old_region, new_region = old_zone.rpartition("-")[0], new_zone.rpartition("-")[0]
        return wire.replace(f"zones/{old_zone}/", f"zones/{new_zone}/").replace(f"regions/{old_region}/", f"regions/{new_region}/")
    return wire
