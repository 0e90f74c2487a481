# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has come to, judged by the state of the cloud and not by what the run says; and whether what it says is so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import SUCCEEDED
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Machine
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.restore.resets import FIRST

from tests.unit.plugins.module_utils.recovery.bench import Bench, Ran
from tests.unit.plugins.module_utils.recovery.cloud import GIVEN, Cloud

# What differs between two runs that come to the same.
_OF_THE_RUN = (marks.RUN, marks.ATTEMPT, marks.MANIFEST)
_UIDS = ("uid", "source_uid", "taken_at")


def state_of(cloud: Cloud, *, lock: bool = True) -> dict[str, Any]:
    """All that there is, without ids and times; with ``lock`` False without the locks of machines."""
    of_lock = () if lock else (marks.LOCK, marks.LOCK_FOR, marks.WAS)
    # A manifest that recovery points refer to goes with them.
    used = {thing.marks.get(marks.MANIFEST) for thing in cloud.things.values() if isinstance(thing, RecoveryPoint)}
    found: dict[str, Any] = {"manifests": len(set(cloud.manifests) - used), "addresses": sorted(cloud.addresses)}
    for ref, thing in sorted(cloud.things.items()):
        left_out = (*_OF_THE_RUN, *(of_lock if isinstance(thing, Machine) else ()))
        common = {"marks": {key: value for key, value in sorted(thing.marks.items()) if key not in left_out}, "tags": dict(thing.tags)}
        found[_key(ref, thing)] = {**common, **_facts(thing)}
    return found


def _key(ref: str, thing: Any) -> str:
    if isinstance(thing, RecoveryPoint):
        # The attempt is part of its name.
        of = thing.marks.get(marks.BACKUP) or f"before {thing.marks.get(marks.RESTORE)} {thing.marks.get(marks.SAFETY)}"
        return f"point of {thing.marks.get(marks.VM)} {thing.device} {of} {thing.kind}"
    return ref


def _facts(thing: Any) -> dict[str, Any]:
    if isinstance(thing, Machine):
        attached = [(one.device, one.disk, one.boot, one.order, dict(one.kept)) for one in thing.attached]
        # One address that was given at a start is as good as another.
        address = thing.own["address"] if not thing.own["address"].startswith(GIVEN) else GIVEN
        return {"power": thing.power, "attached": attached, "own": {**thing.own, "address": address}}
    note = {key: value for key, value in thing.note.items() if key not in (*_UIDS, "manifest")}
    if isinstance(thing, Disk):
        return {"ready": thing.ready, "deleting": thing.deleting, "used_by": thing.used_by, "note": note, "own": dict(thing.own), "size": thing.size_gib}
    assert isinstance(thing, RecoveryPoint)
    return {"status": thing.status, "note": note, "own": dict(thing.own), "manifest": "manifest" in thing.note}


