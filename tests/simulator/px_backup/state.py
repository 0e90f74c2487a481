# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State through the control API: everything out, short descriptions in, and the named examples."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from ..messages import Refused
from .backups import complete
from .capture import CaptureFailed, capture
from .context import Context
from .errors import ApiError
from .inventory import CLUSTERS, CREDENTIALS, LOCATIONS, RULES, SCHEDULES, Kind, seeded
from .jsonpb import Message, decode, empty
from .kubernetes import Kubernetes, Namespace, namespace_of_json, namespace_to_json
from .schema import BACKUP_INFO, RESTORE_INFO
from .store import KINDS, Org, Record, Store, new_metadata

INVENTORY: Mapping[str, Kind] = {kind.plural: kind for kind in (CLUSTERS, LOCATIONS, RULES, CREDENTIALS, SCHEDULES)}
CLUSTER_ONLY = ("storage_classes", "namespaces")


def dump(org: Org) -> dict[str, Any]:
    """One organisation; clusters and backups with what they hold."""
    shown: dict[str, Any] = {}
    for plural in KINDS:
        shown[plural] = [{"name": record.name, "uid": record.uid, "status": record.status, **record.render(True)} for record in getattr(org, plural)]
    for entry, record in zip(shown["clusters"], org.clusters):
        if record.kubernetes is not None:
            entry["storage_classes"] = record.kubernetes.storage_classes
            entry["namespaces"] = {name: namespace_to_json(item) for name, item in record.kubernetes.namespaces.items()}
    for entry, record in zip(shown["backups"], org.backups):
        entry["contents"] = {name: namespace_to_json(item) for name, item in record.contents.items()}
    return shown


def merge(ctx: Context, state: Mapping[str, Any]) -> None:
    """Merges one organisation's state: what has a known name is changed, the rest is added. Raises Refused."""
    unknown = sorted(set(state) - set(KINDS))
    if unknown:
        raise Refused(f"unknown part(s) of an organisation: {', '.join(unknown)}; known: {', '.join(KINDS)}")
    try:
        for plural, kind in INVENTORY.items():
            for text in state.get(plural, []):
                _merge_inventory(ctx, kind, text)
        for plural, schema, info_key in (("backups", BACKUP_INFO, "backup_info"), ("restores", RESTORE_INFO, "restore_info")):
            for text in state.get(plural, []):
                for one in _numbered(text):
                    _merge_work(ctx, getattr(ctx.org, plural), schema, info_key, one)
    except (ApiError, CaptureFailed) as error:
        raise Refused(str(error)) from error
    except KeyError as error:
        raise Refused(f"missing field {error} in the state given") from error


def _merge_inventory(ctx: Context, kind: Kind, text: Mapping[str, Any]) -> None:
    _refuse_unknown(text, {"name", "labels", "ownership", *kind.schema.fields, *(CLUSTER_ONLY if kind is CLUSTERS else ())})
    record = kind.store(ctx).find(text["name"])
    if record is None:
        record = seeded(kind, ctx, dict(text))
        if "namespaces" in text:
            # Described from the start: nothing beside what is described.
            record.kubernetes = Kubernetes()
    if "status" in text:
        decode(kind.schema.fields["status"], {"status": text["status"]})
        record.set_status(text["status"], ctx.world.clock.at())
    if "labels" in text:
        record.metadata["labels"] = dict(text["labels"])
    if record.kubernetes is not None:
        if "storage_classes" in text:
            record.kubernetes.storage_classes = copy.copy(text["storage_classes"])
        for name, namespace in text.get("namespaces", {}).items():
            record.kubernetes.namespaces[name] = namespace_of_json(namespace)


