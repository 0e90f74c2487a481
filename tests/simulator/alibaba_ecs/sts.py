# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""STS: AssumeRole and GetCallerIdentity."""

from __future__ import annotations

import re
from typing import Any

from .context import Context
from .credentials import Credentials
from .errors import ApiError

ARN = re.compile(r"acs:ram::(\d+):role/([A-Za-z0-9.@_-]{1,64})", re.IGNORECASE)
SESSION = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
EXTERNAL_ID = re.compile(r"[A-Za-z0-9+=,.@:/_-]{2,1224}")
LEAST_S, MOST_S, DEFAULT_S = 900, 43200, 3600


def assume(ctx: Context, credentials: Credentials) -> dict[str, Any]:
    """AssumeRole: the role must exist, and must trust whoever shows the right external id."""
    asked = ctx.params
    arn, session = asked.need("RoleArn"), asked.need("RoleSessionName")
    match = ARN.fullmatch(arn)
    if match is None:
        raise ApiError("InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed.", 400)
    if not SESSION.fullmatch(session):
        raise ApiError("InvalidParameter.RoleSessionName", "The parameter RoleSessionName is wrongly formed.", 400)
    external = asked.text("ExternalId")
    if external and not EXTERNAL_ID.fullmatch(external):
        raise ApiError("InvalidParameter.ExternalId", "The parameter ExternalId is wrongly formed.", 400)
    # The role may be one of another account.
    owner = next((account for account in ctx.world.accounts.values() if account.number == match[1] and match[2] in account.roles), None)
    if owner is None:
        raise ApiError("EntityNotExist.Role", "The specified Role not exists.", 404)
    role = owner.roles[match[2]]
    most_s = int(role.get("max_session_s", MOST_S))
    seconds = asked.number("DurationSeconds", min(DEFAULT_S, most_s)) or DEFAULT_S
    if not LEAST_S <= seconds <= most_s:
        raise ApiError("InvalidParameter.DurationSeconds", f"The Min/Max value of DurationSeconds is {LEAST_S}/{most_s}.", 400)
    if role.get("denied") or (role.get("external_id") and role["external_id"] != external):
        raise ApiError("NoPermission", "You are not authorized to do this action. You should be authorized by RAM.", 403)
    key = credentials.temporary(owner.name, f"assumed-role/{match[2]}/{session}", min(seconds, float(ctx.setting("sts_lifetime_s"))))
    user = {"Arn": f"acs:ram::{owner.number}:role/{match[2]}/{session}", "AssumedRoleId": f"3{owner.number}:{session}"}
    return {"Credentials": credentials.answer(key), "AssumedRoleUser": user}


def identity(ctx: Context) -> dict[str, Any]:
    """GetCallerIdentity."""
    kind = {"root": "Account", "user": "RAMUser", "assumed-role": "AssumedRoleUser"}[ctx.key.arn.partition("/")[0]]
    arn = f"acs:{'sts' if kind == 'AssumedRoleUser' else 'ram'}::{ctx.account.number}:{ctx.key.arn}"
    return {"AccountId": ctx.account.number, "Arn": arn, "IdentityType": kind, "PrincipalId": ctx.account.number, "UserId": ctx.account.number, "RoleId": ""}
