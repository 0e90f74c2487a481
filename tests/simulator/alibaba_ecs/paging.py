# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both ways of paging: MaxResults with NextToken, and PageNumber with PageSize."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .errors import invalid

if TYPE_CHECKING:
    from .context import Context
    from .store import Item

DEFAULT = 10


def page(
    ctx: Context, items: Sequence[Item], show: Callable[[Item], Any], most: int = 100, tokens: bool = True, default: int = DEFAULT
) -> tuple[list[Any], dict[str, Any]]:
    """(what one page shows, the fields of the answer that say where it is). The total is worth nothing when pages go by token, as documented."""
    cap = min(most, int(ctx.setting("page_size")) or most)
    asked = ctx.params
    asked.number("PageNumber")
    asked.number("PageSize")
    if not tokens or asked.text("PageNumber") or asked.text("PageSize"):
        return _by_number(ctx, items, show, most, cap)
    size = asked.number("MaxResults", default) or default
    size = max(1, min(size if size >= 1 else default, cap))
    offset, empty = _read(asked.text("NextToken"), ctx.action)
    total = 0 if asked.text("NextToken") or asked.text("MaxResults") else len(items)
    if empty < int(ctx.setting("empty_pages")) and offset < len(items):
        return [], {"NextToken": _write(offset, empty + 1, ctx.action), "TotalCount": total, "PageNumber": 0, "PageSize": 0}
    end = offset + size
    token = _write(end, 0, ctx.action) if end < len(items) else ""
    return [show(item) for item in items[offset:end]], {"NextToken": token, "TotalCount": total, "PageNumber": 0, "PageSize": 0}


def _by_number(ctx: Context, items: Sequence[Item], show: Callable[[Item], Any], most: int, cap: int) -> tuple[list[Any], dict[str, Any]]:
    number, size = int(ctx.params.text("PageNumber") or 1), int(ctx.params.text("PageSize") or DEFAULT)
    if number < 1:
        raise invalid("PageNumber", number, "It begins at 1.")
    if not 1 <= size <= most:
        raise invalid("PageSize", size, f"It is 1 to {most}.")
    size = min(size, cap)
    shown = [show(item) for item in items[(number - 1) * size : number * size]]
    return shown, {"TotalCount": len(items), "PageNumber": number, "PageSize": size}


def _write(offset: int, empty: int, action: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([action, offset, empty]).encode()).decode()


def _read(token: str | None, action: str) -> tuple[int, int]:
    if not token:
        return 0, 0
    try:
        of, offset, empty = json.loads(base64.urlsafe_b64decode(token))
        if of == action:
            return int(offset), int(empty)
    except (ValueError, binascii.Error):
        pass
    raise invalid("NextToken", token)
