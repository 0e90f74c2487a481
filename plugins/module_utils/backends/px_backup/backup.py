# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of PX-Backup: the applications of namespaces, kept in a backup location."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ...clients.px_backup.client import BACKUP_LOCATION, BACKUP_SCHEDULE, RESTORE, RULE, Kind, Wire
from ...core.arguments import Task
from ...core.errors import Conflict, Unsupported
from ...core.model import CREATE, UNFINISHED, Record
from ...core.plan import Plan
from ...core.steps import at_once
from ...core.waiter import Waiter
from ...transport.http import Query
from .connection import connect
from .objects import CreateRequest, Objects
from .preflight import check_backup_location, check_cluster
from .records import BACKUP_SHAPE, RESTORE_SHAPE, record_of
from .references import as_reference, part_of, resolve, resolve_cluster
from .values import cluster_option, differences, object_type, reference, required_reference, resources, text_map, without_nothing

_LISTS = ("namespaces", "resource_types", "exclude_resource_types")
_TEXTS = ("ns_label_selectors", "advanced_resource_label_selector", "backup_type")
_FLAGS = ("skip_vm_auto_exec_rules", "direct_kdmp", "keep_cr_status")
_MAPS = ("label_selectors", "volume_snapshot_class_mapping")
_SINCE = {"keep_cr_status": (2, 8, 4), "advanced_resource_label_selector": (2, 8, 4), "volume_resource_only_policy_ref": (2, 9, 0)}
_REFERENCES: dict[str, Kind] = {
    "backup_location_ref": BACKUP_LOCATION,
    "pre_exec_rule_ref": RULE,
    "post_exec_rule_ref": RULE,
}


