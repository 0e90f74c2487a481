# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of an instance: as the API gives it, kept in a Cloud Assistant command that does nothing, and what of it can be sent again."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.errors import Conflict
from ...core.steps import at_once
from ...recovery import marks
from ...recovery.manifest import VERSION, Document, compact, fingerprint
from ...recovery.marks import split
from ...recovery.model import Attachment, Disk, Machine, Ref
from ...recovery.points import BOOT
from ...recovery.provider import BuildChanges, Change
from .build import build_request
from .disks import AlibabaDisks, model_of
from .named_images import ALL_STATUSES
from .things import change, filter_tags, tags_of, token, wire_tags

# What the API says of an instance and does not take back, or what changes while the instance stays the same.
OUTPUT_ONLY = (
    "Status", "StartTime", "StoppedMode", "Tags", "OperationLocks", "SerialNumber", "CreationTime", "ExpiredTime", "Cpu", "Memory", "OSName",
    "OSNameEn", "GPUAmount", "GPUSpec", "LocalStorageAmount", "LocalStorageCapacity", "InstanceTypeFamily", "ClusterId", "VlanId", "DeviceAvailable",
    "SaleCycle", "Recyclable", "InnerIpAddress", "IntranetIp", "InternetIp", "StartupTime", "HealthStatus",
)  # fmt: skip
# https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-createcommand: after the encoding in base64.
_LONGEST = 18 * 1024
_KEY = "mcr-manifest"
_LINE = 72
_COMMANDS = ("Commands", "Command")


