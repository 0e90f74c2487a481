# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.benchmarks`: measures, prints a table, leaves tests/output/bench.json; ends with 1 when a goal is missed."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness import OUTPUT
from tests.harness.modules import Modules
from tests.harness.playbooks import Playbooks
from tests.simulator.server import running_simulator
from tests.tools.collection_tree import link_collection

from .measurements import Figure, measure_imports, measure_list, measure_task


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--tasks", type=int, default=15, help="how often each task is run")
    parser.add_argument("--restores", type=int, default=10000, help="how many restores are listed")
    arguments = parser.parse_args()
    collections = str(link_collection())
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, running_simulator(restore_duration_s=0) as simulator:
        modules = Modules(Path(folder), collections)
        try:
            measurements: list[Callable[[], list[Figure]]] = [
                lambda: measure_task(Playbooks(Path(folder), collections), simulator, arguments.tasks),
                lambda: measure_list(modules, simulator, arguments.restores, Path(folder)),
                lambda: measure_imports(arguments.tasks, collections),
            ]
            for measure in measurements:
                figures += measure()
        finally:
            modules.close()
    show(figures)
    OUTPUT.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    report: dict[str, Any] = {"machine": machine, "figures": [figure.as_json() for figure in figures]}
    (OUTPUT / "bench.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return int(any(figure.is_missed for figure in figures))


def show(figures: list[Figure]) -> None:
    """The table."""
    header = ("measured", "ours", "beside it", "", "ratio", "goal")
    rows = [header, *(figure.as_row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
