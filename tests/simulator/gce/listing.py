# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists: filter, order, pages, and lists over all places at once."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, cast

from . import filters
from .context import Context
from .errors import invalid
from .kinds import KINDS
from .links import BASE
from .places import REGION_OF, ZONES

MOST = 500
KIND_WORDS = {"operations": "operation", "zones": "zone", "regions": "region", "machineTypes": "machineType", "diskTypes": "diskType"}


def singular(plural: str) -> str:
    """The word in `kind`."""
    return KINDS[plural].singular if plural in KINDS else KIND_WORDS[plural]


def list_resources(ctx: Context) -> dict[str, Any]:
    """GET of a collection."""
    return answer_list(ctx, ctx.project.history.listed(ctx.place, ctx.plural))


def answer_list(ctx: Context, items: list[dict[str, Any]]) -> dict[str, Any]:
    """One page: {kind, id, items, nextPageToken, selfLink}; no `items` when there are none. Raises ApiError."""
    path = ctx.route.template.format(**ctx.params)
    answer: dict[str, Any] = {"kind": f"compute#{singular(ctx.plural)}List", "id": path, "selfLink": BASE + path}
    if ctx.plural in ctx.setting("partial_lists"):
        items = items[:-1]
        answer["warning"] = {"code": "UNREACHABLE", "message": "Some scopes are unreachable: the list is not complete.", "data": []}
    page, token = _page(ctx, items)
    if page:
        answer["items"] = page
    if token:
        answer["nextPageToken"] = token
    return answer


def aggregated(ctx: Context) -> dict[str, Any]:
    """GET of a collection in all places: a map of scopes; empty ones and ones out of reach carry a warning."""
    zones_down = ctx.setting("zones_down")
    kind = KINDS[ctx.plural]
    places = ["global"] if "global" in kind.apis else []
    places += [f"regions/{region}" for region in ZONES] if "region" in kind.apis else []
    places += [f"zones/{zone}" for zone in REGION_OF] if "zone" in kind.apis else []
    reachable = [place for place in places if place.partition("/")[2] not in zones_down]
    pairs = [(place, data) for place in reachable for data in ctx.project.history.listed(place, ctx.plural)]
    place_of = {id(data): place for place, data in pairs}
    page, token = _page(ctx, [data for _place, data in pairs])
    found: dict[str, Any] = {}
    for data in page:
        found.setdefault(place_of[id(data)], {ctx.plural: []})[ctx.plural].append(data)
    for place in places:
        if place not in reachable:
            found[place] = {"warning": _warning("UNREACHABLE", f"The zone '{place.partition('/')[2]}' is not reachable.", place)}
        elif place not in found:
            found[place] = {"warning": _warning("NO_RESULTS_ON_PAGE", "There are no results for scope '" + place + "' on this page.", place)}
    path = ctx.route.template.format(**ctx.params)
    answer: dict[str, Any] = {"kind": f"compute#{kind.singular}AggregatedList", "id": path, "items": found, "selfLink": BASE + path}
    if len(reachable) < len(places):
        answer["unreachables"] = [place for place in places if place not in reachable]
    if token:
        answer["nextPageToken"] = token
    return answer


def _warning(code: str, message: str, place: str) -> dict[str, Any]:
    return {"code": code, "message": message, "data": [{"key": "scope", "value": place}]}


def _page(ctx: Context, items: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    text = ctx.query.get("filter")
    try:
        if text:
            items = [item for item in items if filters.matches(text, item)]
        items = cast("list[dict[str, Any]]", filters.order(items, ctx.query.get("orderBy")))
    except ValueError as error:
        raise invalid("filter" if text else "orderBy", text or ctx.query.get("orderBy"), str(error)) from error
    asked = ctx.query.get("maxResults", str(MOST))
    if not asked.isdigit() or int(asked) > MOST:
        raise invalid("maxResults", asked, f"Value must be in the range: [0, {MOST}].")
    size = max(min(int(asked) or MOST, int(ctx.setting("page_size"))), 1)
    offset, empty = _read_token(ctx, items)
    if empty < int(ctx.setting("empty_pages")):
        return [], _token(items, offset, empty + 1)
    page = items[offset : offset + size]
    return page, _token(items, offset + size, 0) if offset + size < len(items) else None


def _token(items: list[dict[str, Any]], offset: int, empty: int) -> str:
    last = str(items[offset - 1]["name"]) if 0 < offset <= len(items) else ""
    return base64.urlsafe_b64encode(json.dumps([offset, last, empty]).encode()).decode()


def _read_token(ctx: Context, items: list[dict[str, Any]]) -> tuple[int, int]:
    """Where the page begins, and how many empty pages came before it. What was deleted since must not shift what follows."""
    text = ctx.query.get("pageToken")
    if not text:
        return 0, 0
    try:
        offset, last, empty = json.loads(base64.urlsafe_b64decode(text))
    except (binascii.Error, ValueError, TypeError) as error:
        raise invalid("pageToken", text, "The page token is not valid.") from error
    if offset == 0 or (offset <= len(items) and items[offset - 1]["name"] == last):
        return offset, empty
    same = next((number for number, item in enumerate(items) if item["name"] == last), None)
    if same is not None:
        return same + 1, empty
    later = next((number for number, item in enumerate(items) if str(item["name"]) > last), len(items))
    return (min(offset, len(items)) if ctx.query.get("orderBy", "name") != "name" else later), empty
