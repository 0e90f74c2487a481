# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots that a restore names by device: only those of the disk in that place, and again when the restore has put another disk there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.server import running_simulator
from tests.unit.plugins.module_utils.backends.alibaba_ecs.bench import DEVICES, TEXTS, AlibabaBench


@pytest.fixture
def bench() -> Iterator[AlibabaBench]:
    """web-1, with a snapshot of each disk that somebody has taken by hand."""
    with running_simulator("alibaba_ecs") as simulator:
        made = AlibabaBench(simulator)
        for text, disk in zip(TEXTS, made.disks):
            made.run("snapshot", source_disk=disk, name=f"of-{text}").ok  # noqa: B018
        yield made


def test_snapshot_of_another_disk_of_the_vm_is_refused(bench: AlibabaBench) -> None:
    ran = bench.restore(strategy="in_place", snapshots={DEVICES[1]: "of-logs"})
    assert f'is not the one that VM "web-1" has as {DEVICES[1]}' in ran.message
    assert ran.sent == []
    assert bench.restore(strategy="in_place", snapshots={DEVICES[1]: "of-logs"}, force=True).ok.changed


def test_same_restore_again_is_unchanged_although_the_disk_is_another_one(bench: AlibabaBench) -> None:
    asked = {"strategy": "in_place", "snapshots": {DEVICES[1]: "of-data"}}
    assert bench.restore(**asked).ok.changed
    again = bench.restore(**asked)
    assert (again.ok.changed, again.sent) == (False, [])
