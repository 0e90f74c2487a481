# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of a restore before anything is touched: states, losses, missing permissions and quota."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Instance, Wire, last_part
from ...core.arguments import Task
from ...core.errors import Conflict
from ...core.steps import at_once
from .vm import Vm
from .vm_addresses import external
from .vm_checks import refuse_disk_quota, refuse_missing_permissions
from .vm_devices import Device

# What a VM that is deleted and built again loses, by the word for it in allow_lost.
LOSABLE = (
    "instance_groups",
    "target_pools",
    "network_endpoint_groups",
    "iam_policy",
    "resource_manager_tags",
    "internal_address",
    "external_address",
)
_SWAPPING = ("stop", "start", "attachDisk", "detachDisk", "setLabels")
_REPLACING = ("stop", "setLabels", "setDiskAutoDelete", "delete")


def refuse_states(task: Task, vm: Vm, instance: Instance, *, stops: bool) -> None:
    """Raises Conflict for a VM that must not be stopped, or not by us."""
    if instance.status in ("SUSPENDED", "SUSPENDING"):
        raise Conflict(f'VM "{vm.name}" is suspended, and its memory would be lost: resume or stop it first. Nothing was changed.')
    ssds = [disk.device_name for disk in instance.disks if disk.local_ssd]
    if ssds and stops and not task["discard_local_ssd"]:
        raise Conflict(
            f'VM "{vm.name}" has local SSDs ({", ".join(ssds)}), whose data is lost when it stops. Set discard_local_ssd to allow that. Nothing was changed.'
        )
    manager = next((item.get("value", "") for item in instance.wire.get("metadata", {}).get("items", ()) if item.get("key") == "created-by"), "")
    if "/instanceGroupManagers/" in manager and not task["force"]:
        raise Conflict(
            f'VM "{vm.name}" belongs to the managed group {last_part(manager)}, which would undo the restore by building it anew. Take it out of the group,'
            " or set force. Nothing was changed."
        )


def refuse_what_would_be_lost(task: Task, client: GceClient, vm: Vm, instance: Instance) -> None:
    """Raises Conflict naming everything that refers to the VM and would not find it again after it is replaced."""
    allowed = set(task["allow_lost"] or ())
    if instance.deletion_protection:
        raise Conflict(f'VM "{vm.name}" is protected against deletion, which strategy replace needs. Restore in place, or take the protection off.')
    referrers, pools, groups, policy = at_once(
        partial(list, client.list_referrers(vm.zone, vm.name)),
        partial(_target_pools, client, vm),
        partial(_endpoint_groups, client, vm),
        partial(client.get_instance_policy, vm.zone, vm.name),
    )
    lost = {
        "instance_groups": [last_part(path) for path in referrers if "/instanceGroups/" in path],
        "target_pools": pools,
        "network_endpoint_groups": groups,
        "iam_policy": [binding.get("role", "") for binding in policy.get("bindings", ())],
        "resource_manager_tags": sorted(instance.wire.get("params", {}).get("resourceManagerTags", {})),
    }
    refused = {word: names for word, names in lost.items() if names and word not in allowed}
    if refused:
        named = "; ".join(f"{word}: {', '.join(names)}" for word, names in refused.items())
        raise Conflict(
            f'VM "{vm.name}" would lose what cannot come back when it is replaced: {named}. Restore in place, or list these words in allow_lost.'
            " Nothing was changed."
        )


def warn_of_swap(task: Task, vm: Vm, instance: Instance, was_running: bool) -> None:
    """Warn of what changes for others when the VM gets new disks and stops for that."""
    task.warn(f'VM "{vm.name}" gets new disks: tools that own its disks, such as Terraform, will see a change.')
    changing = [] if task["preserve_external_ip"] or not was_running else [one.address for one in external(vm, instance)]
    if changing:
        task.warn(f"External addresses that are not reserved change when the VM stops: {', '.join(changing)}.")


def _target_pools(client: GceClient, vm: Vm) -> list[str]:
    return [
        pool.name
        for pool in client.list_target_pools(vm.places[1].name)
        if any(url.endswith(f"/zones/{vm.zone}/instances/{vm.name}") for url in pool.wire.get("instances", ()))
    ]


def _endpoint_groups(client: GceClient, vm: Vm) -> list[str]:
    found = []
    for group in client.list_network_endpoint_groups(vm.zone):
        members = client.list_network_endpoints(vm.zone, group.name)
        if any(last_part(member.get("instance")) == vm.name for member in members):
            found.append(group.name)
    return found


def refuse_without_means(vm: Vm, instance: Instance, devices: Sequence[Device], requests: Sequence[Wire], addresses: int, *, swap: bool) -> None:
    """Raises AuthenticationFailed for permissions that are missing, ProviderFailure for quota that is too small."""
    at_once(
        lambda: refuse_missing_permissions(
            vm,
            instance,
            vm.disks(instance) if instance.disks else {},
            [f"compute.instances.{verb}" for verb in (_SWAPPING if swap else _REPLACING)],
            ["compute.disks.use", "compute.disks.setLabels"],
        ),
        lambda: refuse_disk_quota(vm.client, vm.places[1].name, requests, addresses),
    )
