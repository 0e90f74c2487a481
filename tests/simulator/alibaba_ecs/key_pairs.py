# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key pairs. A name is unique in a region; of two that come at once, one is refused."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Any

from .context import Context
from .errors import ApiError
from .names import KEY_PAIR_NAME, SCHEMES, checked_tags, has_tags, tag_list
from .paging import page
from .store import Item

PUBLIC_KEY = re.compile(r"(ssh-rsa|ssh-ed25519|ecdsa-sha2-\S+) ([A-Za-z0-9+/]+=*)( .*)?")


def _new(ctx: Context, body: str) -> Item:
    name = ctx.params.need("KeyPairName")
    if not KEY_PAIR_NAME.fullmatch(name) or name.startswith(SCHEMES):
        raise ApiError("InvalidKeyPairName.Malformed", "The specified KeyPairName is not valid.", 400)
    match = PUBLIC_KEY.fullmatch(body.strip())
    if match is None:
        raise ApiError("InvalidPublicKeyBody.Malformed", "The specified PublicKeyBody is not valid.", 400)
    tags = checked_tags(ctx)
    identity = f"{ctx.region}/{name}"
    if ctx.account.find("key_pairs", identity) is not None or identity in ctx.account.burnt:
        raise ApiError("KeyPair.AlreadyExist", "The key pair already exist.", 400)
    if len(ctx.all("key_pairs")) >= ctx.quota("key_pairs"):
        raise ApiError("QuotaExceed.KeyPair", "The key pair quota exceeds.", 403)
    # 32 hexadecimal digits, as DescribeKeyPairs shows them.
    digest = hashlib.md5(base64.b64decode(match[2] + "=="), usedforsecurity=False).hexdigest()
    data = {"KeyPairName": name, "KeyPairFingerPrint": digest, "CreationTime": ctx.stamp(seconds=False), "ResourceGroupId": "", "PublicKey": body.strip()}
    return ctx.account.add(Item("key_pairs", ctx.region, identity, data, tags))


def import_(ctx: Context) -> dict[str, Any]:
    """ImportKeyPair."""
    pair = _new(ctx, ctx.params.need("PublicKeyBody"))
    return {"KeyPairName": pair.data["KeyPairName"], "KeyPairFingerPrint": pair.data["KeyPairFingerPrint"]}


def create(ctx: Context) -> dict[str, Any]:
    """CreateKeyPair: the private half is a dummy."""
    pair = _new(ctx, f"ssh-rsa {base64.b64encode(secrets.token_bytes(48)).decode()}")
    private = "-----BEGIN RSA PRIVATE KEY-----\nsimulated\n-----END RSA PRIVATE KEY-----"
    names = {name: pair.data[name] for name in ("KeyPairName", "KeyPairFingerPrint")}
    return {**names, "KeyPairId": f"ssh-{names['KeyPairFingerPrint'][:16]}", "PrivateKeyBody": private}


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeKeyPairs: pages go by number; the name takes * at its ends."""
    asked, name = ctx.params, ctx.params.text("KeyPairName")
    pattern = re.compile(".*".join(re.escape(part) for part in name.split("*"))) if name else None
    found = [
        item
        for item in ctx.listed("key_pairs")
        if (pattern is None or pattern.fullmatch(item.data["KeyPairName"]))
        and asked.text("KeyPairFingerPrint") in (None, "", item.data["KeyPairFingerPrint"])
        and has_tags(item.tags, asked)
    ]
    hidden = () if asked.flag("IncludePublicKey") else ("PublicKey",)

    def show(item: Item) -> dict[str, Any]:
        return {**{key: value for key, value in item.data.items() if key not in hidden}, "Tags": tag_list(item.tags)}

    shown, where = page(ctx, found, show, 50, tokens=False)
    return {"KeyPairs": {"KeyPair": shown}, **where}


def delete(ctx: Context) -> dict[str, Any]:
    """DeleteKeyPairs: a name that is unknown is no error; a pair that an instance has is refused, and then nothing is deleted."""
    ctx.params.need("KeyPairNames")
    names = ctx.params.ids("KeyPairNames") or []
    used = {item.data["KeyPairName"] for item in ctx.all("instances")}
    if used & set(names):
        raise ApiError("InvalidParameter.KeypairAlreadyAttachedInstance", "The key pair is attached to an instance.", 400)
    for name in names:
        pair = ctx.account.find("key_pairs", f"{ctx.region}/{name}")
        if pair is not None:
            ctx.account.remove(pair)
            if pair.hidden.get("bound") and ctx.setting("bound_names_stay_taken"):
                ctx.account.burnt.add(pair.id)
    return {}


HANDLERS = {"ImportKeyPair": import_, "CreateKeyPair": create, "DescribeKeyPairs": describe, "DeleteKeyPairs": delete}
