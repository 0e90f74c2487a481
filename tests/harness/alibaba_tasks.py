# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks in Alibaba Cloud ECS that may meet on one VM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .alibaba_routes import safety_points
from .vm_clouds import ABSENT, VM, Cloud
from .vm_meetings import CRASH, RETIRED, STOPPED, Facts, MeetingTask, fine, no_parts, one_is_left, points_of, saved
from .vm_provider import FIRST, SECOND, Perform

LOCK_TTL_S = 40
_CREATE: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "lock_ttl": LOCK_TTL_S}
_SECOND: Mapping[str, Any] = {**_CREATE, "snapshot_datetime": SECOND}


def prepared(cloud: Cloud, perform: Perform, now_is: Callable[[str], None]) -> dict[str, str]:
    """Two backups, a roll-back to the first one, and other bytes written since; gives its safety points by their ids."""
    now_is("first")
    perform("backup", **_CREATE, snapshot_datetime=FIRST)
    now_is("second")
    perform("backup", **_CREATE, snapshot_datetime=SECOND)
    now_is("old")
    perform("restore", **_CREATE, snapshot_datetime=FIRST, name="first", strategy="rollback")
    now_is("present")
    return {identity: identity for identity in safety_points(cloud, "first")}


def _points_are_gone(cloud: Cloud, facts: Facts) -> list[str]:
    return [f"the safety point {identity} of the deleted restore is left" for identity in safety_points(cloud, "first")]


def _kept(facts: Facts) -> list[str]:
    return [f"snapshot:{identity}" for identity in facts.kept]


TASKS = [
    MeetingTask("rollback", "restore", {**_SECOND, "name": "second", "strategy": "rollback"}, "second", fine),
    MeetingTask("replace", "restore", {**_SECOND, "name": "third", "strategy": "replace"}, "second", fine),
    MeetingTask("rollback_of", "restore", {**_CREATE, "rollback_of": "first"}, "old", fine),
    MeetingTask("crash", "backup", {**_CREATE, "snapshot_datetime": CRASH}, "", saved("snapshots", CRASH), makes=("snapshots", CRASH)),
    MeetingTask(
        "stopped", "backup", {**_CREATE, "snapshot_datetime": STOPPED, "consistency": "stopped"}, "", saved("snapshots", STOPPED), makes=("snapshots", STOPPED)
    ),
    MeetingTask(
        "retire",
        "backup",
        {**_CREATE, "snapshot_datetime": RETIRED, "method": "image", "retire_source": True},
        ABSENT,
        saved("images", RETIRED),
        lambda facts: [f"instance:{VM}", f"disks:{VM}"],
        makes=("images", RETIRED),
    ),
    MeetingTask("restore DELETE", "restore", {"operation": "DELETE", "vm_name": VM, "name": "first"}, "", _points_are_gone, _kept, ("old",)),
    MeetingTask("backup DELETE", "backup", {"operation": "DELETE", "name": f"{VM}-{SECOND}"}, "", no_parts(SECOND), points_of(SECOND), ("second",)),
    MeetingTask(
        "prune",
        "backup",
        {"operation": "DELETE", "vm_name": VM, "retention": {"keep_last": 1}},
        "",
        one_is_left,
        points_of(FIRST, SECOND),
        ("first", "second"),
    ),
]
