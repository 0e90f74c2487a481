# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resource policies: snapshot schedules of disks, schedules and placement of VMs, and who uses them."""

from __future__ import annotations

from typing import Any

from .context import Context
from .errors import ApiError, invalid
from .links import parse
from .places import region_of
from .rules import check_name
from .store import Resource

IN_USE = "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"


def named(ctx: Context, links: Any, place: str, field: str) -> list[str]:
    """The URLs of existing policies of the region that a place is in. Raises ApiError."""
    found = []
    for number, link in enumerate(links or []):
        policy = ctx.linked(link, f"{field}[{number}]", "resourcePolicies")
        if policy.place != f"regions/{region_of(place)}":
            raise invalid(f"{field}[{number}]", link, f"The resource policy must be in region {region_of(place)}.")
        found.append(policy.url)
    return found


def insert_policy(ctx: Context) -> dict[str, Any]:
    """POST resourcePolicies."""
    ctx.require_free(check_name(ctx.body))
    policy = ctx.project.add(Resource(ctx.project, ctx.place, "resourcePolicies", {**ctx.body, "status": "READY"}))
    return ctx.operation(policy, undo=lambda: ctx.project.remove(policy))


def delete_policy(ctx: Context) -> dict[str, Any]:
    """DELETE: not while a disk or a VM uses it."""
    policy = ctx.resource()
    ctx.require_staying(policy)
    _require_unused(ctx, policy)

    def effect() -> None:
        _require_unused(ctx, policy)
        ctx.project.remove(policy)

    return ctx.operation(policy, effect)


def _require_unused(ctx: Context, policy: Resource) -> None:
    for plural in ("disks", "instances"):
        for user in ctx.project.all(plural):
            if policy.url in user.data.get("resourcePolicies", []):
                message = f"The resource_policy resource '{policy.ref.path}' is already being used by '{user.ref.path}'"
                raise ApiError("resourceInUseByAnotherResource", message, 400, IN_USE)


def _holder(ctx: Context) -> Resource:
    holder = ctx.resource()
    if holder.plural == "instances":
        ctx.require_room(holder)
    return holder


def add_policies(ctx: Context) -> dict[str, Any]:
    """POST addResourcePolicies of a disk or a VM."""
    holder = _holder(ctx)
    added = named(ctx, ctx.body.get("resourcePolicies"), holder.place, "resourcePolicies")

    def effect() -> None:
        holder.data["resourcePolicies"] = list(dict.fromkeys([*holder.data.get("resourcePolicies", []), *added]))

    return ctx.operation(holder, effect)


def remove_policies(ctx: Context) -> dict[str, Any]:
    """POST removeResourcePolicies of a disk or a VM."""
    holder = _holder(ctx)
    asked = enumerate(ctx.body.get("resourcePolicies") or [])
    urls = {parse(link, ctx.project.name, f"resourcePolicies[{number}]", "resourcePolicies").url for number, link in asked}

    def effect() -> None:
        left = [url for url in holder.data.get("resourcePolicies", []) if url not in urls]
        if left:
            holder.data["resourcePolicies"] = left
        else:
            holder.data.pop("resourcePolicies", None)

    return ctx.operation(holder, effect)


HANDLERS = {
    "resourcePolicies.insert": insert_policy,
    "resourcePolicies.delete": delete_policy,
    "disks.addResourcePolicies": add_policies,
    "disks.removeResourcePolicies": remove_policies,
    "instances.addResourcePolicies": add_policies,
    "instances.removeResourcePolicies": remove_policies,
}
