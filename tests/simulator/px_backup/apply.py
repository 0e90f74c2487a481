# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore writes into a cluster: mapped namespaces and storage classes, one resource after the other."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .kubernetes import CLUSTER_SCOPE, Kubernetes, Namespace, Resource, Volume, key, matches_info, resource_info


class ApplyFailed(Exception):
    """Nothing can be restored; the text is the reason."""


@dataclass
class Applied:
    """What came out: entries of RestoreInfo, and a reason when not everything went well."""

    resources: list[dict[str, Any]] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def count(self, status: str) -> int:
        """How many resources ended in a status."""
        return sum(item["status"]["status"] == status for item in self.resources)


def apply(contents: Mapping[str, Namespace], target: Kubernetes, info: Mapping[str, Any], broken: str | None = None) -> Applied:
    """Writes a backup's contents into the target as a restore's info asks. Raises ApplyFailed before anything is written.

    An empty `namespace_mapping` keeps all namespaces; otherwise only the mapped ones are restored, and what has no namespace.
    `broken`: a reason for which the last resource fails.
    """
    # A backup that holds nothing at all was seeded without contents: it restores nothing, and that well.
    missing = [name for name in info["namespace_mapping"] if name not in contents] if contents else []
    if missing:
        raise ApplyFailed(f"namespace(s) [{', '.join(missing)}] not found in the backup")
    wanted = info["include_resources"]
    chosen = [item for item in _chosen(contents, info["namespace_mapping"]) if not wanted or _is_wanted(wanted, item)]
    applied = Applied()
    if wanted:
        absent = [entry for entry in wanted if not any(matches_info(entry, source, resource) for source, _target, resource, _volume in chosen)]
        if absent and not chosen:
            raise ApplyFailed("none of the resources asked for is in the backup")
        applied.reasons += [f"resource {entry['kind']} [{entry['namespace']}/{entry['name']}] is not in the backup" for entry in absent]
    for position, (source, destination, resource, volume) in enumerate(chosen):
        if destination not in target.namespaces:
            target.namespaces[destination] = Namespace(labels=dict(contents[source].labels))
        forced = broken if position == len(chosen) - 1 else None
        _apply_one(applied, target, info, (source, destination, resource, volume), forced)
    return applied


def _chosen(contents: Mapping[str, Namespace], mapping: Mapping[str, str]) -> Iterator[tuple[str, str, Resource, Volume | None]]:
    for source, namespace in contents.items():
        if mapping and source != CLUSTER_SCOPE and source not in mapping:
            continue
        for resource, volume in namespace.members():
            yield source, mapping.get(source, source), resource, volume


def _is_wanted(wanted: list[dict[str, str]], item: tuple[str, str, Resource, Volume | None]) -> bool:
    return any(matches_info(entry, item[0], item[2]) for entry in wanted)


def _apply_one(
    applied: Applied,
    target: Kubernetes,
    info: Mapping[str, Any],
    item: tuple[str, str, Resource, Volume | None],
    forced: str | None,
) -> None:
    source, destination, resource, volume = item
    namespace = target.namespaces[destination]
    storage_class = info["storage_class_mapping"].get(volume.storage_class, volume.storage_class) if volume else ""
    exists = key(resource) in namespace.resources or (volume is not None and volume.pvc in namespace.volumes)
    if forced is not None:
        status, reason = "Failed", forced
    elif exists and info["replace_policy"] != "Delete":
        status, reason = "Retained", f"{resource.kind} [{destination}/{resource.name}] already exists"
    elif volume is not None and storage_class and target.storage_classes is not None and storage_class not in target.storage_classes:
        status, reason = "Failed", f"storage class [{storage_class}] not found for PVC [{destination}/{volume.pvc}]"
    else:
        status, reason = "Success", ""
        namespace.resources[key(resource)] = copy.deepcopy(resource)
        if volume is not None:
            restored = namespace.volumes[volume.pvc] = copy.deepcopy(volume)
            restored.storage_class = storage_class
    if status == "Failed":
        applied.reasons.append(reason)
    outcome = {"status": status, "reason": reason}
    applied.resources.append({**resource_info(destination, resource), "status": outcome})
    if volume is not None:
        applied.volumes.append(
            {
                "pvc": volume.pvc,
                "source_namespace": source,
                "source_volume": f"pvc-{source}-{volume.pvc}",
                "restore_volume": f"pvc-{destination}-{volume.pvc}" if status == "Success" else "",
                "status": dict(outcome),
                "driver_name": "kdmp",
                "zones": [],
                "options": {},
                "total_size": len(volume.content),
            },
        )