class BackupBackend:
    """The module ``backup`` on provider px_backup."""

    def __init__(self, task: Task, waiter: Waiter) -> None:
        self._task, self._waiter = task, waiter
        self._client = connect(task, waiter)
        self._backups = Objects(BACKUP_SHAPE, self._client, task, waiter, _delete_query)

    def validate(self, operation: str) -> None:
        self._backups.catalog.validate()
        if operation == CREATE:
            self._given()

    def targets(self) -> Sequence[str]:
        return ()

    def for_target(self, name: str, waiter: Waiter) -> BackupBackend:
        raise NotImplementedError(f"a task on px_backup has no targets such as {name}")

    def find(self) -> Record | None:
        return self._backups.catalog.find()

    def list_all(self) -> Iterator[Record]:
        """The backups, sorted and chosen by schedule here: servers before 2.9 can do neither."""
        schedules = self._schedules()
        sort = self._task["sort_option"]
        keep = None if schedules is None else lambda wire: _schedule_of(wire) in schedules
        listed = self._backups.catalog.list_all(keep, limited=not sort)
        if not sort:
            return listed
        ordered = sorted(listed, key=_SORT_KEYS[sort["sort_by"]], reverse=sort["sort_order"] == "Descending")
        return islice(ordered, self._task["max_objects"] or None)

    def plan_create(self, found: Record | None) -> Plan:
        return self._backups.plan_create(found, {**self._given(), "ownership": self._task["ownership"]}, self._prepare)

    def plan_delete(self, found: Record | None) -> Plan:
        """Deletion of a backup that no restore is reading. Raises Conflict naming the restores that are."""
        plan = self._backups.plan_delete(found)
        if not found or not plan.changes:
            return plan
        cluster = found.details["cluster_ref"] or {}
        if differences({"cluster_ref": reference(self._task["cluster_ref"])}, {"cluster_ref": cluster}):
            raise Conflict(f"it is a backup of the cluster {cluster.get('name')}, not of the one that cluster_ref names. It is untouched.", record=found)
        # Invalid stands for the status that a restore just made does not have yet.
        options = [("status", word) for word in ("Invalid", "Pending", "InProgress")]
        users = [part_of(item, "name") for item in self._client.enumerate(RESTORE, options) if _restores_from(item, found)]
        if users:
            raise Conflict(f"it is being restored by {', '.join(users)}. It is untouched; wait for that to end.", record=found)
        return plan

    def acted(self) -> bool:
        return self._client.acted()

    def _given(self) -> dict[str, Any]:
        """What the user asked for, by option; raises InvalidRequest for what makes no sense."""
        task = self._task
        wanted: dict[str, Any] = {
            **{name: reference(task[name]) for name in (*_REFERENCES, "volume_resource_only_policy_ref")},
            "backup_location_ref": required_reference("backup_location_ref", task["backup_location_ref"]),
            **cluster_option(task),
            **{name: task[name] for name in (*_LISTS, *_TEXTS)},
            **{name: text_map(name, task[name]) for name in _MAPS},
            "include_resources": resources(task["include_resources"]),
            "backup_object_type": object_type(task["backup_object_type"]),
        }
        # A flag that is given as false is a wish like any other.
        return {**without_nothing(wanted), **{name: task[name] for name in _FLAGS if task[name] is not None}}

    def _prepare(self) -> CreateRequest:
        """The request for a new backup, after seeing that its cluster and its location can be used."""
        given = self._given()
        self._check_version(given)
        named = [name for name in _REFERENCES if name in given]
        cluster, *others = at_once(lambda: resolve_cluster(self._client, given), *(self._lookup(name, given[name]) for name in named))
        found = {"cluster_ref": cluster, **dict(zip(named, others))}
        check_cluster(self._task, cluster, "cluster_ref")
        check_backup_location(found["backup_location_ref"], "backup_location_ref")
        given.update({name: as_reference(wire) for name, wire in found.items()})
        typed = {"backup_object_type": {"type": given["backup_object_type"]}} if "backup_object_type" in given else {}
        backup_type = given.get("backup_type", "Normal")
        body = {**given, **typed, "backup_type": backup_type, "metadata": self._backups.metadata()}
        if self._task["cluster"]:
            body["cluster"] = self._task["cluster"]
        # The API takes the type as a bare word and gives it back as an object.
        return CreateRequest(body, {**given, **typed, "backup_type": {"type": backup_type}})

    def _check_version(self, given: Mapping[str, Any]) -> None:
        """Raise Unsupported for an option that the server is too old for: it would ignore it, and back up something else."""
        newer = {name: since for name, since in _SINCE.items() if name in given}
        if not newer:
            return
        version = self._client.version()
        shown = ".".join(str(part) for part in version)
        for name, since in newer.items():
            wanted = ".".join(str(part) for part in since)
            if not version:
                self._task.warn(f"The server does not tell its version; {name} needs {wanted} or later, and older ones ignore it.")
            elif version < since:
                raise Unsupported(f"{name} needs PX-Backup {wanted} or later. The server is {shown}, and would ignore it.")

    def _lookup(self, name: str, wanted: Mapping[str, str]) -> Any:
        return lambda: resolve(self._client, _REFERENCES[name], wanted, name)

    def _schedules(self) -> set[str] | None:
        """The uids of the schedules asked for, None when none is; those of a policy are looked up."""
        by_schedule, by_policy = self._task["backup_schedule_ref"], self._task["schedule_policy_ref"]
        if not by_schedule and not by_policy:
            return None
        uids: set[str] = set()
        for wire in self._client.enumerate(BACKUP_SCHEDULE):
            policy = (wire.get("backup_schedule_info") or {}).get("schedule_policy_ref") or {}
            if _named(as_reference(wire), by_schedule) and _named(policy, by_policy):
                uids.add(as_reference(wire)["uid"])
        if not uids:
            self._task.warn("No backup schedule matches backup_schedule_ref and schedule_policy_ref, so no backup can.")
        return uids


def _delete_query(found: Record) -> Query:
    cluster = found.details["cluster_ref"] or {}
    return [(f"cluster_ref.{part}", cluster[part]) for part in ("name", "uid") if cluster.get(part)]


def _named(item: Mapping[str, str], wanted: Sequence[Mapping[str, Any]] | None) -> bool:
    return not wanted or any(all(item.get(part) == value for part, value in reference(ref).items()) for ref in wanted)


def _schedule_of(wire: Wire) -> str:
    return str(((wire.get("backup_info") or {}).get("backup_schedule") or {}).get("uid") or "")


def _restores_from(restore: Wire, backup: Record) -> bool:
    record = record_of(RESTORE_SHAPE, restore)
    if record.status not in UNFINISHED:
        return False
    ref = record.details["backup_ref"] or {}
    return bool(ref["uid"] == backup.uid if ref.get("uid") else ref.get("name") == backup.name)


_SORT_KEYS: dict[str, Any] = {
    "CreationTimestamp": lambda record: record.created_at or "",
    "Name": lambda record: record.name,
    "ClusterName": lambda record: (record.details["cluster_ref"] or {}).get("name") or "",
    "Size": lambda record: record.details["total_size"],
    "RestoreBackupName": lambda record: record.name,
}
