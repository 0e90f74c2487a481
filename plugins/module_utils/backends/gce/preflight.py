# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at before Compute Engine is asked to change anything: permissions, quota, losses, places, and disks that cannot be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Wire, last_part, path_of, place_of, zone
from ...core.arguments import Task
from ...core.errors import AuthenticationFailed, InvalidRequest, NotFound, ProviderFailure, RecoveryError, Unsupported
from ...core.steps import at_once
from ...recovery.findings import Finding, warning
from ...recovery.model import Disk, Machine
from ...recovery.points import IMAGE, MACHINE_IMAGE, SNAPSHOT
from ...recovery.provider import Intent
from .keys import check_disk_key, needs_own_key

_SAVED_AS = {SNAPSHOT: "SNAPSHOTS", IMAGE: "IMAGES", MACHINE_IMAGE: "MACHINE_IMAGES"}
# The quota that a disk of a type counts for; other types have quotas that the API does not list by type.
_DISK_QUOTAS = {"pd-standard": "DISKS_TOTAL_GB", "pd-balanced": "SSD_TOTAL_GB", "pd-ssd": "SSD_TOTAL_GB"}
_SWAPPING = ("stop", "start", "attachDisk", "detachDisk", "setLabels")
_REPLACING = ("stop", "setLabels", "setDiskAutoDelete", "delete")
_SAVING = "compute.disks.createSnapshot"
_KEYS = "disk_encryption_keys"


