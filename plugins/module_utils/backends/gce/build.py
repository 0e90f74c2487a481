# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request that builds a VM (instances.insert): from its manifest and the disks it is to have, with what the task says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from ...clients.gce.objects import Wire, zone
from ...recovery.manifest import Document
from ...recovery.model import Strategy
from ...recovery.provider import BuildChanges
from .marks import check_tags

INTERNAL_ADDRESS, EXTERNAL_ADDRESS = "internal_address", "external_address"
# A copy of a VM cannot have these beside the original.
_ONLY_ONCE = ("hostname", "reservationAffinity", "privateIpv6GoogleAccess")
# Metadata is the guest's own text: a script that names a zone means that zone.
_NEVER_MOVED = ("metadata",)


def instance_request(manifest: Document, name: str, zone_name: str, disks: Sequence[Wire], changes: BuildChanges, lost: Collection[str]) -> Wire:
    """The body of the request: everything as in the manifest but for ``changes``, and without the external addresses that are ``lost``."""
    old_zone, copy = str(manifest.get("zone") or zone_name), changes.strategy is Strategy.NEW
    body: Wire = move(deepcopy(manifest["instance"]), old_zone, zone_name) if copy else deepcopy(manifest["instance"])
    body["name"] = name
    body["disks"] = [*disks, *_local_ssds(body.get("disks", ()), zone_name)]
    if copy:
        for member in _ONLY_ONCE:
            body.pop(member, None)
        if zone(old_zone).region != zone(zone_name).region:
            body.pop("resourcePolicies", None)
    interfaces = body.get("networkInterfaces", ())
    if changes.as_before:
        return {**body, "networkInterfaces": list(interfaces)}
    task = changes.task
    body["labels"] = {**body.get("labels", {}), **check_tags(task["tags"])}
    body["networkInterfaces"] = [_interface(interface, changes, zone_name, lost) for interface in interfaces]
    machine_type = task["machine_type"] or ""
    if machine_type:
        body["machineType"] = machine_type if "/" in machine_type else f"zones/{zone_name}/machineTypes/{machine_type}"
    if task["startup_script"]:
        body["metadata"] = _with_script(body.get("metadata", {}), task["startup_script"])
    return body


def _local_ssds(disks: Iterable[Mapping[str, Any]], zone_name: str) -> list[Wire]:
    """Local SSDs are made again, empty."""
    kind = f"zones/{zone_name}/diskTypes/local-ssd"
    return [{**disk, "initializeParams": {"diskType": kind}, "autoDelete": True} for disk in disks if disk.get("type") == "SCRATCH"]


def _interface(interface: Mapping[str, Any], changes: BuildChanges, zone_name: str, lost: Collection[str]) -> Wire:
    wire: Wire = dict(interface)
    task, copy, without = changes.task, changes.strategy is Strategy.NEW, changes.task["allow_lost"] or ()
    if copy or INTERNAL_ADDRESS in without:
        wire.pop("networkIP", None)
    if copy:
        wire.pop("aliasIpRanges", None)
        wire.pop("ipv6AccessConfigs", None)
    if "accessConfigs" in wire:
        drops = copy or EXTERNAL_ADDRESS in without
        wire["accessConfigs"] = [_config(config, drops or config.get("natIP") in lost) for config in wire["accessConfigs"]]
    network, subnetwork = task["network"] or "", task["subnetwork"] or ""
    if network:
        wire["network"] = network if "/" in network else f"global/networks/{network}"
        wire.pop("subnetwork", None)
    if subnetwork:
        wire["subnetwork"] = subnetwork if "/" in subnetwork else f"regions/{zone(zone_name).region}/subnetworks/{subnetwork}"
        if not network:
            wire.pop("network", None)
    return wire


def _config(config: Mapping[str, Any], without_address: bool) -> Wire:
    return {key: value for key, value in config.items() if not (without_address and key == "natIP")}


def _with_script(metadata: Mapping[str, Any], script: str) -> Wire:
    others = [item for item in metadata.get("items", ()) if item.get("key") != "startup-script"]
    return {**metadata, "items": [*others, {"key": "startup-script", "value": script}]}


def addresses_of(wire: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The internal and the external addresses in a VM's configuration."""
    interfaces = wire.get("networkInterfaces", ())
    inside = [interface["networkIP"] for interface in interfaces if interface.get("networkIP")]
    outside = [config["natIP"] for interface in interfaces for config in interface.get("accessConfigs", ()) if config.get("natIP")]
    return inside, outside


def move(wire: Any, old_zone: str, new_zone: str) -> Any:
    """A copy of a JSON value in which URLs lead to another zone, and its region; the guest's own texts stay."""
    if isinstance(wire, Mapping):
        return {key: part if key in _NEVER_MOVED else move(part, old_zone, new_zone) for key, part in wire.items()}
    if isinstance(wire, (list, tuple)):
        return [move(part, old_zone, new_zone) for part in wire]
    if isinstance(wire, str) and "/" in wire:
        moved = wire.replace(f"zones/{old_zone}/", f"zones/{new_zone}/")
        return moved.replace(f"regions/{zone(old_zone).region}/", f"regions/{zone(new_zone).region}/")
    return wire
