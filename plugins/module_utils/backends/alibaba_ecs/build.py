# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request that builds an instance again, from its manifest and the changes that a task asks for."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...clients.alibaba_ecs.client import Wire
from ...recovery.model import Attachment, Document, Strategy
from ...recovery.provider import BuildChanges
from .addresses import eip_of, private_address, secondary_interfaces
from .disks import disk_params
from .marks import merged_tags

INTERNAL_ADDRESS, EXTERNAL_ADDRESS, SECONDARY_ADDRESSES = "internal_address", "external_address", "secondary_addresses"
# What is sent again as it was read, by its name in the request and where it stands in the answer.
_SAME: Mapping[str, tuple[str, ...]] = {
    "InstanceType": ("InstanceType",),
    "Description": ("Description",),
    "HostName": ("HostName",),
    "KeyPairName": ("KeyPairName",),
    "ResourceGroupId": ("ResourceGroupId",),
    "InternetChargeType": ("InternetChargeType",),
    "CreditSpecification": ("CreditSpecification",),
    "DeletionProtection": ("DeletionProtection",),
    "DeploymentSetId": ("DeploymentSetId",),
    "HpcClusterId": ("HpcClusterId",),
    "HttpEndpoint": ("MetadataOptions", "HttpEndpoint"),
    "HttpTokens": ("MetadataOptions", "HttpTokens"),
    "DedicatedHostId": ("DedicatedHostAttribute", "DedicatedHostId"),
    "Affinity": ("DedicatedInstanceAttribute", "Affinity"),
    "Tenancy": ("DedicatedInstanceAttribute", "Tenancy"),
    "SpotStrategy": ("SpotStrategy",),
    "CpuOptions.ThreadsPerCore": ("CpuOptions", "ThreadsPerCore"),
    "CpuOptions.Core": ("CpuOptions", "CoreCount"),
}
# A copy beside the original cannot, or must not, have these.
_ONLY_ONCE = ("DedicatedHostId", "Affinity", "Tenancy", "HpcClusterId")


def build_request(document: Document, name: str, attachments: Sequence[Attachment], changes: BuildChanges, planned: Mapping[str, Wire]) -> Wire:
    """The parameters of RunInstances as ``run``, and what is set when the instance is there: ``tags``, and those of each disk.

    ``planned`` are the requests of the disks that are made with the instance, by name; a disk that is in none is one that exists.
    """
    wire, task, copy = document["instance"], changes.task, changes.strategy is Strategy.NEW
    run: Wire = {"Amount": 1, "InstanceName": name if copy else wire.get("InstanceName") or name, "InstanceChargeType": "PostPaid"}
    for parameter, path in _SAME.items():
        value: Any = wire
        for part in path:
            value = (value or {}).get(part)
        if value not in (None, "", "default", "NoSpot") and not (copy and parameter in _ONLY_ONCE):
            run[parameter] = value
    without: Collection[str] = task["allow_lost"] or () if not changes.as_before else ()
    address = private_address(wire)
    if address and not copy and INTERNAL_ADDRESS not in without:
        run["PrivateIpAddress"] = address
    run["VSwitchId"] = (wire.get("VpcAttributes") or {}).get("VSwitchId")
    run["SecurityGroupIds"] = list((wire.get("SecurityGroupIds") or {}).get("SecurityGroupId") or ())
    if not (wire.get("EipAddress") or {}).get("AllocationId") and (wire.get("PublicIpAddress") or {}).get("IpAddress"):
        run["InternetMaxBandwidthOut"] = wire.get("InternetMaxBandwidthOut") or None
    run["UserData"] = document.get("user_data") or None
    run["RamRoleName"] = document.get("ram_role") or None
    tags = dict(document.get("tags") or {})
    if not changes.as_before:
        run.update(_asked(changes))
        tags = merged_tags(tags, {str(key): str(value) for key, value in (task["tags"] or {}).items()})
    run.update(_disks(attachments, planned))
    own = {one.disk: dict(planned[one.disk]["tags"]) for one in attachments if one.disk in planned}
    return {
        "run": {key: value for key, value in run.items() if value is not None},
        "tags": tags,
        "disks": [one.disk for one in attachments],
        "release": {one.disk: bool(one.kept.get("delete_with_instance", True)) for one in attachments},
        "boot": next((one.disk for one in attachments if one.boot), ""),
        "own_tags": own,
        "eip": eip_of(wire),
        "interfaces": secondary_interfaces(document),
        "marks": {},
    }


def _asked(changes: BuildChanges) -> Wire:
    """What the task changes."""
    task, asked = changes.task, dict[str, Any]()
    if task["machine_type"]:
        # Options of processors belong to the type that the instance had.
        asked.update({"InstanceType": task["machine_type"], "CpuOptions.Core": None, "CpuOptions.ThreadsPerCore": None})
    if task["subnetwork"]:
        asked.update(VSwitchId=task["subnetwork"], PrivateIpAddress=None)
    if task["startup_script"]:
        asked["UserData"] = encoded(task["startup_script"])
    if task.options.get("security_groups"):
        asked["SecurityGroupIds"] = list(task["security_groups"])
    return asked


def encoded(script: str) -> str:
    """User data as the API takes it."""
    return base64.b64encode(script.encode()).decode()


def _disks(attachments: Sequence[Attachment], planned: Mapping[str, Wire]) -> Wire:
    """The disks that are made with the instance: the system disk from its image, each other one from its snapshot. They are known by their names."""
    found: Wire = {"DataDisk": []}
    for one in attachments:
        request = planned.get(one.disk)
        if request is None:
            continue
        model = request["model"]
        params = disk_params(model)
        common = {
            "DiskName": one.disk,
            "Description": request["note"],
            "Category": params["DiskCategory"],
            "PerformanceLevel": params["PerformanceLevel"],
            "AutoSnapshotPolicyId": model.get("policy"),
        }
        if one.boot:
            found["ImageId"] = request.get("image") or None
            found.update({f"SystemDisk.{key}": value for key, value in {**common, "Size": request["size"]}.items()})
        else:
            more = {"Size": request["size"], "SnapshotId": request["snapshot"], "DeleteWithInstance": bool(one.kept.get("delete_with_instance", True))}
            secret = {"Encrypted": params["Encrypted"], "KMSKeyId": params["KMSKeyId"], "ProvisionedIops": params["ProvisionedIops"]}
            found["DataDisk"].append({**common, **more, **secret, "BurstingEnabled": params["BurstingEnabled"]})
    return found
