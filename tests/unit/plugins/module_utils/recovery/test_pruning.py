# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of retention on the backups of a VM: what they release, and that it goes all at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import DEVICES, VM, Bench, Ran, seeded
from tests.unit.plugins.module_utils.recovery.cloud import CHANGE
from tests.unit.plugins.module_utils.recovery.judge import wrongs

HOUR_S = 3600


def backed_up(*backups: tuple[str, dict[str, Any]], devices: int = 2) -> Bench:
    """One backup an hour, in this order, each by its datetime and options; an hour has passed since the last."""
    bench = seeded(devices)
    for moment, given in backups:
        assert bench.backup(moment, **given).ok
        bench.cloud.clock.now += HOUR_S
    return bench


def moments(bench: Bench) -> list[str]:
    return sorted({point.marks[marks.BACKUP] for point in bench.every(RecoveryPoint).values()})


def prune(bench: Bench, **given: Any) -> Ran:
    return bench.run("backup", "DELETE", vm_name=VM, **given)


def spoil(bench: Bench, moment: str, device: str = "boot") -> None:
    """Somebody takes a recovery point out of use."""
    for ref, point in bench.every(RecoveryPoint).items():
        if point.marks[marks.BACKUP] == moment and point.device == device:
            bench.cloud.update(ref, unusable="it is OBSOLETE")


A, B, C = "20260101-000000", "20260102-000000", "20260103-000000"


def test_all_deletions_are_begun_before_any_is_waited_for() -> None:
    names = [f"202501{number:02}-000000" for number in range(1, 9)]
    bench = backed_up(*[(name, {}) for name in names])
    began = bench.cloud.clock.now
    ran = prune(bench, retention={"keep_last": 1}).ok
    assert moments(bench) == names[-1:]
    assert bench.cloud.clock.now - began <= 2 * bench.cloud.operation_s
    keys = [event.key for event in ran.process.events]
    last_deletion = max(number for number, event in enumerate(ran.process.events) if event.kind == CHANGE)
    assert not [key for key in keys[:last_deletion] if key.startswith("wait for")]


def test_only_point_of_a_disk_is_kept_although_a_newer_backup_leaves_the_disk_out() -> None:
    bench = backed_up((A, {}), (B, {}), (C, {"exclude_disks": ["data"]}))
    ran = prune(bench, retention={"keep_last": 1}).ok
    assert moments(bench) == [B, C]
    assert f"{VM}-{B} is kept: it is the newest one that holds data, which no rule deletes" in ran.message
    assert wrongs(ran, bench) == []


def test_latest_says_what_it_lacks_and_where_that_is() -> None:
    bench = backed_up((A, {}), (B, {"exclude_disks": ["data"]}))
    ran = bench.restore().ok
    assert f"leaves out data (the backup {VM}-{A} holds it)" in ran.text


@pytest.mark.parametrize("rules", [{"keep_last": 1}, {"older_than": "1h"}])
def test_only_usable_backup_is_kept_although_a_newer_one_is_there(rules: dict[str, Any]) -> None:
    bench = backed_up((A, {"method": "image"}), (B, {"method": "image"}))
    spoil(bench, B)
    ran = prune(bench, retention=rules).ok
    assert not ran.changed
    assert moments(bench) == [A, B]
    assert f"{VM}-{B} is kept: it is not usable" in ran.message


def test_latest_is_the_newest_that_can_be_restored_from() -> None:
    bench = backed_up((A, {}), (B, {}))
    spoil(bench, B)
    assert bench.restore().ok["restore"]["point"] == A
    refusal = bench.restore(name="r2", snapshot_datetime=B)
    assert "was taken out of use (snapshot" in refusal.message
    assert refusal.sent == []
    assert bench.restore(name="r2", snapshot_datetime=B, force=True).ok["restore"]["point"] == B


def test_age_is_when_a_backup_was_made_whatever_datetime_it_was_given() -> None:
    bench = backed_up(("20200101-000000", {}), (B, {}))
    assert not prune(bench, retention={"older_than": "3h"}).ok.changed
    assert prune(bench, retention={"older_than": "1h"}).ok.changed
    assert moments(bench) == [B]


def test_backup_with_a_datetime_of_the_past_is_the_latest_when_it_was_made_last() -> None:
    bench = backed_up((B, {}))
    bench.write("two")
    assert bench.backup("20200101-000000").ok
    bench.write("three")
    assert bench.restore().ok
    assert set(bench.contents().values()) == {"two"}


def test_incomplete_backup_neither_counts_nor_goes() -> None:
    bench = backed_up((A, {}), (B, {}), devices=3)
    gone = next(ref for ref, point in bench.every(RecoveryPoint).items() if point.marks[marks.BACKUP] == B)
    bench.cloud.put(gone, None)
    ran = prune(bench, retention={"keep_last": 1}).ok
    assert not ran.changed
    assert f"{len(DEVICES) - 1} of {len(DEVICES)} disks are there" in ran.message
