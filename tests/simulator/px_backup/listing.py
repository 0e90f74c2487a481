# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enumerating: filters and pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ..messages import MISSING
from .context import Context, parse_bool
from .errors import INVALID_ARGUMENT, ApiError
from .jsonpb import decode_message, empty
from .schema import ENUMERATE_OPTIONS
from .store import Record, Store

PREFIX = "enumerate_options."
REPEATED = ("owners", "status")


def enumerate_objects(ctx: Context, store: Store, plural: str) -> dict[str, Any]:
    """One page, newest first: {plural: [...], total_count, complete}. Only the page's objects are rendered. Raises ApiError."""
    options = body_options(ctx) if ctx.call.method == "POST" else query_options(ctx)
    records, total, complete = page(ctx, store, options)
    detailed = options["include_detailed_resources"]
    shown = [record.render(ctx.emit_defaults, detailed) for record in records]
    answer: dict[str, Any] = {plural: shown, "total_count": str(total), "complete": complete}
    # Zero values are left out of answers like everywhere else.
    return answer if ctx.emit_defaults else {name: value for name, value in answer.items() if value not in ([], "0", False)}


def page(ctx: Context, store: Store, options: dict[str, Any]) -> tuple[list[Record], int, bool]:
    """(objects of the page, how many match in all, whether this is the end)."""
    cap = int(ctx.setting("page_size"))
    size = min(options["max_objects"] or cap, cap)
    start = options["object_index"]
    if start < 0 or size < 0:
        raise ApiError(INVALID_ARGUMENT, "max_objects and object_index must not be negative")
    records = store.newest_first()
    tests = filters(options)
    if tests:
        records = [record for record in records if all(test(record) for test in tests)]
    return records[start : start + size], len(records), start + size >= len(records)


def query_options(ctx: Context) -> dict[str, Any]:
    """The options from `enumerate_options.*` in the query. Names nobody knows are ignored. Raises ApiError (InvalidArgument)."""
    options = empty(ENUMERATE_OPTIONS, time_range={"start_time": None, "end_time": None})
    seen: set[str] = set()
    for key, value in ctx.call.query:
        name = key[len(PREFIX) :] if key.startswith(PREFIX) else ""
        label = re.fullmatch(r"labels\[(.+)\]", name)
        if label:
            options["labels"][label.group(1)] = value
        elif name in REPEATED:
            options[name].append(value)
        elif name in seen:
            continue
        elif name in ("max_objects", "object_index"):
            if not re.fullmatch(r"\d+", value):
                raise ApiError(INVALID_ARGUMENT, f'parsing field "{name}": strconv.ParseUint: parsing "{value}": invalid syntax')
            options[name] = int(value)
        elif name == "include_detailed_resources":
            options[name] = parse_bool(name, value)
        elif name.startswith("time_range."):
            options["time_range"][name.partition(".")[2]] = value
        elif name in options:
            options[name] = value
        seen.add(name)
    return options


def body_options(ctx: Context) -> dict[str, Any]:
    """The options from `enumerate_options` in the body (POST enumerate). Raises ApiError (InvalidArgument)."""
    body = {} if ctx.call.json is MISSING else ctx.call.json
    if not isinstance(body, dict):
        raise ApiError(INVALID_ARGUMENT, "the body must be an object")
    options = decode_message(ENUMERATE_OPTIONS, body.get("enumerate_options"))
    options["time_range"] = options["time_range"] or {"start_time": None, "end_time": None}
    return options


def filters(options: dict[str, Any]) -> list[Callable[[Record], bool]]:
    """One test per filter that is set. Values of `status` and `owners` are compared whole: "A,B" is one value that nothing has."""
    tests: list[Callable[[Record], bool]] = []
    text, cluster_name, cluster_uid = options["name_filter"], options["cluster_name_filter"], options["cluster_uid_filter"]
    statuses, owners, labels, kind = set(options["status"]), set(options["owners"]), options["labels"], options["backup_object_type"]
    start, end = (_seconds(options["time_range"][name]) for name in ("start_time", "end_time"))
    if text:
        tests.append(lambda record: text in record.name)
    if cluster_name:
        tests.append(lambda record: cluster_name in (_cluster(record)["name"] or record.info.get("cluster", "")))
    if cluster_uid:
        tests.append(lambda record: _cluster(record)["uid"] == cluster_uid)
    if statuses:
        tests.append(lambda record: record.status in statuses)
    if owners:
        tests.append(lambda record: record.metadata["ownership"]["owner"] in owners)
    if labels:
        tests.append(lambda record: all(record.metadata["labels"].get(name) == value for name, value in labels.items()))
    if kind and kind != "Invalid":
        tests.append(lambda record: _object_kind(record) == kind)
    if start is not None:
        tests.append(lambda record: record.metadata["create_time_in_sec"] >= start)
    if end is not None:
        tests.append(lambda record: record.metadata["create_time_in_sec"] <= end)
    return tests


def _cluster(record: Record) -> dict[str, str]:
    return record.info.get("cluster_ref") or {"name": "", "uid": ""}


def _object_kind(record: Record) -> str:
    # An object made without a type holds everything.
    kind = (record.info.get("backup_object_type") or {}).get("type", "Invalid")
    return "All" if kind == "Invalid" else kind


def _seconds(value: str | None) -> float | None:
    if not value:
        return None
    # Python reads at most six digits of a second, RFC 3339 allows more.
    text = re.sub(r"(\.\d{6})\d+", r"\1", value).replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError(INVALID_ARGUMENT, f"time_range: {error}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
