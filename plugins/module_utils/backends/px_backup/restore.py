# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of PX-Backup: a backup's applications brought back to a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...clients.px_backup.client import BACKUP, Wire
from ...core.arguments import Task
from ...core.errors import InvalidRequest
from ...core.model import CREATE, PARTIAL, SUCCEEDED, Record
from ...core.plan import Plan
from ...core.steps import at_once
from ...core.waiter import Waiter
from .connection import connect
from .objects import CreateRequest, Objects
from .preflight import check_cluster
from .records import BACKUP_SHAPE, RESTORE_SHAPE, provider_status, record_of
from .references import as_reference, resolve, resolve_cluster
from .values import cluster_option, filled_map, object_type, rancher_map, required_reference, resources, without_nothing


class RestoreBackend:
    """The module ``restore`` on provider px_backup."""

    def __init__(self, task: Task, waiter: Waiter) -> None:
        self._task, self._waiter = task, waiter
        self._client = connect(task, waiter)
        self._restores = Objects(RESTORE_SHAPE, self._client, task, waiter)

    def validate(self, operation: str) -> None:
        self._restores.catalog.validate()
        if operation == CREATE:
            self._given()

    def targets(self) -> Sequence[str]:
        return ()

    def for_target(self, name: str, waiter: Waiter) -> RestoreBackend:
        raise NotImplementedError(f"a task on px_backup has no targets such as {name}")

    def find(self) -> Record | None:
        return self._restores.catalog.find()

    def list_all(self) -> Iterator[Record]:
        return self._restores.catalog.list_all()

    def plan_create(self, found: Record | None) -> Plan:
        return self._restores.plan_create(found, {**self._given(), "ownership": self._task["ownership"]}, self._prepare)

    def plan_delete(self, found: Record | None) -> Plan:
        return self._restores.plan_delete(found)

    def acted(self) -> bool:
        return self._client.acted()

    def _given(self) -> dict[str, Any]:
        """What the user asked for, by option; raises InvalidRequest for what makes no sense."""
        task = self._task
        wanted = {
            "backup_ref": required_reference("backup_ref", task["backup_ref"]),
            **cluster_option(task),
            **{name: filled_map(name, task[name]) for name in ("namespace_mapping", "storage_class_mapping")},
            **{name: rancher_map(name, task[name]) for name in ("rancher_project_mapping", "rancher_project_name_mapping")},
            "include_resources": resources(task["include_resources"]),
            "replace_policy": None if task["replace_policy"] == "Invalid" else task["replace_policy"],
            "backup_object_type": object_type(task["backup_object_type"]),
        }
        return without_nothing(wanted)

    def _prepare(self) -> CreateRequest:
        """The request for a new restore, after seeing that its backup can be restored and its cluster can take it."""
        given = self._given()
        backup, cluster = at_once(
            lambda: resolve(self._client, BACKUP, given["backup_ref"], "backup_ref"),
            lambda: resolve_cluster(self._client, given),
        )
        self._check_backup(backup, given.get("namespace_mapping", {}))
        check_cluster(self._task, cluster, "cluster_ref")
        given.update(backup_ref=as_reference(backup), cluster_ref=as_reference(cluster))
        typed = {"backup_object_type": {"type": given["backup_object_type"]}} if "backup_object_type" in given else {}
        # backup: the name alone, which servers before backup_ref read.
        body = {**given, **typed, "metadata": self._restores.metadata(), "backup": given["backup_ref"]["name"]}
        if self._task["cluster"]:
            body["cluster"] = self._task["cluster"]
        return CreateRequest(body, {**given, **typed})

    def _check_backup(self, wire: Wire, mapping: Mapping[str, str]) -> None:
        backup = record_of(BACKUP_SHAPE, wire)
        if backup.status not in (SUCCEEDED, PARTIAL):
            word = provider_status(BACKUP_SHAPE, wire) or "unknown"
            reason = f" ({backup.details['reason']})" if backup.details["reason"] else ""
            raise InvalidRequest(f'backup_ref: the backup "{backup.name}" cannot be restored: its status is {word}{reason}. Nothing was changed.')
        if backup.status == PARTIAL:
            self._task.warn(f'The backup "{backup.name}" is only partial ({backup.details["reason"] or "no reason given"}): so will be what comes back.')
        held = backup.details["namespaces"] or []
        strange = sorted(set(mapping) - set(held)) if held and "*" not in held else []
        if strange:
            raise InvalidRequest(f'namespace_mapping: the backup "{backup.name}" has no namespace {", ".join(strange)}; it holds {", ".join(sorted(held))}.')