def without_new_backups(state: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The state without new backups that are complete: what a run has saved as a whole may stay, whatever becomes of the run."""
    by_backup: dict[str, list[str]] = {}
    for key, facts in state.items():
        if key.startswith("point of ") and marks.BACKUP in facts["marks"]:
            by_backup.setdefault(facts["marks"][marks.BACKUP], []).append(key)
    whole = {
        key
        for keys in by_backup.values()
        for key in keys
        if all(state[one]["status"] == SUCCEEDED and state[one]["marks"][marks.PARTS] == str(len(keys)) for one in keys)
    }
    return {key: facts for key, facts in state.items() if key not in whole or key in before}


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """How one state differs from another."""
    return [f"{key}: {found.get(key)} and not {wanted.get(key)}" for key in sorted({*found, *wanted}) if found.get(key) != wanted.get(key)]


def without_the_needless(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What is wanted, without safety points of a VM that runs which are not there: they only save time, and a VM that is stopped by then needs none."""
    return {key: facts for key, facts in wanted.items() if key in found or not (isinstance(facts, dict) and facts["marks"].get(marks.SAFETY) == FIRST)}


# --- sentences

_NOTHING_CHANGED = re.compile(r"[Nn]othing was changed|[Tt]his run changed nothing|No change was accepted")
_NOTHING_DELETED = re.compile(r"[Nn]othing was deleted|none is deleted")
_KEPT = re.compile(r"disks from before are (?:kept|safe too): ([^.;|]+)|attached nowhere: ([^.;|]+)|; its new disks ([^;.|]+) are safe")
_SAFE = re.compile(r"kept in safety points: ([^.;|]+)")
_DELETED = re.compile(r"disks from before are deleted: ([^.;|]+)|from before that are deleted: ([^.;|]+)|new disks are deleted: ([^.;|]+)")
_NOW_ON = re.compile(r'Now VM "([^"]+)" is (\w+) on (?:its disks from before|the restored disks|the disks that were to come back|its own disks) \(([^)]*)\)')
_MOVING = ("MOVING", "LEAVING")
_NOW_GONE = re.compile(r'Now VM "([^"]+)" does not exist')


def false_sentences(ran: Ran, bench: Bench) -> list[str]:
    """What a run says and what is not so, at the moment at which it ended. Disks are those of the bench's place."""
    text, names = ran.text, {thing.name.rstrip("."): thing for thing in bench.every(Disk).values()}
    false = []
    if _NOTHING_CHANGED.search(text) and ran.sent:
        false.append(f"says that nothing was changed after {ran.sent}")
    if _NOTHING_DELETED.search(text) and any(what.startswith("deleting") for what in ran.sent):
        false.append(f"says that nothing was deleted after {ran.sent}")
    points = {point.name for point in bench.every(RecoveryPoint).values()}
    if not ran.check:
        false += [f"says that {name} is there" for name in _named(_SAFE, text) if name not in points]
        false += [f"says that {name} is there" for name in _named(_KEPT, text) if _last(name) not in names]
        false += [f"says that {name} is deleted" for name in _named(_DELETED, text) if _last(name) in names and not names[_last(name)].deleting]
    false += [f"says that {name} is attached nowhere" for name in _named(re.compile(r"attached nowhere: ([^.;|]+)"), text) if _used(names, name)]
    for vm, status, listed in _NOW_ON.findall(text):
        machine = bench.named(vm)
        on = {one.disk.rpartition("/")[2] for one in machine.attached} if machine else set()
        if status in _MOVING:
            # It may have come to rest since it was read.
            continue
        if not machine or machine.status != status or not on.issuperset(listed.split(", ")):
            false.append(f"says that {vm} is {status} on {listed}, and it is {machine.status if machine else 'gone'} on {sorted(on)}")
    false += [f"says that {vm} does not exist" for vm in _NOW_GONE.findall(text) if bench.named(vm)]
    if not ran.changed and ran.sent:
        false.append(f"reports no change after {ran.sent}")
    return [f"it {one}: {text}" for one in false]


def _named(pattern: re.Pattern[str], text: str) -> Iterable[str]:
    for groups in pattern.findall(text):
        for group in [groups] if isinstance(groups, str) else groups:
            yield from (word.strip().rstrip(".") for word in group.split(", ") if word.strip() and word.strip() != "none")


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _used(names: Mapping[str, Disk], name: str) -> bool:
    disk = names.get(_last(name))
    return disk is not None and bool(disk.used_by)


def wrongs(ran: Ran, bench: Bench) -> list[str]:
    """What is wrong about a run, whatever it was asked for."""
    unrest = [
        f"{ref} says that it was saved at rest, and it was not"
        for ref in sorted(bench.cloud.unrest)
        if ref in bench.cloud.things and ran.succeeded and bench.cloud.things[ref].marks.get(marks.CONSISTENCY) == "stopped"
    ]
    said = [] if ran.killed else false_sentences(ran, bench)
    checked = ["a check has sent something"] if ran.check and ran.process.acted else []
    return [*bench.cloud.violations, *unrest, *said, *checked]


def is_lost(bench: Bench) -> bool:
    """Whether the VM is gone, and there is no complete backup of it."""
    return bench.machine() is None and not _is_saved(bench)


def _is_saved(bench: Bench) -> bool:
    points = [point for point in bench.every(RecoveryPoint).values() if marks.BACKUP in point.marks and point.status == SUCCEEDED and not point.condemned]
    counts = Counter(point.marks.get(marks.BACKUP) for point in points)
    return any(counts[point.marks.get(marks.BACKUP)] == marks.number(point.marks, marks.PARTS) for point in points)
