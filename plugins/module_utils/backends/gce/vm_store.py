# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the manifest of a VM is kept: in the descriptions of the recovery points where it fits, else in an instance template."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...clients.gce.client import GceClient
from ...core.errors import Conflict, NotFound, ProviderFailure, RecoveryError
from ...recovery.manifest import Document, compact, fingerprint
from ...recovery.points import BackupSet
from .vm_labels import MANIFEST, all_of
from .vm_manifest import note, read_note

LONGEST_DESCRIPTION = 2048
_LONGEST_VALUE = 262144
_KEY = "mcr-manifest"
# A template must describe some machine; nobody is meant to start this one.
_SHELL: dict[str, Any] = {
    "machineType": "e2-micro",
    "disks": [{"boot": True, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12"}}],
    "networkInterfaces": [{"network": "global/networks/default"}],
}


def template_name(document: Document) -> str:
    """The name of the template for this content."""
    return f"{_KEY}-{fingerprint(document)}"


def fits(document: Document, facts: Document) -> bool:
    """Whether the manifest and the facts of a member fit into one description."""
    return len(note({**facts, "manifest": document})) <= LONGEST_DESCRIPTION


def storable(document: Document) -> bool:
    """Whether a template can hold it."""
    return len(compact(document).encode()) <= _LONGEST_VALUE


class ManifestStore:
    """The manifests in the cloud."""

    def __init__(self, client: GceClient) -> None:
        self._client = client

    def has(self, document: Document) -> bool:
        return self._client.get_instance_template(template_name(document)) is not None

    def put(self, document: Document) -> None:
        """Keep it in a template, and read it back. Raises ProviderFailure when that is not what was written."""
        name = template_name(document)
        if self._client.get_instance_template(name) is None:
            metadata = {"items": [{"key": _KEY, "value": compact(document)}]}
            body = {"name": name, "description": f"The configuration of VM {document['vm']}, for its restore", "properties": {**_SHELL, "metadata": metadata}}
            try:
                self._client.wait(self._client.insert_instance_template(body), f"storing the manifest {name}")
            except Conflict as error:
                # Made at the same time by another run, from the same content.
                if self._client.get_instance_template(name) is None:
                    raise error
        if self.get(fingerprint(document)) != document:
            raise ProviderFailure(f"the manifest stored in the instance template {name} is not what was read back; nothing was deleted.")

    def get(self, key: str) -> Document | None:
        """The manifest of a fingerprint; None when there is none."""
        found = self._client.get_instance_template(f"{_KEY}-{key}")
        items = found.wire.get("properties", {}).get("metadata", {}).get("items", []) if found else []
        return next((read_note(item.get("value", "")) for item in items if item.get("key") == _KEY), None)

    def of_set(self, backup: BackupSet) -> Document | None:
        """The manifest that a backup carries; None when it has none, or lost it."""
        for member in backup.members:
            if member.facts["note"].get("manifest"):
                document: Document = member.facts["note"]["manifest"]
                return document
        return self.get(backup.manifest) if backup.manifest else None

    def kept_for(self, vm: str, zone: str) -> list[str]:
        """The fingerprints of all manifests of a VM that are in templates."""
        found = self._client.list_instance_templates(f"name eq {_KEY}-.*")
        keys = [template.name[len(_KEY) + 1 :] for template in found]
        return [key for key, document in zip(keys, map(self.get, keys)) if document and (document.get("vm"), document.get("zone")) == (vm, zone)]

    def drop_unused(self, keys: Iterable[str]) -> list[str]:
        """Delete the templates of these fingerprints that no recovery point refers to any more; their names."""
        dropped = []
        for key in sorted({key for key in keys if key}):
            name, wanted = f"{_KEY}-{key}", all_of({MANIFEST: key})
            lists = (self._client.list_snapshots, self._client.list_images, self._client.list_machine_images)
            if any(next(iter(read(wanted)), None) for read in lists) or self._client.get_instance_template(name) is None:
                continue
            try:
                self._client.wait(self._client.delete_instance_template(name), f"deleting the manifest {name}")
                dropped.append(name)
            except NotFound:
                continue
        return dropped


def why_not_stored(error: RecoveryError | None) -> str:
    """The warning for a manifest that could not be kept."""
    reason = error.message if error else "it is larger than 256 KiB"
    return f"The VM's configuration could not be stored with the backup: {reason} The disks are saved, but if the VM is lost, its configuration must be given."
