# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every request of PX-Backup's operations, hit by every fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.fault_table import FaultTable, Flow, absent, as_json, backed_up, restored
from tests.harness.modules import Modules
from tests.harness.worlds import World

from .conftest import CELLS

RESTORE = {"operation": "CREATE", "name": "back", "backup_ref": {"name": "nightly"}, "cluster_ref": {"name": "drill"}}
MAPPED = {"namespace_mapping": {"shop": "shop-drill"}, "storage_class_mapping": {"fast": "slow"}}
BACKUP = {"operation": "CREATE", "name": "fresh", "backup_location_ref": {"name": "objects"}, "cluster_ref": {"name": "production"}, "namespaces": ["shop"]}
# Long enough that the first look is too early.
MOMENT_S = 0.3
FLOWS = [
    Flow("restore CREATE", "restore", {**RESTORE, **MAPPED}, {}, {"restore_duration_s": MOMENT_S}, restored("back", "drill", "shop-drill", {"fast": "slow"})),
    Flow("backup CREATE", "backup", BACKUP, {}, {"backup_duration_s": MOMENT_S}, backed_up("fresh", "production", "shop")),
    Flow(
        "restore DELETE",
        "restore",
        {"operation": "DELETE", "name": "old"},
        {"restores": [{"name": "old", "backup": "nightly", "cluster": "drill"}]},
        {"delete_duration_s": MOMENT_S},
        absent("restores", "old"),
    ),
]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.title)
def test_every_fault_on_every_request(modules: Modules, make_world: Callable[..., World], flow: Flow, record_property: Callable[[str, Any], None]) -> None:
    # All of it takes less than a minute, so it is run always and not only with --full-matrix.
    table = FaultTable(modules, make_world)
    chosen = table.cases(flow)
    assert len({request for request, _fault in chosen}) >= 7
    cells = table.run(flow, chosen)
    record_property(CELLS, as_json(cells))
    wrong = [str(cell) for cell in cells if cell.wrong]
    assert not wrong, "\n".join(wrong)
