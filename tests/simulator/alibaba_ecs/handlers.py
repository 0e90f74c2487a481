# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which function carries out which action of which API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import (
    attached,
    commands,
    disk_calls,
    disk_reset,
    eips,
    image_creation,
    image_transfer,
    images,
    instance_changes,
    instances,
    interfaces,
    key_pairs,
    power,
    resource_tags,
    run_instances,
    snapshot_copies,
    snapshot_groups,
    snapshot_lists,
    snapshot_locks,
    snapshots,
    sts,
    surroundings,
    vpc,
)
from .context import Context
from .credentials import Credentials
from .errors import ApiError

Handler = Callable[[Context], dict[str, Any]]
ECS, VPC, STS = "2014-05-26", "2016-04-28", "2015-04-01"
WORDS = {ECS: "ecs", VPC: "vpc", STS: "sts"}
MODULES: list[Any] = [attached, commands, disk_calls, disk_reset, eips, image_creation, image_transfer, images, instance_changes, instances, interfaces]
MODULES += [key_pairs, power, resource_tags, run_instances, snapshot_copies, snapshot_groups, snapshot_lists, snapshot_locks, snapshots, surroundings, vpc]
HANDLERS: dict[str, Handler] = {name: handler for module in MODULES for name, handler in module.HANDLERS.items()}
# They are of ECS although their modules are otherwise about VPC.
OF_ECS = {"ConvertNatPublicIpToEip", "CreateSecurityGroup", "DeleteSecurityGroup", "DescribeSecurityGroups"}
OF_VPC = {name for module in (eips, vpc) for name in module.HANDLERS} - OF_ECS


def handler_of(ctx: Context, version: str, credentials: Credentials) -> Handler:
    """The function for a request. Raises ApiError for an unknown version or action, and where RAM forbids the action."""
    if version not in WORDS:
        raise ApiError("InvalidVersion", f"Specified parameter Version is not valid: {version}", 400)
    handlers = {name: handler for name, handler in HANDLERS.items() if (name in OF_VPC) == (version == VPC)}
    if version == STS:
        handlers = {"AssumeRole": lambda asked: sts.assume(asked, credentials), "GetCallerIdentity": sts.identity}
    if ctx.action not in handlers:
        raise ApiError("InvalidAction.NotFound", f"Specified api is not found, please check your url and method: {ctx.action}", 404)
    if f"{WORDS[version]}:{ctx.action}" in ctx.setting("denied_actions"):
        raise ApiError("Forbidden.RAM", "User not authorized to operate on the specified resource, or this API doesn't support RAM.", 403)
    return handlers[ctx.action]
