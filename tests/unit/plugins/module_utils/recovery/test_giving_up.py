# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DELETE of a restore that was interrupted: the next run finishes it, and the VM is held by nothing that nobody can end."""

from __future__ import annotations

import pytest

from tests.unit.plugins.module_utils.recovery.bench import Bench, Ran
from tests.unit.plugins.module_utils.recovery.cloud import Fault, Script
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import at, copied


def give_up_copy(bench: Bench, script: Script = lambda _event: None) -> Ran:
    return bench.give_up("r1", vm_name="copy", delete_vm=True, script=script)


@pytest.mark.parametrize("disk", ["copy-boot", "copy-data", "copy-odd"])
@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.FAILS, Fault.KILLED_AFTER])
def test_copy_whose_deletion_was_interrupted_is_deleted_by_the_next_run(disk: str, fault: Fault) -> None:
    bench = copied()
    assert not give_up_copy(bench, at(f"deleting disk {disk}", fault)).succeeded
    ran = give_up_copy(bench).ok
    assert wrongs(ran, bench) == []
    assert not [ref for ref in bench.cloud.things if "copy" in ref]


@pytest.mark.parametrize("words", ["deleting VM copy", "deleting disk copy-boot", "deleting disk copy-data"])
def test_deletion_that_is_still_under_way_is_waited_for_by_the_next_run(words: str) -> None:
    bench = copied()
    assert give_up_copy(bench, at(words, Fault.KILLED_SLOW)).killed
    assert give_up_copy(bench).ok
    bench.cloud.settle(everything=True)
    assert not [ref for ref in bench.cloud.things if "copy" in ref]