class AlibabaManifests:
    """Manifests of the instances of a region. They do not fit into the texts of recovery points, and are kept as commands. Each is read once."""

    # Members whose values may be secrets: not shown. Whoever may read commands can read them there.
    SENSITIVE: ClassVar[Collection[str]] = ("user_data",)
    STORED_IN: ClassVar[str] = "command"

    def __init__(self, client: AlibabaClient, disks: AlibabaDisks, warn: Callable[[str], None]) -> None:
        self._client, self._disks, self._warn = client, disks, warn
        self._known: dict[str, Document] = {}

    # --- what an instance is

    def capture(self, machine: Machine, disks: Mapping[str, Disk]) -> Document:
        user_data, role, interfaces = at_once(
            partial(self._client.read, f"user data of {machine.name}", "DescribeUserData", {"InstanceId": machine.uid}),
            partial(self._role, machine),
            partial(self._interfaces, machine),
        )
        return {
            "version": VERSION,
            "provider": "alibaba_ecs",
            "vm": machine.name,
            "uid": machine.uid,
            "zone": self._client.region,
            "instance": {key: value for key, value in machine.own.wire.items() if key not in OUTPUT_ONLY},
            "tags": dict(machine.tags),
            "user_data": user_data.get("UserData") or "",
            "ram_role": role,
            "interfaces": interfaces,
            "attached": [{**self._facts(one), "disk": one.disk} for one in machine.attached],
            "disks": {device: model_of(disk.own.wire, disk.tags) for device, disk in sorted(disks.items())},
        }

    def _role(self, machine: Machine) -> str:
        answer = self._client.read(f"RAM role of {machine.name}", "DescribeInstanceRamRole", {"InstanceIds": json.dumps([machine.uid])})
        sets = (answer.get("InstanceRamRoleSets") or {}).get("InstanceRamRoleSet") or ()
        return next((str(one.get("RamRoleName") or "") for one in sets), "")

    def _interfaces(self, machine: Machine) -> list[Document]:
        """The interfaces and their addresses: the secondary ones are moved, those of the primary one are asked for again."""
        path = ("NetworkInterfaceSets", "NetworkInterfaceSet")
        found = self._client.listed("interfaces", "DescribeNetworkInterfaces", path, {"InstanceId": machine.uid})
        kept = ("NetworkInterfaceId", "Type", "PrivateIpAddress", "VSwitchId", "ServiceManaged")
        listed = [{**{key: one.get(key) for key in kept}, "addresses": _addresses(one)} for one in found]
        return sorted(listed, key=lambda one: str(one["NetworkInterfaceId"]))

    @staticmethod
    def _facts(attachment: Attachment) -> Document:
        return {"device": attachment.device, "boot": attachment.boot, "index": attachment.order, **attachment.kept}

    def problem(self, document: Document) -> str:
        instance, attached, disks = document.get("instance"), document.get("attached", []), document.get("disks", {})
        if not isinstance(instance, dict):
            return 'it must have "instance"'
        if document.get("provider") not in (None, "", "alibaba_ecs"):
            return f"it is a manifest of provider {document['provider']}"
        if not isinstance(attached, list) or not all(isinstance(one, dict) and isinstance(one.get("device"), str) for one in attached):
            return '"attached" must be a list of objects with "device"'
        if not isinstance(disks, dict) or not all(isinstance(model, dict) for model in disks.values()):
            return '"disks" must be a map from device to object'
        return ""

    def attachments(self, document: Document) -> list[Attachment]:
        parts = document.get("attached", ())
        return [
            Attachment(
                str(part["device"]),
                str(part.get("disk") or ""),
                bool(part.get("boot")),
                int(part.get("index", number)),
                {"delete_with_instance": bool(part.get("delete_with_instance", True))},
            )
            for number, part in enumerate(parts)
        ]

    def disks(self, document: Document) -> list[Ref]:
        return [str(part["disk"]) for part in document.get("attached", ()) if part.get("disk")]

    def models(self, document: Document) -> dict[str, Document]:
        return dict(document.get("disks", {}))

    def scratch(self, name: str) -> Document:
        return {
            "version": VERSION,
            "provider": "alibaba_ecs",
            "vm": name,
            "zone": self._client.region,
            "instance": {"InstanceName": name, "InstanceType": "ecs.g6.large"},
            "attached": [{"device": BOOT, "boot": True, "index": 0, "delete_with_instance": True}],
            "disks": {BOOT: {"category": "cloud_essd", "size": 0, "tags": {}}},
        }

    def build_request(self, document: Document, name: str, attachments: Sequence[Attachment], changes: BuildChanges) -> Any:
        planned = {ref: {**request, "tags": request["model"].get("tags") or {}} for ref, request in self._disks.planned_requests.items()}
        request = build_request(document, name, attachments, changes, planned)
        request["document"] = document
        return request

    # --- where it is kept

    def storable(self, document: Document) -> bool:
        return len(_content(document)) <= _LONGEST

    def has(self, key: str) -> bool:
        return bool(self._commands(key))

    def _commands(self, key: str) -> list[Wire]:
        found = self._client.listed("commands", "DescribeCommands", _COMMANDS, {"Name": f"{_KEY}-{key}"})
        return [wire for wire in found if wire.get("Name") == f"{_KEY}-{key}"]

    def put(self, document: Document) -> Change:
        key = fingerprint(document)
        body = {
            "Name": f"{_KEY}-{key}",
            "Description": f"The configuration of VM {document['vm']}, for its restore. It does nothing when it is run.",
            "Type": "RunShellScript",
            "CommandContent": _content(document),
            "ContentEncoding": "Base64",
            "EnableParameter": False,
            "Tag": wire_tags({_KEY: key, marks.PREFIX + marks.VM: str(document["vm"])}),
        }

        def send() -> None:
            if self.has(key):
                raise Conflict(f"could not store the manifest {key}: there is one already.")
            self._client.change(f"store the manifest {key}", "CreateCommand", body, token=token())

        return change(f"storing the manifest {key}", f"command/{key}", send)

    def get(self, key: str) -> Document | None:
        if key not in self._known:
            found = [document for document in map(_read, self._commands(key)) if document and fingerprint(document) == key]
            if not found:
                return None
            self._known[key] = found[0]
        return self._known[key]

    def kept_for(self, vm: str) -> list[str]:
        by = filter_tags({_KEY: None, marks.PREFIX + marks.VM: vm})
        found = self._client.listed("commands", "DescribeCommands", _COMMANDS, {"Tag": by})
        return sorted({tags_of(wire).get(_KEY, "") for wire in found} - {""})

    def drop(self, key: str) -> Change | None:
        by = {"Tag": filter_tags({marks.PREFIX + marks.MANIFEST: key})}
        readers = (
            partial(self._any, "DescribeSnapshots", ("Snapshots", "Snapshot"), by),
            partial(self._any, "DescribeSnapshotGroups", ("SnapshotGroups", "SnapshotGroup"), by),
            partial(self._any, "DescribeImages", ("Images", "Image"), {**by, "ImageOwnerAlias": "self", "Status": ALL_STATUSES}),
        )
        if any(at_once(*readers)):
            return None
        commands = self._commands(key)
        if not commands:
            return None

        def send() -> None:
            self._known.pop(key, None)
            for wire in commands:
                self._client.change(f"delete the manifest {key}", "DeleteCommand", {"CommandId": wire["CommandId"]}, repeatable=True)

        return change(f"deleting the manifest {key}", f"command/{key}", send)

    def _any(self, action: str, path: tuple[str, str], params: Mapping[str, Any]) -> bool:
        # A temporary image has the manifest's mark as the disks do.
        listed = self._client.listed("recovery points", action, path, params)
        return any(marks.BACKUP in split(tags_of(wire))[0] and marks.RESTORE not in split(tags_of(wire))[0] for wire in listed)


def _addresses(interface: Mapping[str, Any]) -> list[str]:
    """The secondary private addresses of an interface."""
    listed = (interface.get("PrivateIpSets") or {}).get("PrivateIpSet") or ()
    return [str(one["PrivateIpAddress"]) for one in listed if not one.get("Primary") and one.get("PrivateIpAddress")]


def _content(document: Document) -> str:
    """A script that ends at once, with the document as comments. Packed without a time, so that it is the same for the same document."""
    packed = base64.b64encode(gzip.compress(compact(document).encode(), mtime=0)).decode()
    lines = [f"# {packed[begin : begin + _LINE]}" for begin in range(0, len(packed), _LINE)]
    return base64.b64encode("\n".join(["exit 0", *lines]).encode()).decode()


def _read(wire: Wire) -> Document | None:
    """The document that a command holds; None when it holds none, or not all of it."""
    try:
        lines = base64.b64decode(str(wire.get("CommandContent") or "")).decode().splitlines()
        found = json.loads(gzip.decompress(base64.b64decode("".join(line[2:] for line in lines if line.startswith("# ")))))
    except (ValueError, OSError, EOFError):
        return None
    return found if isinstance(found, dict) and found.get("version") == VERSION else None
