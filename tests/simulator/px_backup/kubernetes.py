# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inside of a simulated cluster: namespaces with resources, and volumes that hold real bytes."""

from __future__ import annotations

import base64
import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

CLAIM = "PersistentVolumeClaim"
# The key under which resources of no namespace are kept.
CLUSTER_SCOPE = ""


@dataclass
class Resource:
    """One object. `group` is "" for the core group; `data` is whatever the object holds."""

    kind: str
    name: str
    group: str = ""
    version: str = "v1"
    labels: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Volume:
    """What is behind a claim. `size` in bytes is what the claim asks for, `content` what is written to it."""

    pvc: str
    storage_class: str = ""
    content: bytes = b""
    size: int = 0
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class Namespace:
    """Resources by `key()`, volumes by name of their claim. A claim need not be listed among the resources."""

    labels: dict[str, str] = field(default_factory=dict)
    resources: dict[tuple[str, str, str], Resource] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)

    def members(self) -> Iterator[tuple[Resource, Volume | None]]:
        """Every resource, claims with their volume; a volume without a listed claim comes with one made up."""
        listed = set()
        for resource in self.resources.values():
            volume = self.volumes.get(resource.name) if resource.kind == CLAIM else None
            listed.add(resource.name if volume else None)
            yield resource, volume
        for volume in self.volumes.values():
            if volume.pvc not in listed:
                yield Resource(CLAIM, volume.pvc, labels=volume.labels), volume


@dataclass
class Kubernetes:
    """One cluster. `storage_classes` None: any storage class is taken."""

    storage_classes: list[str] | None = None
    namespaces: dict[str, Namespace] = field(default_factory=dict)


def normal_group(group: str) -> str:
    """The core API group is spelled "" or "core"."""
    return "" if group == "core" else group


def key(resource: Resource) -> tuple[str, str, str]:
    """What tells resources of one namespace apart."""
    return normal_group(resource.group), resource.kind, resource.name


def matches_info(info: Mapping[str, str], namespace: str, resource: Resource) -> bool:
    """Whether a ResourceInfo of a request names this resource; an empty version is any version."""
    return (
        info["namespace"] == namespace
        and (normal_group(info["group"]), info["kind"], info["name"]) == key(resource)
        and info["version"] in ("", resource.version)
    )


def resource_info(namespace: str, resource: Resource) -> dict[str, str]:
    """A resource as a ResourceInfo."""
    return {"name": resource.name, "namespace": namespace, "group": resource.group, "kind": resource.kind, "version": resource.version}


def has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether every wanted label is there with the same value."""
    return all(labels.get(name) == value for name, value in wanted.items())


def namespace_of_json(text: Mapping[str, Any]) -> Namespace:
    """A namespace as the control API takes it: {labels, resources: [...], volumes: [...]}."""
    namespace = Namespace(labels=dict(text.get("labels", {})))
    for item in text.get("resources", []):
        data = copy.deepcopy(item.get("data", {}))
        # Labels may be given beside the data, or inside of it as a manifest has them.
        labels = item.get("labels") or ((data.get("metadata") or {}).get("labels") if isinstance(data, dict) else None) or {}
        resource = Resource(item["kind"], item["name"], item.get("group", ""), item.get("version", "v1"), dict(labels), data)
        namespace.resources[key(resource)] = resource
    for item in text.get("volumes", []):
        content = item["text"].encode() if "text" in item else base64.b64decode(item.get("bytes_base64", ""))
        size = int(item.get("size", len(content)))
        namespace.volumes[item["pvc"]] = Volume(item["pvc"], item.get("storage_class", ""), content, size, dict(item.get("labels", {})))
    return namespace


def namespace_to_json(namespace: Namespace) -> dict[str, Any]:
    """The way back; `text` is added to volumes whose bytes are UTF-8."""
    volumes = []
    for volume in namespace.volumes.values():
        shown: dict[str, Any] = {"pvc": volume.pvc, "storage_class": volume.storage_class, "size": volume.size, "labels": volume.labels}
        shown["bytes_base64"] = base64.b64encode(volume.content).decode()
        with contextlib.suppress(UnicodeDecodeError):
            shown["text"] = volume.content.decode()
        volumes.append(shown)
    return {"labels": namespace.labels, "resources": [dict(vars(item)) for item in namespace.resources.values()], "volumes": volumes}
