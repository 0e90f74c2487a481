# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks in Compute Engine that may meet on one VM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .vm_clouds import VM, Cloud
from .vm_meetings import CRASH, RETIRED, STOPPED, Facts, MeetingTask, fine, no_parts, one_is_left, points_of, saved
from .vm_provider import FIRST, SECOND, Perform

LOCK_TTL_S = 5


def prepared(cloud: Cloud, perform: Perform, now_is: Callable[[str], None]) -> dict[str, str]:
    """Two backups, a restore of the first one, and other bytes written since; gives the disks that it keeps by device."""
    now_is("first")
    perform("backup", **_CREATE, snapshot_datetime=FIRST)
    now_is("second")
    perform("backup", **_CREATE, snapshot_datetime=SECOND)
    now_is("old")
    kept = cloud.on_vm()
    perform("restore", **_CREATE, snapshot_datetime=FIRST, name="first")
    now_is("present")
    return kept


def on_devices(vm: Mapping[str, Any]) -> list[str]:
    """The names of the disks of a VM."""
    return [entry["source"].rpartition("/")[2] for entry in vm.get("disks", [])]


def _kept_are_gone(cloud: Cloud, facts: Facts) -> list[str]:
    left = set(cloud.disks()) & set(facts.kept.values())
    return [f"the disk {name} of the deleted restore is left" for name in sorted(left)]


_CREATE: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "lock_ttl": LOCK_TTL_S}
_SECOND: Mapping[str, Any] = {**_CREATE, "snapshot_datetime": SECOND}
TASKS = [
    MeetingTask("in_place", "restore", {**_SECOND, "name": "second"}, "second", fine),
    MeetingTask("replace", "restore", {**_SECOND, "name": "third", "strategy": "replace"}, "second", fine, lambda facts: [f"instance:{VM}"]),
    MeetingTask("rollback_of", "restore", {**_CREATE, "rollback_of": "first"}, "old", fine),
    MeetingTask("crash", "backup", {**_CREATE, "snapshot_datetime": CRASH}, "", saved("snapshots", CRASH), makes=("snapshots", CRASH)),
    MeetingTask(
        "stopped",
        "backup",
        {**_CREATE, "snapshot_datetime": STOPPED, "consistency": "stopped"},
        "",
        saved("snapshots", STOPPED),
        makes=("snapshots", STOPPED),
    ),
    MeetingTask(
        "retire",
        "backup",
        {**_CREATE, "snapshot_datetime": RETIRED, "method": "image", "image_family": "web", "retire_source": True},
        "absent",
        saved("images", RETIRED),
        # Its boot disk goes with it.
        lambda facts: [f"instance:{VM}", *(f"disk:{name}" for name in facts.kept.values()), *(f"disk:{name}" for name in on_devices(facts.vm))],
        makes=("images", RETIRED),
    ),
    MeetingTask(
        "restore DELETE",
        "restore",
        {"operation": "DELETE", "vm_name": VM, "name": "first"},
        "",
        _kept_are_gone,
        lambda facts: [f"disk:{name}" for name in facts.kept.values()],
        ("old",),
    ),
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
