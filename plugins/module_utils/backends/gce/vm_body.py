# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request that builds a VM: from its manifest and the disks it is to have, or from an image and what the task says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ...clients.gce.objects import Wire
from ...recovery.manifest import VERSION, Document
from .vm_devices import Device
from .vm_manifest import move

INTERNAL_ADDRESS, EXTERNAL_ADDRESS = "internal_address", "external_address"
_DEFAULT_MACHINE = "e2-medium"
# A copy of a VM cannot have these beside the original.
_ONLY_ONCE = ("hostname", "reservationAffinity", "privateIpv6GoogleAccess")


@dataclass(frozen=True)
class Changes:
    """What is to be other than in the manifest. ``copy``: the VM is another one, which takes no address and no host name along."""

    machine_type: str = ""
    network: str = ""
    subnetwork: str = ""
    startup_script: str = ""
    copy: bool = False
    without: Collection[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def instance_request(
    manifest: Document, name: str, zone: str, devices: Sequence[Device], paths: Mapping[str, str], keys: Mapping[str, str], changes: Changes
) -> Wire:
    """The body for instances.insert: ``paths`` are the disks by device name; everything else as in the manifest but for ``changes``."""
    old_zone = str(manifest.get("zone") or zone)
    body: Wire = move(deepcopy(manifest["instance"]), old_zone, zone) if changes.copy else deepcopy(manifest["instance"])
    body["name"] = name
    body["disks"] = [device.attachment(paths[device.name], keys) for device in devices] + _local_ssds(body.get("disks", ()))
    body["labels"] = {**body.get("labels", {}), **changes.labels}
    if changes.copy:
        for member in _ONLY_ONCE:
            body.pop(member, None)
        if old_zone.rpartition("-")[0] != zone.rpartition("-")[0]:
            body.pop("resourcePolicies", None)
    body["networkInterfaces"] = [_interface(interface, changes) for interface in body.get("networkInterfaces", ())]
    if changes.machine_type:
        body["machineType"] = changes.machine_type if "/" in changes.machine_type else f"zones/{zone}/machineTypes/{changes.machine_type}"
    if changes.startup_script:
        body["metadata"] = _with_script(body.get("metadata", {}), changes.startup_script)
    return body


def _local_ssds(disks: Iterable[Mapping[str, Any]]) -> list[Wire]:
    """Local SSDs are made anew, empty."""
    return [{**disk, "initializeParams": {"diskType": "local-ssd"}, "autoDelete": True} for disk in disks if disk.get("type") == "SCRATCH"]


def _interface(interface: Mapping[str, Any], changes: Changes) -> Wire:
    wire: Wire = dict(interface)
    if changes.copy or INTERNAL_ADDRESS in changes.without:
        wire.pop("networkIP", None)
    if changes.copy:
        wire.pop("aliasIpRanges", None)
        wire.pop("ipv6AccessConfigs", None)
    if "accessConfigs" in wire:
        external = changes.copy or EXTERNAL_ADDRESS in changes.without
        wire["accessConfigs"] = [{key: value for key, value in config.items() if not (external and key == "natIP")} for config in wire["accessConfigs"]]
    if changes.network:
        wire["network"] = changes.network if "/" in changes.network else f"global/networks/{changes.network}"
        wire.pop("subnetwork", None)
    if changes.subnetwork:
        wire["subnetwork"] = changes.subnetwork
        if not changes.network:
            wire.pop("network", None)
    return wire


def _with_script(metadata: Mapping[str, Any], script: str) -> Wire:
    others = [item for item in metadata.get("items", ()) if item.get("key") != "startup-script"]
    return {**metadata, "items": [*others, {"key": "startup-script", "value": script}]}


def scratch_manifest(name: str, zone: str, device: str) -> Document:
    """A manifest for a VM that never was: one boot disk, one network interface with an external address."""
    return {
        "version": VERSION,
        "provider": "gce",
        "vm": name,
        "zone": zone,
        "instance": {
            "machineType": f"zones/{zone}/machineTypes/{_DEFAULT_MACHINE}",
            "disks": [{"deviceName": device, "boot": True, "mode": "READ_WRITE", "autoDelete": True, "type": "PERSISTENT"}],
            "networkInterfaces": [{"network": "global/networks/default", "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}]}],
        },
        "disks": {device: {"type": f"zones/{zone}/diskTypes/pd-balanced", "labels": {}, "place": f"zones/{zone}"}},
    }


def addresses_of(wire: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The internal and the external addresses in a VM's configuration."""
    interfaces = wire.get("networkInterfaces", ())
    inside = [interface["networkIP"] for interface in interfaces if interface.get("networkIP")]
    outside = [config["natIP"] for interface in interfaces for config in interface.get("accessConfigs", ()) if config.get("natIP")]
    return inside, outside
