# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup copies out of a cluster: selection by namespace, label, resource and type."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from .kubernetes import CLUSTER_SCOPE, Kubernetes, Namespace, Resource, has_labels, key, matches_info, resource_info


class CaptureFailed(Exception):
    """The backup cannot be taken; the text is its reason."""


def chosen_namespaces(cluster: Kubernetes, info: Mapping[str, Any]) -> list[str]:
    """The namespaces that a backup's info asks for. Raises CaptureFailed, naming those that do not exist.

    No namespaces at all, or "*", means all of them; `ns_label_selectors` ("a=b,c=d") picks by label and adds those named.
    """
    named = [name for name in info["namespaces"] if name != "*"]
    missing = [name for name in named if name not in cluster.namespaces]
    if missing:
        raise CaptureFailed(f"namespace(s) [{', '.join(missing)}] not found in cluster")
    if info["ns_label_selectors"]:
        wanted = dict(pair.strip().partition("=")[::2] for pair in info["ns_label_selectors"].split(","))
        picked = [name for name, namespace in cluster.namespaces.items() if has_labels(namespace.labels, wanted)]
        return sorted({*picked, *named})
    if named and "*" not in info["namespaces"]:
        return sorted(set(named))
    if not info["namespaces"] and info["include_resources"]:
        return sorted({item["namespace"] for item in info["include_resources"]} & set(cluster.namespaces))
    return sorted(cluster.namespaces)


def capture(cluster: Kubernetes, info: Mapping[str, Any]) -> dict[str, Namespace]:
    """A deep copy of everything selected, by namespace. Raises CaptureFailed."""
    contents: dict[str, Namespace] = {}
    for name in chosen_namespaces(cluster, info):
        source = cluster.namespaces[name]
        copied = contents[name] = Namespace(labels=dict(source.labels))
        for resource, volume in source.members():
            if not _selected(info, name, resource):
                continue
            copied.resources[key(resource)] = copy.deepcopy(resource)
            if volume is not None:
                copied.volumes[volume.pvc] = copy.deepcopy(volume)
    return contents


def describe(contents: Mapping[str, Namespace], status: str, uid: str) -> dict[str, Any]:
    """The fields of BackupInfo that say what a backup holds."""
    resources = [resource_info(name, item) for name, namespace in contents.items() for item in namespace.resources.values()]
    volumes = [
        {
            "name": f"pvc-{name}-{volume.pvc}",
            "namespace": name,
            "pvc": volume.pvc,
            "backup_id": f"{uid}/{name}/{volume.pvc}",
            "status": {"status": status, "reason": ""},
            "driver_name": "kdmp",
            "total_size": len(volume.content),
            "actual_size": len(volume.content),
            "storage_class": volume.storage_class,
        }
        for name, namespace in contents.items()
        for volume in namespace.volumes.values()
    ]
    return {
        "namespaces": [name for name in contents if name != CLUSTER_SCOPE],
        "resources": resources,
        "volumes": volumes,
        "total_size": sum(volume["total_size"] for volume in volumes),
        "resource_count": len(resources),
    }


def _selected(info: Mapping[str, Any], namespace: str, resource: Resource) -> bool:
    if info["include_resources"] and not any(matches_info(item, namespace, resource) for item in info["include_resources"]):
        return False
    if info["resource_types"] and resource.kind not in info["resource_types"]:
        return False
    return resource.kind not in info["exclude_resource_types"] and has_labels(resource.labels, info["label_selectors"])