def _numbered(text: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The description itself, or with `count: N` N of them named name-00001 and so on."""
    rest = {name: value for name, value in text.items() if name != "count"}
    if "count" not in text:
        yield rest
        return
    for number in range(1, int(text["count"]) + 1):
        yield {**rest, "name": f"{text['name']}-{number:05d}"}


def _merge_work(ctx: Context, store: Store, schema: Message, info_key: str, text: dict[str, Any]) -> None:
    """A backup or a restore: {name, uid, status, reason, labels, owner, age_s, cluster, backup, and any field of its info}.

    `age_s`: how long ago it was made; `duplicate`: true adds one although the name is there; `contents` of a backup: namespace name to
    {resources, volumes}, else what the cluster holds now.
    """
    own = ("name", "uid", "labels", "owner", "ownership", "age_s", "reason", "duplicate", "contents")
    _refuse_unknown(text, {*own, *schema.fields})
    status = {"status": text.get("status", "Success"), "reason": text.get("reason", "")}
    record = None if text.get("duplicate") else store.find(text["name"], text.get("uid", ""))
    if record is not None:
        if "status" in text:
            decode(schema.fields["status"], status)
            record.set_status(status["status"], ctx.world.clock.at(), status["reason"])
        if "labels" in text:
            record.metadata["labels"] = dict(text["labels"])
        return
    moment = ctx.world.clock.at() - timedelta(seconds=float(text.get("age_s", 0)))
    info = {name: decode(schema.fields[name], copy.deepcopy(text[name]), name) for name in text if name in schema.fields and name != "status"}
    info["status"] = decode(schema.fields["status"], status)
    metadata = new_metadata(text, ctx.org.name, text.get("owner", ctx.user), moment)
    metadata["uid"] = text.get("uid", metadata["uid"])
    record = Record(metadata, {**empty(schema), **info}, schema, info_key)
    for name, others in (("cluster", ctx.org.clusters), ("backup", ctx.org.backups), ("backup_location", ctx.org.backup_locations)):
        other = others.find(info.get(name, ""))
        if other is not None:
            record.info[f"{name}_ref"] = {"name": other.name, "uid": other.uid}
    if info_key == "backup_info":
        _fill_backup(ctx, record, text.get("contents"))
    store.add(record)


def _fill_backup(ctx: Context, record: Record, contents: Mapping[str, Any] | None) -> None:
    """A usable backup holds what is given, else what its cluster holds now; its namespaces that are nowhere are there, but empty."""
    if record.status not in ("Success", "PartialSuccess", "CloudBackupMissing"):
        return
    cluster = ctx.org.clusters.find(record.info["cluster"])
    if contents is not None:
        record.contents = {name: namespace_of_json(text) for name, text in contents.items()}
    elif cluster is not None and cluster.kubernetes is not None:
        there = [name for name in record.info["namespaces"] if name == "*" or name in cluster.kubernetes.namespaces]
        if there or not record.info["namespaces"]:
            record.contents = capture(cluster.kubernetes, {**record.info, "namespaces": there})
    for name in record.info["namespaces"]:
        if name != "*":
            record.contents.setdefault(name, Namespace())
    complete(record, record.status)


def _refuse_unknown(text: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(text) - known)
    if unknown:
        raise Refused(f"unknown field(s) {', '.join(unknown)}; known: {', '.join(sorted(known))}")


DEMO: Mapping[str, Any] = {
    "clusters": [
        {
            "name": "prod",
            "storage_classes": ["fast", "standard"],
            "namespaces": {
                "shop": {
                    "labels": {"team": "shop"},
                    "resources": [
                        {"kind": "Deployment", "name": "web", "group": "apps", "labels": {"app": "web"}, "data": {"replicas": 3, "image": "shop:1.4"}},
                        {"kind": "Service", "name": "web", "labels": {"app": "web"}, "data": {"port": 8080}},
                        {"kind": "ConfigMap", "name": "settings", "labels": {"app": "web"}, "data": {"currency": "EUR"}},
                        {"kind": "PersistentVolumeClaim", "name": "orders", "labels": {"app": "db"}, "data": {"storage": "1Gi"}},
                    ],
                    "volumes": [{"pvc": "orders", "storage_class": "fast", "text": "order 1: 3 apples\norder 2: 1 pear\n", "size": 1073741824}],
                },
                "blog": {
                    "labels": {"team": "press"},
                    "resources": [{"kind": "ConfigMap", "name": "settings", "data": {"title": "News"}}],
                    "volumes": [{"pvc": "posts", "storage_class": "standard", "text": "hello\n", "size": 1073741824}],
                },
            },
        },
        {"name": "recovery", "storage_classes": ["standard", "slow"], "namespaces": {"default": {}}},
    ],
    "backup_locations": [{"name": "store", "type": "S3", "path": "backups"}],
}
SEEDS: Mapping[str, Mapping[str, Any]] = {"demo": DEMO}
