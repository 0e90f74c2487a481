# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Organisations and the objects in them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .jsonpb import Message, empty, render
from .kubernetes import Kubernetes, Namespace
from .schema import METADATA, OWNERSHIP


@dataclass(eq=False)
class Record:
    """One object. `metadata` and `info` are full messages; `info_key` is the name of the info on the wire."""

    metadata: dict[str, Any]
    info: dict[str, Any]
    schema: Message
    info_key: str
    # Of a cluster: what runs in it. Of a backup that is complete: namespace name to what was copied out of it.
    kubernetes: Kubernetes | None = None
    contents: dict[str, Namespace] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name, unique only for some kinds of objects."""
        return str(self.metadata["name"])

    @property
    def uid(self) -> str:
        """The server's id."""
        return str(self.metadata["uid"])

    @property
    def status(self) -> str:
        """The status word; "" for kinds without one."""
        return str((self.info.get("status") or {}).get("status", ""))

    def set_status(self, status: str, moment: datetime, reason: str = "") -> None:
        """Changes status and reason, and the time of the last update."""
        self.info["status"] = {"status": status, "reason": reason}
        self.metadata["last_update_time"] = timestamp(moment)

    def render(self, emit_defaults: bool, detailed: bool = True) -> dict[str, Any]:
        """The object as it is sent; without `detailed` the list of resources is left empty."""
        info = self.info if detailed or "resources" not in self.info else {**self.info, "resources": []}
        return {"metadata": render(METADATA, self.metadata, emit_defaults), self.info_key: render(self.schema, info, emit_defaults)}


class Store:
    """Objects of one kind in one organisation, found by uid or by name without a search."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Record] = {}
        self._by_name: dict[str, dict[str, Record]] = {}

    def __len__(self) -> int:
        return len(self._by_uid)

    def __iter__(self) -> Iterator[Record]:
        """Oldest first."""
        return iter(list(self._by_uid.values()))

    def __contains__(self, record: Record) -> bool:
        return self._by_uid.get(record.uid) is record

    def newest_first(self) -> list[Record]:
        """All objects, the last created first."""
        return list(reversed(self._by_uid.values()))

    def add(self, record: Record) -> None:
        """Adds an object."""
        self._by_uid[record.uid] = record
        self._by_name.setdefault(record.name, {})[record.uid] = record

    def remove(self, record: Record) -> None:
        """Removes an object; nothing happens when it is gone already."""
        if self._by_uid.pop(record.uid, None) is not None:
            same_name = self._by_name[record.name]
            del same_name[record.uid]
            if not same_name:
                del self._by_name[record.name]

    def find(self, name: str = "", uid: str = "") -> Record | None:
        """The object that agrees with every part given; the newest one where a name is not unique. None when there is none."""
        if uid:
            record = self._by_uid.get(uid)
            return record if record is not None and name in ("", record.name) else None
        return next(reversed(self._by_name[name].values())) if name in self._by_name else None


KINDS = ("clusters", "backup_locations", "rules", "cloud_credentials", "backup_schedules", "backups", "restores")


class Org:
    """One organisation: a store per kind of object."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clusters = Store()
        self.backup_locations = Store()
        self.rules = Store()
        self.cloud_credentials = Store()
        self.backup_schedules = Store()
        self.backups = Store()
        self.restores = Store()


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits of a second."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z"


def new_metadata(asked: Mapping[str, Any], org: str, user: str, moment: datetime) -> dict[str, Any]:
    """The metadata of a new object: what was asked for, with uid, times and owner of the server's making."""
    ownership = dict(asked.get("ownership") or empty(OWNERSHIP))
    ownership["owner"] = ownership.get("owner") or user
    return {
        "name": asked["name"],
        "uid": str(uuid.uuid4()),
        "owner": ownership["owner"],
        "org_id": org,
        "create_time": timestamp(moment),
        "last_update_time": timestamp(moment),
        "labels": dict(asked.get("labels") or {}),
        "create_time_in_sec": int(moment.timestamp()),
        "ownership": ownership,
    }
