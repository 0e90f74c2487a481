# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cloud Assistant commands."""

from __future__ import annotations

import base64
import re
from typing import Any

from .context import Context
from .errors import ApiError
from .names import checked_tags, has_tags, tag_list
from .paging import page
from .store import Item

TYPES = ("RunShellScript", "RunBatScript", "RunPowerShellScript")
# After base64.
MOST_CONTENT, MOST_NAME, MOST_DESCRIPTION = 18 * 1024, 128, 512


def create(ctx: Context) -> dict[str, Any]:
    """CreateCommand: the name need not be unique."""
    asked = ctx.params
    name, kind, given = asked.need("Name"), asked.need("Type"), asked.need("CommandContent")
    if kind not in TYPES:
        raise ApiError("InvalidCmdType.NotFound", "The specified command type does not exist.")
    _check_texts(name, asked.text("Description"))
    content = _encoded(given, asked.text("ContentEncoding") or "Base64")
    tags = checked_tags(ctx)
    if len(ctx.all("commands")) >= ctx.quota("commands"):
        raise ApiError("CmdCount.ExceedQuota", "The number of commands exceeds the quota.")
    data: dict[str, Any] = {
        "CommandId": ctx.new_id("commands"),
        "Name": name,
        "Type": kind,
        "Description": asked.text("Description") or "",
        "CommandContent": content,
        "WorkingDir": asked.text("WorkingDir") or "",
        "Timeout": asked.number("Timeout", 60),
        "EnableParameter": asked.flag("EnableParameter"),
        "CreationTime": ctx.stamp(),
        "Version": 1,
        "Provider": "",
        "Category": "",
        "Latest": True,
        "InvokeTimes": 0,
        "ResourceGroupId": asked.text("ResourceGroupId") or "",
        "ParameterNames": {"ParameterName": []},
        "ParameterDefinitions": {"ParameterDefinition": []},
    }
    command = ctx.account.add(Item("commands", ctx.region, data["CommandId"], data, tags))
    ctx.targets.append(command.id)
    return {"CommandId": command.id}


def _check_texts(name: str | None, description: str | None) -> None:
    if name and len(name) > MOST_NAME:
        raise ApiError("CmdName.ExceedLimit", "The length of the command name exceeds the limit.")
    if description and len(description) > MOST_DESCRIPTION:
        raise ApiError("CmdDesc.ExceedLimit", "The length of the command description exceeds the limit.")


def _encoded(given: str, encoding: str) -> str:
    content = base64.b64encode(given.encode()).decode() if encoding == "PlainText" else given
    try:
        base64.b64decode(content, validate=True)
    except ValueError as error:
        raise ApiError("CmdContent.DecodeError", "The CommandContent can not be base64 decoded.", 400) from error
    if len(content) > MOST_CONTENT:
        raise ApiError("CmdContent.ExceedLimit", "The length of the CommandContent exceeds the limit.")
    return content


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeCommands: a name with * at its end fits what begins so."""
    asked, name = ctx.params, ctx.params.text("Name")
    pattern = re.compile(".*".join(re.escape(part) for part in name.split("*"))) if name else None
    found = [
        item
        for item in ctx.listed("commands")
        if asked.text("CommandId") in (None, "", item.id)
        and (pattern is None or pattern.fullmatch(item.data["Name"]))
        and asked.text("Type") in (None, "", item.data["Type"])
        and asked.text("Description") in (None, "", item.data["Description"])
        and has_tags(item.tags, asked)
    ]
    plain = asked.text("ContentEncoding") == "PlainText"

    def show(item: Item) -> dict[str, Any]:
        content = item.data["CommandContent"]
        return {**item.data, "CommandContent": base64.b64decode(content).decode("utf-8", "replace") if plain else content, "Tags": tag_list(item.tags)}

    shown, where = page(ctx, found, show, 50)
    return {"Commands": {"Command": shown}, **where}


def _command(ctx: Context) -> Item:
    return ctx.get("commands", ctx.params.need("CommandId"), "InvalidCmdId.NotFound")


def modify(ctx: Context) -> dict[str, Any]:
    """ModifyCommand: name, description, directory and timeout; the content stays as it is."""
    command, asked = _command(ctx), ctx.params
    _check_texts(asked.text("Name"), asked.text("Description"))
    for name in ("Name", "Description", "WorkingDir"):
        if asked.text(name) is not None:
            command.data[name] = asked.text(name)
    if asked.text("Timeout"):
        command.data["Timeout"] = asked.number("Timeout")
    return {}


def delete(ctx: Context) -> dict[str, Any]:
    """DeleteCommand."""
    command = _command(ctx)
    if command.hidden.get("in_use"):
        raise ApiError("InvalidStatus.CmdIdInUse", "The command is in use.")
    ctx.account.remove(command)
    return {}


HANDLERS = {"CreateCommand": create, "DescribeCommands": describe, "ModifyCommand": modify, "DeleteCommand": delete}
