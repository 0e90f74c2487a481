# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hangs on a VM: disks, external addresses, and whoever refers to it."""

from __future__ import annotations

from typing import Any

from . import addressing, attached
from .context import Context
from .errors import ApiError, invalid
from .instances import instance_of
from .interfaces import check_access_config, complete_access_config
from .links import last
from .listing import answer_list
from .machine_rules import require_bootable
from .rules import check_fingerprint
from .store import Resource, fingerprint

STABLE = ("RUNNING", "TERMINATED", "SUSPENDED")
MOST_DISKS = 128


def attach_disk(ctx: Context) -> dict[str, Any]:
    """POST attachDisk: seen now, done when the operation ends; then the index is given, in the order of ending."""
    instance = instance_of(ctx)
    _require_stable(instance)
    entry = dict(ctx.body)
    if not entry.get("source"):
        raise ApiError("required", "Required field 'source' not specified")
    disk = attached.source_disk(ctx, instance.place, entry, "resource")
    boot = bool(entry.get("boot"))
    attached.shown_entry(entry, disk, 0, boot, {item["deviceName"] for item in instance.data["disks"]})
    if boot and instance.data["status"] != "TERMINATED":
        raise invalid("boot", "true", "A boot disk can only be attached to a stopped instance.")
    if boot:
        require_bootable(last(instance.data["machineType"]), instance.data.get("shieldedInstanceConfig"), disk)

    def effect() -> None:
        entries = instance.data["disks"]
        if disk.data["status"] != "READY":
            raise ApiError("resourceNotReady", f"The resource '{disk.ref.path}' is not ready")
        attached.require_attachable(ctx.project, disk, entry.get("mode", "READ_WRITE"))
        if boot and any(item["boot"] for item in entries):
            raise invalid("boot", "true", "The instance has a boot disk already.")
        indexes = {item["index"] for item in entries}
        # The boot disk is always number 0; the others get the lowest free number above it.
        index = 0 if boot else next(number for number in range(1, MOST_DISKS + 1) if number not in indexes)
        shown = attached.shown_entry(entry, disk, index, boot, {item["deviceName"] for item in entries})
        instance.data["disks"] = sorted([*entries, shown], key=lambda item: int(item["index"]))
        attached.use(disk, instance)

    return ctx.operation(instance, effect, touched=[disk])


def detach_disk(ctx: Context) -> dict[str, Any]:
    """POST detachDisk: by device name; the boot disk only of a stopped VM."""
    instance = instance_of(ctx)
    _require_stable(instance)
    device = ctx.query.get("deviceName", "")
    entry = attached.entry_of(instance, device)
    if entry is None:
        raise invalid("deviceName", device, f"No attached disk found with device name '{device}'")
    if (entry["boot"] or entry["index"] == 0) and instance.data["status"] != "TERMINATED":
        raise invalid("deviceName", device, "The boot disk can only be detached from a stopped instance.")
    disk = attached.disk_of(ctx.project, entry)
    if disk is None:
        raise invalid("deviceName", device, "A local SSD cannot be detached.")

    def effect() -> None:
        if attached.entry_of(instance, device) is not entry:
            raise invalid("deviceName", device, f"No attached disk found with device name '{device}'")
        instance.data["disks"] = [item for item in instance.data["disks"] if item is not entry]
        attached.leave(disk, instance)

    return ctx.operation(instance, effect, touched=[disk])


def _require_stable(instance: Resource) -> None:
    if instance.data["status"] not in STABLE:
        raise ApiError("resourceNotReady", f"The resource '{instance.ref.path}' is not ready")


def set_disk_auto_delete(ctx: Context) -> dict[str, Any]:
    """POST setDiskAutoDelete."""
    instance = instance_of(ctx)
    device = ctx.query.get("deviceName", "")
    value = ctx.flag("autoDelete")

    def entry() -> dict[str, Any]:
        found = attached.entry_of(instance, device)
        if found is None:
            raise invalid("deviceName", device, f"No attached disk found with device name '{device}'")
        return found

    entry()
    return ctx.operation(instance, lambda: entry().update(autoDelete=value))


def _nic(instance: Resource, name: str) -> dict[str, Any]:
    found = next((item for item in instance.data["networkInterfaces"] if item["name"] == name), None)
    if found is None:
        raise invalid("networkInterface", name, "The network interface does not exist.")
    return dict(found)


def _replace_nic(ctx: Context, instance: Resource, nic: dict[str, Any]) -> None:
    nic["fingerprint"] = fingerprint([nic["name"], ctx.world.next_id()])
    instance.data["networkInterfaces"] = [nic if item["name"] == nic["name"] else item for item in instance.data["networkInterfaces"]]


def add_access_config(ctx: Context) -> dict[str, Any]:
    """POST addAccessConfig: one per interface."""
    instance = instance_of(ctx)
    name = ctx.query.get("networkInterface", "")
    if _nic(instance, name).get("accessConfigs"):
        raise invalid("accessConfigs", name, "At most one access config currently supported.")
    config = dict(ctx.body)
    complete_access_config(config)
    check_access_config(ctx, config, instance.place, "accessConfig")
    if config.get("natIP"):
        addressing.take_external(ctx.project, config["natIP"])

    def effect() -> None:
        if config.get("natIP") or instance.data["status"] == "RUNNING":
            config["natIP"] = addressing.take_external(ctx.project, config.get("natIP"))
        _replace_nic(ctx, instance, {**_nic(instance, name), "accessConfigs": [config]})

    return ctx.operation(instance, effect)


