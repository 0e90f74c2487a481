# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ClientTokens: the same request again gets the same answer, another request with the same token is refused."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .errors import ApiError, invalid

if TYPE_CHECKING:
    from .context import Context

MOST = 64
# Of these actions the token counts; others ignore it.
ACTIONS = {
    "CreateSnapshot",
    "CopySnapshot",
    "CreateSnapshotGroup",
    "CreateDisk",
    "RunInstances",
    "ReplaceSystemDisk",
    "CreateImage",
    "ImportImage",
    "CopyImage",
}
ACTIONS |= {"CreateNetworkInterface", "AssignPrivateIpAddresses", "CreateCommand", "AssociateEipAddress", "UnassociateEipAddress", "CreateVpc", "CreateVSwitch"}
ACTIONS |= {"AllocateEipAddress", "CreateSecurityGroup", "ReleaseEipAddress", "ResizeDisk", "LockSnapshot", "UnlockSnapshot"}
# Refusals after which the same request may well be accepted.
PASSING = ("Throttling", "ServiceUnavailable", "InternalError", "Idempotent", "DryRunOperation", "IncorrectDiskStatus", "IncorrectInstanceStatus")
PASSING_ENDS = ("Conflict", "Processing", "NotReady", "NoStock")


def replayed(ctx: Context) -> dict[str, Any] | None:
    """The answer to a request whose token was used before; None when the request is to be carried out. Raises ApiError."""
    token = _token(ctx)
    if token and (len(token) > MOST or not token.isascii()):
        raise invalid("ClientToken", token, "It has at most 64 ASCII characters.")
    entry = ctx.account.tokens.get((ctx.action, token)) if token else None
    if entry is None:
        return None
    if entry["asked"] != ctx.params.fingerprint():
        if ctx.action == "CreateImage":
            raise ApiError("IdempotenceParamNotMatch", "There is already a request with the same client token but different parameters.")
        raise ApiError("IdempotentParameterMismatch")
    if ctx.now() < entry["at_s"] + float(ctx.setting("token_processing_s")):
        raise ApiError("IdempotentProcessing")
    if entry["error"] is not None:
        raise entry["error"]
    return copy.deepcopy(entry["answer"])  # type: ignore[no-any-return]


def remember(ctx: Context, answer: dict[str, Any] | None, error: ApiError | None = None) -> None:
    """Keeps what a request with a token came to."""
    token = _token(ctx)
    if not token or (ctx.action, token) in ctx.account.tokens:
        return
    if error is not None and (not ctx.setting("failed_tokens_stick") or error.code.startswith(PASSING) or error.code.endswith(PASSING_ENDS)):
        return
    entry = {"asked": ctx.params.fingerprint(), "answer": copy.deepcopy(answer), "error": error, "at_s": ctx.now()}
    ctx.account.tokens[ctx.action, token] = entry


def _token(ctx: Context) -> str | None:
    token = ctx.params.text("ClientToken") if ctx.action in ACTIONS else None
    # A disk for an instance is a prepaid one, and its token counts for nothing.
    if ctx.action == "CreateDisk" and ctx.params.text("InstanceId"):
        return None
    return token
