# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects around backups, all handled alike: clusters, backup locations, rules, cloud credentials, schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .context import Context, replace_metadata, required_metadata
from .jsonpb import Message, decode, empty
from .kubernetes import Kubernetes, Namespace
from .listing import enumerate_objects, page, query_options
from .schema import CLUSTER_INFO, CREATE_METADATA, CREDENTIAL_INFO, LOCATION_INFO, RULES_INFO, SCHEDULE_INFO
from .store import Record, Store, new_metadata

Handler = Callable[[Context], dict[str, Any]]
# Left out of answers unless `include_secrets` is asked for.
SECRETS = ("kubeconfig", "service_token", "encryption_key", "aws_config", "google_config", "ibm_config", "rancher_config")


@dataclass(frozen=True)
class Kind:
    """One kind of object. `body_key`: where its info is in a request, None for beside the metadata; `status` of a new one."""

    plural: str
    singular: str
    info_key: str
    schema: Message
    body_key: str | None = None
    status: str | None = None
    paged: bool = False

    def store(self, ctx: Context) -> Store:
        """The store of the kind in the call's organisation."""
        store: Store = getattr(ctx.org, self.plural)
        return store

    def record(self, metadata: dict[str, Any], info: dict[str, Any]) -> Record:
        """A new object; a cluster starts with one empty namespace."""
        if self.status is not None:
            info["status"] = {"status": self.status, "reason": ""}
        kubernetes = Kubernetes(namespaces={"default": Namespace()}) if self.plural == "clusters" else None
        return Record(metadata, info, self.schema, self.info_key, kubernetes)


CLUSTERS = Kind("clusters", "cluster", "clusterInfo", CLUSTER_INFO, status="Online")
LOCATIONS = Kind("backup_locations", "backup_location", "backup_location_info", LOCATION_INFO, "backup_location", "Valid")
RULES = Kind("rules", "rule", "rules_info", RULES_INFO, "rules_info")
CREDENTIALS = Kind("cloud_credentials", "cloud_credential", "cloud_credential_info", CREDENTIAL_INFO, "cloud_credential")
SCHEDULES = Kind("backup_schedules", "backup_schedule", "backup_schedule_info", SCHEDULE_INFO, paged=True)


def _asked(kind: Kind, ctx: Context) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = kind.schema.fields if kind.body_key is None else {kind.body_key: kind.schema}
    # The status is the server's own; where the info lies beside the metadata, it is no field of the request.
    asked = ctx.body(Message({**{name: field for name, field in fields.items() if name != "status"}, "metadata": CREATE_METADATA}))
    metadata = required_metadata(asked)
    del asked["metadata"]
    info = asked if kind.body_key is None else asked[kind.body_key]
    return metadata, {**empty(kind.schema), **(info or {})}


def create(kind: Kind) -> Handler:
    """POST /v1/{kind}."""

    def handler(ctx: Context) -> dict[str, Any]:
        metadata, info = _asked(kind, ctx)
        ctx.refuse_duplicate(kind.store(ctx), kind.singular.replace("_", " "), metadata["name"])
        record = kind.record(new_metadata(metadata, ctx.org.name, ctx.user, ctx.world.clock.at()), info)
        kind.store(ctx).add(record)
        return {kind.singular: _shown(ctx, record)}

    return handler


def update(kind: Kind) -> Handler:
    """PUT /v1/{kind}: labels are replaced, fields of the info that are given too."""

    def handler(ctx: Context) -> dict[str, Any]:
        metadata, info = _asked(kind, ctx)
        record = ctx.found(kind.store(ctx), kind.singular.replace("_", " "), metadata["name"], metadata["uid"])
        replace_metadata(record, metadata)
        blank = empty(kind.schema)
        record.info.update({name: value for name, value in info.items() if value != blank[name] and name != "status"})
        return {}

    return handler


def enumerate_all(kind: Kind) -> Handler:
    """GET /v1/{kind}/{org_id}. Without pages, but for schedules; from 2.10 `enumerate_options` narrow the others too."""

    def handler(ctx: Context) -> dict[str, Any]:
        store = kind.store(ctx)
        if kind.paged:
            return enumerate_objects(ctx, store, kind.plural)
        options = query_options(ctx) if ctx.at_least(2, 10) else None
        records = page(ctx, store, options)[0] if options and options["max_objects"] else list(store)
        if options and options["name_filter"]:
            records = [record for record in records if options["name_filter"] in record.name]
        shown = [_shown(ctx, record) for record in records]
        return {kind.plural: shown} if shown or ctx.emit_defaults else {}

    return handler


def inspect(kind: Kind) -> Handler:
    """GET /v1/{kind}/{org_id}/{name}/{uid}, or with `?uid=` where the server is newer."""

    def handler(ctx: Context) -> dict[str, Any]:
        return {kind.singular: _shown(ctx, _named(kind, ctx))}

    return handler


def delete(kind: Kind) -> Handler:
    """DELETE: at once. A cluster takes its backups and restores with it when asked to."""

    def handler(ctx: Context) -> dict[str, Any]:
        record = _named(kind, ctx)
        for flag, store in (("delete_backups", ctx.org.backups), ("delete_restores", ctx.org.restores)):
            if kind is CLUSTERS and ctx.flag(flag):
                for other in store:
                    if (other.info["cluster_ref"] or {}).get("uid") == record.uid:
                        store.remove(other)
        kind.store(ctx).remove(record)
        return {}

    return handler


def seeded(kind: Kind, ctx: Context, text: dict[str, Any]) -> Record:
    """An object made by the control API from {name, labels, and fields of its info}; a status given as a word replaces the usual one."""
    fields = {name: value for name, value in text.items() if name in kind.schema.fields and name != "status"}
    record = kind.record(new_metadata(text, ctx.org.name, ctx.user, ctx.world.clock.at()), decode(kind.schema, fields))
    kind.store(ctx).add(record)
    return record


def _named(kind: Kind, ctx: Context) -> Record:
    uid = ctx.params.get("uid") or ctx.query("uid")
    return ctx.found(kind.store(ctx), kind.singular.replace("_", " "), ctx.params["name"], uid)


def _shown(ctx: Context, record: Record) -> dict[str, Any]:
    shown = record.render(ctx.emit_defaults)
    if not ctx.flag("include_secrets"):
        for name in SECRETS:
            shown[record.info_key].pop(name, None)
    return shown
