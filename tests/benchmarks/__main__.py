# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.benchmarks [PART ...]`: measures, prints a table, leaves .cache/bench/bench.json; ends with 1 when a goal is missed.

A PART is the name of a measurement, or a pattern such as "gce.*"; without any, all are made. `make bench ONLY="..."` hands them over.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from tests.harness import ROOT
from tests.harness.modules import Modules
from tests.harness.playbooks import Playbooks
from tests.simulator.server import running_simulator
from tests.tools.collection_tree import link_collection

from . import gce_backup, gce_restore, gce_snapshots, px_backup
from .figure import Figure

REPORT = ROOT / ".cache" / "bench" / "bench.json"
DISKS = (1, 4, 8, 16)


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="a measurement, or a pattern; all without any")
    parser.add_argument("--list", action="store_true", help="show the names of the measurements only")
    parser.add_argument("--tasks", type=int, default=15, help="how often each task is run")
    parser.add_argument("--restores", type=int, default=10000, help="how many restores are listed")
    parser.add_argument("--snapshots", type=int, default=10000, help="how many snapshots are listed")
    parser.add_argument("--vms", type=int, default=50, help="how many VMs are saved")
    arguments = parser.parse_args()
    collections = str(link_collection())
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, running_simulator(restore_duration_s=0) as simulator, running_simulator("gce") as gce:
        modules, playbooks = Modules(Path(folder), collections), Playbooks(Path(folder), collections)
        measurements: dict[str, Callable[[], list[Figure]]] = {
            "px_backup.task": partial(px_backup.measure_task, playbooks, simulator, arguments.tasks),
            "px_backup.list": partial(px_backup.measure_list, simulator, arguments.restores, Path(folder), collections),
            "px_backup.imports": partial(px_backup.measure_imports, arguments.tasks, collections),
            **{f"gce.in_place.{disks}": partial(gce_restore.measure_in_place, gce, modules, disks) for disks in DISKS},
            "gce.creation": partial(gce_restore.measure_creation, gce, modules, max(DISKS)),
            "gce.many": partial(gce_backup.measure_many, playbooks, gce, arguments.vms),
            "gce.list": partial(gce_snapshots.measure_list, gce, arguments.snapshots, Path(folder), collections),
        }
        try:
            unknown = [part for part in arguments.parts if not any(fnmatch(name, part) for name in measurements)]
            if unknown or arguments.list:
                print(*measurements, sep="\n")
                return int(bool(unknown))
            for name, measure in measurements.items():
                if not arguments.parts or any(fnmatch(name, part) for part in arguments.parts):
                    figures += measure()
        finally:
            modules.close()
    show(figures)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    report: dict[str, Any] = {"machine": machine, "parts": arguments.parts, "figures": [figure.as_json() for figure in figures]}
    REPORT.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
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