def delete_access_config(ctx: Context) -> dict[str, Any]:
    """POST deleteAccessConfig: by its name."""
    instance = instance_of(ctx)
    name, wanted = ctx.query.get("networkInterface", ""), ctx.query.get("accessConfig", "")
    if all(item["name"] != wanted for item in _nic(instance, name).get("accessConfigs", [])):
        raise invalid("accessConfig", wanted, "The access config does not exist.")

    def effect() -> None:
        nic = _nic(instance, name)
        nic["accessConfigs"] = [item for item in nic.get("accessConfigs", []) if item["name"] != wanted]
        if not nic["accessConfigs"]:
            del nic["accessConfigs"]
        _replace_nic(ctx, instance, nic)

    return ctx.operation(instance, effect)


def update_network_interface(ctx: Context) -> dict[str, Any]:
    """PATCH updateNetworkInterface: alias ranges and the like, over the version that the caller has read."""
    instance = instance_of(ctx)
    name = ctx.query.get("networkInterface", "")
    check_fingerprint(ctx.body.get("fingerprint"), _nic(instance, name)["fingerprint"], "networkInterface.fingerprint")
    changes = {field: value for field, value in ctx.body.items() if field in ("aliasIpRanges", "stackType", "nicType")}
    subnetwork = addressing.subnetwork_of(ctx.project, instance.place, _nic(instance, name), "networkInterface")
    addressing.check_aliases(ctx.project, subnetwork, changes.get("aliasIpRanges", []), "networkInterface.aliasIpRanges")
    if changes.get("stackType", "IPV4_ONLY") != "IPV4_ONLY" and subnetwork.data.get("stackType", "IPV4_ONLY") == "IPV4_ONLY":
        raise invalid("networkInterface.stackType", changes["stackType"], f"The subnetwork '{subnetwork.ref.path}' has the stack type IPV4_ONLY.")

    def effect() -> None:
        nic = _nic(instance, name)
        own = {item["ipCidrRange"] for item in nic.get("aliasIpRanges", [])}
        asked = changes.get("aliasIpRanges", [])
        added = addressing.take_aliases(ctx.project, subnetwork, [item for item in asked if item.get("ipCidrRange") not in own])
        if "aliasIpRanges" in changes:
            nic["aliasIpRanges"] = [item for item in asked if item.get("ipCidrRange") in own] + added
        _replace_nic(ctx, instance, {**nic, **{field: value for field, value in changes.items() if field != "aliasIpRanges"}})

    return ctx.operation(instance, effect)


def list_referrers(ctx: Context) -> dict[str, Any]:
    """GET referrers: groups that hold the VM (seeded with `instances` URLs), target pools are no referrers."""
    instance = ctx.resource()
    found = [group for plural in ("instanceGroups",) for group in ctx.project.all(plural) if instance.url in group.data.get("instances", [])]
    items = [{"kind": "compute#reference", "name": item.name, "referrer": item.url, "target": instance.url, "referenceType": "MEMBER_OF"} for item in found]
    answer = answer_list(ctx, items)
    for item in answer.get("items", []):
        item.pop("name", None)
    return {**answer, "kind": "compute#instanceListReferrers"}


def list_group_instances(ctx: Context) -> dict[str, Any]:
    """POST listInstances of a group."""
    group = ctx.resource()
    found = {item.url: item for item in ctx.project.all("instances")}
    members = [{"name": last(url), "instance": url, "status": found[url].data["status"]} for url in group.data.get("instances", []) if url in found]
    answer = answer_list(ctx, members)
    for item in answer.get("items", []):
        item.pop("name", None)
    return {**answer, "kind": "compute#instanceGroupsListInstances"}


def list_endpoints(ctx: Context) -> dict[str, Any]:
    """POST listNetworkEndpoints of a group (seeded as `networkEndpoints`)."""
    group = ctx.resource()
    items = [{"networkEndpoint": item} for item in group.data.get("networkEndpoints", [])]
    return {"kind": "compute#networkEndpointGroupsListNetworkEndpoints", "id": group.ref.path, **({"items": items} if items else {})}


def target_pool_members(ctx: Context) -> dict[str, Any]:
    """POST addInstance, removeInstance of a target pool."""
    pool = ctx.resource()
    urls = [ctx.linked(item.get("instance"), "instances[0].instance", "instances").url for item in ctx.body.get("instances", [])]

    def effect() -> None:
        rest = [url for url in pool.data.get("instances", []) if url not in urls]
        pool.data["instances"] = rest + (urls if ctx.route.verb == "addInstance" else [])

    return ctx.operation(pool, effect)


HANDLERS = {
    "instances.attachDisk": attach_disk,
    "instances.detachDisk": detach_disk,
    "instances.setDiskAutoDelete": set_disk_auto_delete,
    "instances.addAccessConfig": add_access_config,
    "instances.deleteAccessConfig": delete_access_config,
    "instances.updateNetworkInterface": update_network_interface,
    "instances.listReferrers": list_referrers,
    "instanceGroups.listInstances": list_group_instances,
    "networkEndpointGroups.listNetworkEndpoints": list_endpoints,
    "targetPools.addInstance": target_pool_members,
    "targetPools.removeInstance": target_pool_members,
}
