# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the names that users write to the one object each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...clients.px_backup.client import CLUSTER, Kind, PxBackupClient, Wire
from ...core.errors import AmbiguousName, InvalidRequest, NotFound


def resolve_cluster(client: PxBackupClient, given: Mapping[str, Any]) -> Wire:
    """The cluster that ``cluster_ref``, or ``cluster`` by its name or uid, means. Raises as ``resolve`` does."""
    if "cluster_ref" in given:
        return resolve(client, CLUSTER, given["cluster_ref"], "cluster_ref")
    return resolve(client, CLUSTER, {"either": given["cluster"]}, "cluster")


def resolve(client: PxBackupClient, kind: Kind, wanted: Mapping[str, str], option: str) -> Wire:
    """The one object that ``wanted`` names by name, uid or both (or ``either`` of them).

    Raises NotFound, AmbiguousName listing the uids, or InvalidRequest when name and uid belong to different objects.
    """
    words = kind.one.replace("_", " ")
    name, uid = wanted.get("name"), wanted.get("uid")
    narrowed = [("name_filter", name)] if kind.paged and name else []
    # The server's filter takes any part of a name, so the exact comparison is ours.
    matches = [
        item
        for item in client.enumerate(kind, narrowed)
        if (not name or part_of(item, "name") == name)
        and (not wanted.get("either") or wanted["either"] in (part_of(item, "name"), part_of(item, "uid")))
        and (name or not uid or part_of(item, "uid") == uid)
    ]
    described = " and ".join(f'{part if part != "either" else "name or uid"} "{value}"' for part, value in wanted.items())
    if not matches:
        raise NotFound(f"{option}: the organization {client.org_id} has no {words} with {described}.")
    if uid:
        chosen = [item for item in matches if part_of(item, "uid") == uid]
        if not chosen:
            raise InvalidRequest(f'{option}: name and uid do not agree: "{name}" has the uid {_uids(matches)}, not {uid}.')
        return chosen[0]
    if len(matches) > 1:
        raise AmbiguousName(f"{option}: there are {len(matches)} of {words} with {described}; say which by its uid: {_uids(matches)}.")
    return matches[0]


def as_reference(item: Wire) -> dict[str, str]:
    return {"name": part_of(item, "name"), "uid": part_of(item, "uid")}


def part_of(item: Wire, part: str) -> str:
    """The name, uid or other metadata of an object, the empty string when it has none."""
    return str((item.get("metadata") or {}).get(part) or "")


def _uids(items: list[Wire]) -> str:
    return ", ".join(part_of(item, "uid") for item in items)
