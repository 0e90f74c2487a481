# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is the same for every kind: get, plain insert and delete, labels, permissions."""

from __future__ import annotations

from typing import Any

from . import listing
from .context import Context
from .errors import ApiError, invalid, not_found
from .kinds import KINDS
from .links import Ref
from .rules import check_fingerprint, check_labels, check_name
from .store import Resource, fingerprint

# Fields that only the API writes: sent ones are dropped.
OUTPUT_ONLY = ("id", "creationTimestamp", "selfLink", "kind", "status", "users", "labelFingerprint", "zone", "region")


def get_resource(ctx: Context) -> dict[str, Any]:
    """GET; stale for a while when the settings say so."""
    name = ctx.params.get(KINDS[ctx.plural].singular, "")
    is_stale, before = ctx.project.history.read(ctx.place, ctx.plural, name)
    if not is_stale:
        return ctx.resource().data
    if before is None:
        raise not_found(Ref(ctx.project.name, ctx.place, ctx.plural, name).path)
    return before


def insert_resource(ctx: Context) -> dict[str, Any]:
    """POST of kinds that need no more than a name."""
    ctx.require_free(check_name(ctx.body))
    resource = ctx.project.add(Resource(ctx.project, ctx.place, ctx.plural, {**ctx.body}))
    return ctx.operation(resource, undo=lambda: ctx.project.remove(resource))


def delete_resource(ctx: Context) -> dict[str, Any]:
    """DELETE of kinds that nothing holds."""
    resource = ctx.resource()
    ctx.require_staying(resource)
    return ctx.operation(resource, lambda: ctx.project.remove(resource))


def set_labels(ctx: Context) -> dict[str, Any]:
    """POST setLabels: the whole map is replaced, and only over the version that the caller has read."""
    resource = ctx.resource()
    labels, given = dict(ctx.body.get("labels") or {}), ctx.body.get("labelFingerprint")
    check_labels(labels, "labels")
    if resource.plural == "instances":
        ctx.require_room(resource)
        if not ctx.setting("set_labels_while_busy") and ctx.pending(resource):
            raise ApiError("resourceNotReady", f"The resource '{resource.ref.path}' is not ready")
    if not ctx.setting("label_conflict_in_operation"):
        check_fingerprint(given, resource.data["labelFingerprint"], "labelFingerprint")

    def effect() -> None:
        # Two that read the same version: the second one to end loses.
        check_fingerprint(given, resource.data["labelFingerprint"], "labelFingerprint")
        before = resource.data.get("labels", {})
        resource.data["labels"] = labels
        resource.data["labelFingerprint"] = fingerprint([labels, ctx.world.next_id()])
        for watch in ctx.project.watches:
            watch.on_labels(resource, before, labels, ctx.caller)

    return ctx.operation(resource, effect)


def test_permissions(ctx: Context) -> dict[str, Any]:
    """POST testIamPermissions: those asked for that the caller has."""
    ctx.resource()
    asked = ctx.body.get("permissions")
    if not isinstance(asked, list):
        raise invalid("permissions", asked, "A list of permissions is needed.")
    denied = ctx.setting("denied_permissions")
    granted = [name for name in asked if name not in denied]
    return {"permissions": granted} if granted else {}


def get_policy(ctx: Context) -> dict[str, Any]:
    """GET getIamPolicy: empty unless the state says otherwise."""
    policy = ctx.project.policies.get(ctx.resource().url)
    return policy or {"etag": "ACAB", "version": 1}


def set_policy(ctx: Context) -> dict[str, Any]:
    """POST setIamPolicy: at once, without an operation."""
    policy = {**(ctx.body.get("policy") or ctx.body), "etag": "BwYAAA=", "version": 1}
    ctx.project.policies[ctx.resource().url] = policy
    return policy


GENERIC = {
    "get": get_resource,
    "list": listing.list_resources,
    "aggregatedList": listing.aggregated,
    "insert": insert_resource,
    "delete": delete_resource,
    "setLabels": set_labels,
    "testIamPermissions": test_permissions,
    "getIamPolicy": get_policy,
    "setIamPolicy": set_policy,
}
