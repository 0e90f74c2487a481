# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the fault tests, and the table at the end of the run, also when several processes have shared the work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.harness import OUTPUT
from tests.harness.fault_table import rendered
from tests.harness.fixtures import make_world, modules, playbooks, simulator, world
from tests.harness.modules import Modules
from tests.harness.vm_clouds import Clouds
from tests.harness.vm_provider import VmProvider
from tests.harness.vm_providers import PROVIDERS
from tests.harness.vm_results import table, write_report

__all__ = ["make_world", "modules", "playbooks", "simulator", "world"]

CELLS, VM_CELLS = "fault_cells", "vm_fault_cells"


@dataclass(frozen=True)
class Lab:
    """The simulated clouds of a provider, and modules for which time passes faster: these tests wait most of the time."""

    clouds: Clouds
    modules: Modules

    @property
    def provider(self) -> VmProvider:
        """The provider."""
        return self.clouds.provider


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Lab]]:
    """The lab of a provider, in this process: labs("gce")."""
    made: dict[str, Lab] = {}

    def lab(name: str) -> Lab:
        if name not in made:
            provider = PROVIDERS[name]
            made[name] = Lab(Clouds(provider), Modules(tmp_path_factory.mktemp(name), os.environ["ANSIBLE_COLLECTIONS_PATH"], provider.SPEED))
        return made[name]

    yield lab
    for one in made.values():
        one.modules.close()
        one.clouds.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables and leave them as JSON."""
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]

    def told(wanted: str) -> list[Any]:
        return [cell for report in reports for name, value in getattr(report, "user_properties", []) if name == wanted for cell in value]

    for name, provider in PROVIDERS.items():
        cells = sorted(told(f"{VM_CELLS} {name}"), key=lambda cell: str(cell["route"]))
        if cells:
            terminalreporter.section(f"faults on {provider.TITLE}")
            terminalreporter.write_line(table(cells))
            write_report(cells, OUTPUT / f"faults-{name}.json")
    cells = sorted(told(CELLS), key=lambda cell: str(cell["flow"]))
    if cells:
        terminalreporter.section("fault table")
        terminalreporter.write_line(rendered(cells))
        OUTPUT.mkdir(exist_ok=True)
        (OUTPUT / "faults.json").write_text(json.dumps({"cases": cells}, indent=1) + "\n", "utf-8")
