# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM that is gone is built again, with its addresses where they are free."""

from __future__ import annotations

import pytest

from .vm_bench import VM, VmBench


@pytest.fixture
def taken(bench: VmBench) -> VmBench:
    """The VM is gone, and somebody still uses its reserved external address."""
    assert bench.backup().ok
    bench.lose_vm()
    return bench


@pytest.mark.parametrize("allowed", [None, ["internal_address"]])
def test_address_that_another_one_uses_is_refused(taken: VmBench, allowed: list[str] | None) -> None:
    message = taken.refused(taken.restore(allow_lost=allowed), "Conflict")
    assert "are in use by others now" in message
    assert "external_address in allow_lost" in message


def test_address_that_another_one_uses_is_left_to_it_when_the_task_allows_that(taken: VmBench) -> None:
    address = taken.one("addresses", "web-1-ip")["address"]
    assert taken.restore(allow_lost=["external_address"]).ok.changed
    assert taken.vm()["status"] == "RUNNING"
    assert taken.external(VM) not in ("", address)
