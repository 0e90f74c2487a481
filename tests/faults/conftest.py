# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the fault tests, and the table at the end of the run, also when several processes have shared the work."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import OUTPUT
from tests.harness.fault_table import rendered
from tests.harness.fixtures import make_world, playbooks, simulator, world
from tests.harness.gce_clouds import Clouds
from tests.harness.gce_faults import SPEED
from tests.harness.gce_results import table, write_report
from tests.harness.modules import Modules

__all__ = ["clouds", "make_world", "modules", "playbooks", "simulator", "world"]

CELLS, GCE_CELLS = "fault_cells", "gce_fault_cells"


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """Runs modules as processes for which time passes faster: these tests wait most of the time."""
    server = Modules(tmp_path_factory.mktemp("modules"), os.environ["ANSIBLE_COLLECTIONS_PATH"], SPEED)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def clouds() -> Iterator[Clouds]:
    """The simulated clouds of this process."""
    clouds = Clouds()
    yield clouds
    clouds.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table and leave it as JSON."""
    _summarize_gce(terminalreporter)
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]
    cells = [cell for report in reports for name, value in getattr(report, "user_properties", []) if name == CELLS for cell in value]
    if not cells:
        return
    cells.sort(key=lambda cell: cell["flow"])
    terminalreporter.section("fault table")
    terminalreporter.write_line(rendered(cells))
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "faults.json").write_text(json.dumps({"cases": cells}, indent=1) + "\n", "utf-8")


def _summarize_gce(terminalreporter: Any) -> None:
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]
    cells = [cell for report in reports for name, value in getattr(report, "user_properties", []) if name == GCE_CELLS for cell in value]
    if cells:
        cells.sort(key=lambda cell: cell["route"])
        terminalreporter.section("faults on Compute Engine")
        terminalreporter.write_line(table(cells))
        write_report(cells, OUTPUT / "faults-gce.json")
