# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules for names, descriptions and tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from .context import Context
    from .params import Params

NAME = re.compile(r"[A-Za-z\u4e00-\u9fff][A-Za-z0-9_:.\u4e00-\u9fff-]{1,127}")
KEY_PAIR_NAME = re.compile(r"[A-Za-z\u4e00-\u9fff][A-Za-z0-9:_\u4e00-\u9fff-]{1,127}")
SCHEMES = ("http://", "https://")


def check_name(value: str | None, code: str, status: int | None = None) -> str:
    """A name as it may be, "" when absent. Raises ApiError."""
    if value and (not NAME.fullmatch(value) or value.startswith(SCHEMES)):
        raise ApiError(code, f"The specified name is wrongly formed: {value!r}", status)
    return value or ""


def check_description(value: str | None, code: str = "InvalidDescription.Malformed", status: int | None = None) -> str:
    """A description as it may be, "" when absent. Raises ApiError."""
    if value and (not 2 <= len(value) <= 256 or value.startswith(SCHEMES)):
        raise ApiError(code, "The specified description is wrongly formed.", status)
    return value or ""


def check_retention(value: int | None) -> int | None:
    """Days that a snapshot is kept. Raises ApiError."""
    if value is not None and not 1 <= value <= 65536:
        raise ApiError("InvalidRetentionDays.Malformed", "The specified RetentionDays is not valid.")
    return value


def tags_of(params: Params, name: str = "Tag") -> dict[str, str]:
    """The tags of a request. Raises ApiError for keys and values that are not allowed and for a key that comes twice."""
    found: dict[str, str] = {}
    for entry in params.structs(name):
        key, value = entry.get("Key", entry.get("key", "")), entry.get("Value", entry.get("value", ""))
        if not 1 <= len(key) <= 128 or key.lower().startswith(("aliyun", "acs:")) or "http://" in key or "https://" in key:
            raise ApiError("InvalidTagKey.Malformed", f"The specified Tag.n.Key is not valid: {key!r}", 400)
        if len(value) > 128 or "http://" in value or "https://" in value:
            raise ApiError("InvalidTagValue.Malformed", f"The specified Tag.n.Value is not valid: {value!r}", 400)
        if key in found:
            raise ApiError("Duplicate.TagKey", "The Tag.N.Key contain duplicate key.", 400)
        found[key] = value
    return found


def checked_tags(ctx: Context) -> dict[str, str]:
    """The tags of a new resource. Raises ApiError for too many, too."""
    found = tags_of(ctx.params)
    if len(found) > ctx.quota("tags"):
        raise ApiError("QuotaExceed.Tags", "The number of tags exceeds the limit.", 403)
    _check_case(list(found))
    return found


def merged_tags(ctx: Context, old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Tags after others were written. Raises ApiError for too many and for keys that differ by case only."""
    found = {**old, **new}
    own = [key for key in found if not key.startswith("acs:")]
    if len(own) > ctx.quota("tags"):
        raise ApiError("OperationDenied.QuotaExceed", "The quota of tags on the resource is exceeded.", 400)
    _check_case(own)
    return found


def _check_case(keys: list[str]) -> None:
    if len({key.lower() for key in keys}) != len(keys):
        raise ApiError("TagKey.Duplication", "The tag keys must differ by more than case.")


def tag_list(tags: dict[str, str], key: str = "TagKey", value: str = "TagValue") -> dict[str, list[dict[str, str]]]:
    """Tags as answers show them."""
    return {"Tag": [{key: name, value: text} for name, text in tags.items()]}


def has_tags(tags: dict[str, str], params: Params) -> bool:
    """Whether tags fit the Tag.N of a list request: all of them; an empty value fits every value."""
    wanted = [(entry.get("Key", entry.get("key", "")), entry.get("Value", entry.get("value"))) for entry in params.structs("Tag")]
    return all(key in tags and (not value or tags[key] == value) for key, value in wanted)
