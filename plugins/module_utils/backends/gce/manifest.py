# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a VM in Compute Engine: as the API gives it, where it is kept, and what of it can be sent again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from ...clients.gce.client import GceClient
from ...clients.gce.objects import REGION, Operation, Wire, attached_disk, last_part, path_of, place_of, region, zone
from ...core.errors import NotFound
from ...core.steps import at_once
from ...recovery.manifest import VERSION, Document, compact, fingerprint
from ...recovery.marks import MANIFEST, split
from ...recovery.model import Attachment, Disk, Machine, Ref, Strategy
from ...recovery.points import BOOT
from ...recovery.provider import BuildChanges, Change
from .build import addresses_of, instance_request, move
from .disks import model_of, read_note
from .keys import as_wire
from .machines import attachment_of, attachment_request
from .marks import all_of, change

# What the API says of a VM and does not take back, by where it stands; a test holds it against the API's own description.
OUTPUT_ONLY: Mapping[str, Collection[str]] = {
    "": (
        "kind", "id", "creationTimestamp", "selfLink", "selfLinkWithId", "status", "statusMessage", "zone", "cpuPlatform", "labelFingerprint",
        "fingerprint", "startRestricted", "lastStartTimestamp", "lastStopTimestamp", "lastSuspendedTimestamp", "resourceStatus", "satisfiesPzs",
        "satisfiesPzi", "sourceMachineImage", "sourceMachineImageEncryptionKey", "upcomingMaintenance", "params",
    ),
    "disks": (
        "kind", "index", "licenses", "guestOsFeatures", "shieldedInstanceInitialState", "architecture", "diskSizeGb", "savedState", "initializeParams",
    ),
    "networkInterfaces": ("kind", "name", "fingerprint", "ipv6AccessType", "ipv6Address", "parentNicName"),
    "networkInterfaces.accessConfigs": ("kind", "publicPtrDomainName", "externalIpv6PrefixLength"),
    "networkInterfaces.ipv6AccessConfigs": ("kind",),
    "metadata": ("kind", "fingerprint"),
    "tags": ("fingerprint",),
    "serviceAccounts": (),
    "scheduling": ("terminationTime",),
}  # fmt: skip
# https://cloud.google.com/compute/docs/metadata/setting-custom-metadata, "Limitations".
_LONGEST_VALUE = 262144
_KEY = "mcr-manifest"
_DEFAULT_MACHINE = "e2-medium"
# A template must describe some machine; nobody is meant to start this one.
_SHELL: Wire = {
    "machineType": "e2-micro",
    "disks": [{"boot": True, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12"}}],
    "networkInterfaces": [{"network": "global/networks/default"}],
}


class GceManifests:
    """Manifests of VMs for a zone. They ride in the descriptions of recovery points, or are kept in instance templates. Each that is found is read once."""

    # Members whose values may be secrets: not shown.
    SENSITIVE: ClassVar[Collection[str]] = ("metadata",)
    STORED_IN: ClassVar[str] = "template"

    def __init__(self, client: GceClient, zone_name: str, keys: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self._client, self._zone, self._keys, self._warn = client, zone_name, keys, warn
        self._known: dict[str, Document] = {}
        self._policies: dict[str, bool] = {}

    # --- what a VM is

    def capture(self, machine: Machine, disks: Mapping[str, Disk]) -> Document:
        return {
            "version": VERSION,
            "provider": "gce",
            "vm": machine.name,
            "uid": machine.uid,
            "zone": machine.own.place.name,
            "instance": strip_instance(machine.own.wire),
            "disks": {device: model_of(disk) for device, disk in sorted(disks.items())},
        }

    def problem(self, document: Document) -> str:
        instance, disks = document.get("instance"), document.get("disks", {})
        if not isinstance(instance, dict):
            return 'it must have "instance"'
        if document.get("provider") not in (None, "", "gce"):
            return f"it is a manifest of provider {document['provider']}"
        for member in ("disks", "networkInterfaces"):
            parts = instance.get(member, [])
            if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
                return f'"{member}" of "instance" must be a list of objects'
        if not isinstance(disks, dict) or not all(isinstance(model, dict) for model in disks.values()):
            return '"disks" must be a map from device to object'
        if not all(isinstance(model.get("place"), str) for model in disks.values()):
            return 'each of "disks" must have "place", such as zones/europe-west1-b'
        return ""

    def attachments(self, document: Document) -> list[Attachment]:
        parts = [attached_disk({**part, "index": number}) for number, part in enumerate(document["instance"].get("disks", ()))]
        return [attachment_of(part) for part in parts if not part.local_ssd]

    def disks(self, document: Document) -> list[Ref]:
        return [path_of(part["source"]) for part in document["instance"].get("disks", ()) if part.get("source")]

    def models(self, document: Document) -> dict[str, Document]:
        """Device to the request of its disk, as it fits into the zone of the new VM; policies that exist no more are left out, with a warning."""
        return {device: self._fitting(model, document) for device, model in document.get("disks", {}).items()}

    def _fitting(self, model: Wire, document: Document) -> Wire:
        old_zone = str(document.get("zone") or self._zone)
        model = model if old_zone == self._zone else self._moved(model, old_zone)
        kept = self._policies_left(model.get("resourcePolicies", ()), "The disks come up")
        rest = {key: value for key, value in model.items() if key != "resourcePolicies"}
        return {**rest, **({"resourcePolicies": kept} if kept else {})}

    def _policies_left(self, urls: Sequence[str], whose: str) -> list[str]:
        """Those that exist, with a warning about the others."""
        gone = [last_part(url) for url in urls if not self.policy_exists(url)]
        if gone:
            self._warn(f"{whose} without these resource policies (schedules), which do not exist any more: {', '.join(gone)}.")
        return [url for url in urls if self.policy_exists(url)]

    def policy_exists(self, url: str) -> bool:
        """Whether a resource policy is there; each is asked for once."""
        path = path_of(url)
        if path not in self._policies:
            self._policies[path] = self._client.get_resource_policy(place_of(path).name, last_part(path)) is not None
        return self._policies[path]

    def _moved(self, model: Wire, old_zone: str) -> Wire:
        moved: Wire = move(model, old_zone, self._zone)
        new_region = zone(self._zone).region
        if place_of(f"{model['place']}/disks/x").scope == REGION:
            moved["place"] = region(new_region).path
            moved["replicaZones"] = self._replica_zones([last_part(url) for url in model.get("replicaZones", ())])
        else:
            moved["place"] = zone(self._zone).path
        if zone(old_zone).region != new_region:
            if moved.pop("resourcePolicies", None):
                self._warn("The disks come up without their resource policies (snapshot schedules), which belong to the other region.")
            if "kmsKeyName" in moved.get("diskEncryptionKey", {}) and "/locations/global/" not in moved["diskEncryptionKey"]["kmsKeyName"]:
                self._warn(f"The disks keep their key {moved['diskEncryptionKey']['kmsKeyName']}, which belongs to another region and must be reachable.")
        moved.pop("storagePool", None)
        return moved

    def _replica_zones(self, before: Sequence[str]) -> list[str]:
        here = self._zone
        found = self._client.get_region(zone(here).region)
        known = [last_part(url) for url in (found.wire.get("zones", ()) if found else ())]
        other = next((name for name in (*before, *known) if name in known and name != here), "")
        if not other:
            raise NotFound(f"there is no second zone beside {here} for a regional disk.")
        return [f"projects/{self._client.project}/zones/{name}" for name in (here, other)]

    def scratch(self, name: str) -> Document:
        return {
            "version": VERSION,
            "provider": "gce",
            "vm": name,
            "zone": self._zone,
            "instance": {
                "machineType": f"zones/{self._zone}/machineTypes/{_DEFAULT_MACHINE}",
                "disks": [{"deviceName": BOOT, "boot": True, "mode": "READ_WRITE", "autoDelete": True, "type": "PERSISTENT"}],
                "networkInterfaces": [{"network": "global/networks/default", "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}]}],
            },
            "disks": {BOOT: {"type": f"zones/{self._zone}/diskTypes/pd-balanced", "labels": {}, "place": f"zones/{self._zone}"}},
        }

    def build_request(self, document: Document, name: str, attachments: Sequence[Attachment], changes: BuildChanges) -> Wire:
        disks = [attachment_request(one) for one in attachments]
        for body, one in zip(disks, attachments):
            model = document.get("disks", {}).get(one.device, {})
            if "sha256" in model.get("diskEncryptionKey", {}) and one.device in self._keys:
                body["diskEncryptionKey"] = as_wire(self._keys[one.device])
        lost = self._not_reserved(document) if changes.strategy is Strategy.GONE else ()
        request = instance_request(document, name, self._zone, disks, changes, lost)
        if not changes.as_before:
            request["resourcePolicies"] = self._policies_left(request.get("resourcePolicies", ()), f'VM "{name}" comes up')
        return {key: value for key, value in request.items() if key != "resourcePolicies" or value}

    def _not_reserved(self, document: Document) -> list[str]:
        """External addresses of a VM that is gone which nobody has reserved: they cannot be asked for again."""
        outside = addresses_of(document["instance"])[1]
        reserved = {found.address for found in self._client.list_addresses(zone(self._zone).region, None)} if outside else set()
        return [address for address in outside if address not in reserved]

    # --- where it is kept

    def storable(self, document: Document) -> bool:
        return len(compact(document).encode()) <= _LONGEST_VALUE

    def has(self, key: str) -> bool:
        return self._client.get_instance_template(_template(key)) is not None

    def put(self, document: Document) -> Change:
        key = fingerprint(document)
        metadata = {"items": [{"key": _KEY, "value": compact(document)}]}
        body = {
            "name": _template(key),
            "description": f"The configuration of VM {document['vm']}, for its restore",
            "properties": {**_SHELL, "metadata": metadata},
        }
        return change(self._client, f"storing the manifest {key}", _template(key), lambda: self._client.insert_instance_template(body))

    def get(self, key: str) -> Document | None:
        if key not in self._known:
            found = self._client.get_instance_template(_template(key))
            items = found.wire.get("properties", {}).get("metadata", {}).get("items", []) if found else []
            if not (note := next((read_note(item.get("value", "")) for item in items if item.get("key") == _KEY), {})):
                return None
            self._known[key] = note
        return self._known[key]

    def kept_for(self, vm: str) -> list[str]:
        keys = [template.name[len(_KEY) + 1 :] for template in self._client.list_instance_templates(f"name eq {_KEY}-.*")]
        documents = at_once(*[partial(self.get, key) for key in keys])
        return [key for key, document in zip(keys, documents) if document and (document.get("vm"), document.get("zone")) == (vm, self._zone)]

    def drop(self, key: str) -> Change | None:
        wanted, client = all_of({MANIFEST: key}), self._client
        readers = (client.list_snapshots, client.list_images, client.list_machine_images)
        if any(at_once(*[partial(_any, read, wanted) for read in readers])) or not self.has(key):
            return None

        def submit() -> Operation:
            self._known.pop(key, None)
            return client.delete_instance_template(_template(key))

        return change(client, f"deleting the manifest {key}", _template(key), submit)


def _any(read: Callable[[str], Any], wanted: str) -> bool:
    return next(iter(read(wanted)), None) is not None


def _template(key: str) -> str:
    return f"{_KEY}-{key}"


def strip_instance(wire: Wire) -> Wire:
    """What can be sent again, without our own labels."""
    kept: Wire = _strip(wire, "")
    labels = split(wire.get("labels", {}))[1]
    kept.pop("labels", None)
    return {**kept, "labels": labels} if labels else kept


def _strip(value: Any, where: str) -> Any:
    if isinstance(value, list):
        return [_strip(part, where) for part in value]
    if not isinstance(value, Mapping) or where == "labels":
        return value
    dropped = OUTPUT_ONLY.get(where, ())
    return {key: _strip(part, f"{where}.{key}".lstrip(".")) for key, part in value.items() if key not in dropped}
