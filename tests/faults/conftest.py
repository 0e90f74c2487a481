# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the fault tests, and the table at the end of the run, also when several processes have shared the work."""

from __future__ import annotations

import json
from typing import Any

from tests.harness import OUTPUT
from tests.harness.fault_table import rendered
from tests.harness.fixtures import make_world, modules, playbooks, simulator, world

__all__ = ["make_world", "modules", "playbooks", "simulator", "world"]

CELLS = "fault_cells"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table and leave it as JSON."""
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]
    cells = [cell for report in reports for name, value in getattr(report, "user_properties", []) if name == CELLS for cell in value]
    if not cells:
        return
    cells.sort(key=lambda cell: cell["flow"])
    terminalreporter.section("fault table")
    terminalreporter.write_line(rendered(cells))
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "faults.json").write_text(json.dumps({"cases": cells}, indent=1) + "\n", "utf-8")