@dataclass(frozen=True)
class Preflight:
    """The looks for one task, in one zone."""

    client: GceClient
    zone: str
    task: Task

    # --- what the credentials may do

    def swapping(self, machine: Machine, disks: Sequence[Disk]) -> Iterable[Finding]:
        return self.permissions(machine, disks, _instance(_SWAPPING), ["compute.disks.use", "compute.disks.setLabels"])

    def replacing(self, machine: Machine, disks: Sequence[Disk]) -> Iterable[Finding]:
        return self.permissions(machine, disks, _instance(_REPLACING), ["compute.disks.use", "compute.disks.setLabels"])

    def saving(self, machine: Machine, disks: Sequence[Disk], intent: Intent) -> Iterable[Finding]:
        wanted = ["compute.instances.get"]
        if intent.stops:
            wanted += _instance(("setLabels", "stop", "start"))
        if self.task["method"] == MACHINE_IMAGE:
            wanted += ["compute.instances.useReadOnly"]
        if intent.retire:
            wanted += ["compute.instances.delete"]
        return self.permissions(machine, disks, wanted, ["compute.disks.useReadOnly" if self.task["method"] == IMAGE else _SAVING])

    def permissions(self, machine: Machine, disks: Sequence[Disk], on_machine: Sequence[str], on_disks: Sequence[str]) -> Iterable[Finding]:
        """Every permission that is missing. They are given on the project or on single disks: one disk stands for all."""
        asked: list[tuple[str, Any, str, Sequence[str]]] = [("instances", machine.own.place, machine.name, on_machine)]
        asked += [("disks", place_of(disk.ref), disk.name, on_disks) for disk in disks[:1]]
        return self._lacking(asked, f'VM "{machine.name}" or its disks')

    def saving_disk(self, disk: Disk) -> Iterable[Finding]:
        """The permission to save one disk as a snapshot."""
        return self._lacking([("disks", place_of(disk.ref), disk.name, [_SAVING])], f'disk "{disk.name}"')

    def _lacking(self, asked: Sequence[tuple[str, Any, str, Sequence[str]]], on: str) -> Iterable[Finding]:
        """What is missing of the permissions asked for: each a collection, place and name, and what is needed there."""
        try:
            held: list[set[str]] = at_once(*[partial(self.client.test_permissions, *one) for one in asked])
        except RecoveryError as error:
            yield _unread(error, "Whether the permissions are there could not be asked")
            return
        missing = sorted({permission for one, has in zip(asked, held) for permission in set(one[3]) - has})
        if missing:
            yield Finding(f"the credentials lack permissions on {on}: {', '.join(missing)}.", kind=AuthenticationFailed, code="forbidden")

    # --- quota

    def quota_of_points(self, count: int, method: str = "") -> Iterable[Finding]:
        """Room for recovery points; without a method for those of the task's."""
        return self._quota(lambda: self.client.get_project().wire, {_SAVED_AS[method or self.task["method"]]: count}, "the project")

    def quota_of_disks(self, requests: Iterable[Wire], addresses: int = 0) -> Iterable[Finding]:
        """Room in the region for disks, and for addresses to be reserved."""
        needed: dict[str, int] = {"STATIC_ADDRESSES": addresses} if addresses else {}
        for body in requests:
            metric = _DISK_QUOTAS.get(last_part(body.get("type", "")))
            if metric:
                copies = max(1, len(body.get("replicaZones", ())))
                needed[metric] = needed.get(metric, 0) + int(body.get("sizeGb", 0)) * copies
        region = zone(self.zone).region

        def read() -> Wire:
            found = self.client.get_region(region)
            return found.wire if found else {}

        return self._quota(read, needed, f"region {region}") if needed else ()

    @staticmethod
    def _quota(read: Callable[[], Wire], needed: Mapping[str, int], where: str) -> Iterable[Finding]:
        """What cannot be read is no reason to refuse: the task warns of it."""
        try:
            quotas = read().get("quotas", ())
        except RecoveryError as error:
            yield _unread(error, f"The quota of {where} could not be read")
            return
        for quota in quotas:
            metric = quota.get("metric")
            free = float(quota.get("limit", 0)) - float(quota.get("usage", 0))
            if metric in needed and needed[metric] > free:
                text = f"quota {metric} of {where} is too small: {needed[metric]} more are needed, {free:g} of {quota.get('limit')} are free."
                yield Finding(f"{text} Ask for more quota, or delete what is not needed.", kind=ProviderFailure, code="quotaExceeded")

    # --- a VM that stays, or is replaced

    def managed(self, machine: Machine) -> Iterable[Finding]:
        items = machine.own.wire.get("metadata", {}).get("items", ())
        manager = next((item.get("value", "") for item in items if item.get("key") == "created-by"), "")
        if "/instanceGroupManagers/" in manager:
            text = f'VM "{machine.name}" belongs to the managed group {last_part(manager)}, which would undo the restore by building it anew.'
            yield Finding(f"{text} Take it out of the group, or set force.", word="force")

    def losses(self, machine: Machine) -> Iterable[Finding]:
        """Everything that refers to the VM and would not find it again after it is replaced."""
        if machine.own.deletion_protection:
            yield Finding(f'VM "{machine.name}" is protected against deletion, which strategy replace needs. Restore in place, or take the protection off.')
        client, name = self.client, machine.name
        referrers, pools, groups, policy = at_once(
            lambda: list(client.list_referrers(self.zone, name)),
            lambda: self._target_pools(name),
            lambda: self._endpoint_groups(name),
            lambda: client.get_instance_policy(self.zone, name),
        )
        lost: dict[str, list[str]] = {
            "instance_groups": [last_part(path) for path in referrers if "/instanceGroups/" in path],
            "target_pools": pools,
            "network_endpoint_groups": groups,
            "iam_policy": [binding.get("role", "") for binding in policy.get("bindings", ())],
            "resource_manager_tags": sorted(machine.own.wire.get("params", {}).get("resourceManagerTags", {})),
        }
        for word, names in lost.items():
            if names:
                text = f'VM "{name}" would lose what cannot come back when it is replaced: {word}: {", ".join(names)}.'
                yield Finding(f"{text} Restore in place, or list {word} in allow_lost.", word=word)

    def _target_pools(self, name: str) -> list[str]:
        pools = self.client.list_target_pools(zone(self.zone).region)
        suffix = f"/zones/{self.zone}/instances/{name}"
        return [pool.name for pool in pools if any(url.endswith(suffix) for url in pool.wire.get("instances", ()))]

    def _endpoint_groups(self, name: str) -> list[str]:
        found = []
        for group in self.client.list_network_endpoint_groups(self.zone):
            members = self.client.list_network_endpoints(self.zone, group.name)
            if any(last_part(member.get("instance")) == name for member in members):
                found.append(group.name)
        return found

    # --- a VM that is to be built

    def places(self, body: Wire, *, makes_network: bool) -> Iterable[Finding]:
        """Whether all that the request names is there: machine type, networks, subnetworks, service policies."""
        machine = last_part(body.get("machineType"))
        if self.client.get_machine_type(self.zone, machine) is None:
            yield Finding(f"zone {self.zone} has no machine type {machine}. Give another in machine_type.", kind=NotFound)
        for interface in () if makes_network else body.get("networkInterfaces", ()):
            yield from self._network(interface)

    def _network(self, interface: Mapping[str, Any]) -> Iterable[Finding]:
        subnetwork = path_of(interface.get("subnetwork", ""))
        if not subnetwork:
            return
        parts = subnetwork.split("/")
        if len(parts) < 4 or parts[-2] != "subnetworks" or parts[-4] != "regions":
            yield Finding(f'"{subnetwork}" is no subnetwork: give a name, or a link that ends in regions/REGION/subnetworks/NAME.', kind=InvalidRequest)
            return
        project = parts[1] if parts[0] == "projects" and parts[1] != self.client.project else None
        found = self.client.get_subnetwork(parts[-3], parts[-1], project)
        if found is None:
            yield Finding(f"there is no subnetwork {subnetwork}. Give network or subnetwork, or set ensure_network.", kind=InvalidRequest)
            return
        there = {secondary.get("rangeName") for secondary in found.wire.get("secondaryIpRanges", ())}
        for name in sorted({alias.get("subnetworkRangeName", "") for alias in interface.get("aliasIpRanges", ())} - there - {""}):
            text = f'subnetwork {subnetwork} has no secondary range "{name}", from which the VM has alias addresses.'
            yield Finding(f"{text} Add it, or give another subnetwork.", kind=InvalidRequest)

    # --- disks that cannot be saved

    def savable(self, machine: Machine, disks: Mapping[str, Disk]) -> Iterable[Finding]:
        """Disks that several VMs write to, or share, or that are replicated; keys that are missing."""
        keys = self.task[_KEYS] or {}
        for device, disk in disks.items():
            reason = _why_not(machine, device, disk)
            if reason:
                yield Finding(f"disk {disk.name} ({device}) cannot be part of a backup: {reason}. Leave it out with exclude_disks.", kind=Unsupported)
            own = needs_own_key(disk.own.wire.get("diskEncryptionKey"))
            if own and device not in keys:
                text = f"disk {disk.name} ({device}) is encrypted with a key of your own: give it in {_KEYS} under {device}."
                yield Finding(text, kind=InvalidRequest)
            elif own:
                check_disk_key(_KEYS, disk.own, keys[device])


def _why_not(machine: Machine, device: str, disk: Disk) -> str:
    """Why a disk cannot be saved; empty when it can."""
    wire, attachment = disk.own.wire, machine.device(device)
    access = wire.get("accessMode", "")
    shared = [last_part(user) for user in disk.used_by if user != machine.ref]
    if access == "READ_WRITE_MANY" or wire.get("multiWriter"):
        return "several VMs write to it"
    if access == "READ_ONLY_MANY" or (attachment and attachment.kept["mode"] == "READ_ONLY" and shared):
        return f"it is shared read-only with {', '.join(shared) or 'other VMs'}"
    return "it is replicated asynchronously" if wire.get("asyncPrimaryDisk") or wire.get("asyncSecondaryDisks") else ""


def _instance(verbs: Iterable[str]) -> list[str]:
    return [f"compute.instances.{verb}" for verb in verbs]


def _unread(error: RecoveryError, what: str) -> Finding:
    """A warning for what could not be asked; trouble that passes, or that another request will meet as well, is raised."""
    if error.transient or isinstance(error, AuthenticationFailed) and error.http_status == 401:
        raise error
    return warning(f"{what}: {error.message}")
