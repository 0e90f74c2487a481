# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.benchmarks [PART ...]`: measures, prints a table, leaves .cache/bench/bench.json; ends with 1 when a goal is missed.

A PART is the name of a measurement, or a pattern such as "gce.*"; without any, all are made. `make bench ONLY="..."` hands them over.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from tests.harness import ROOT
from tests.harness.modules import Modules
from tests.harness.playbooks import Playbooks
from tests.simulator.server import SimulatorThread, running_simulator
from tests.tools.collection_tree import link_collection

from . import gce_backup, gce_restore, gce_snapshots, px_backup
from .figure import Figure

REPORT = ROOT / ".cache" / "bench" / "bench.json"
Measurements = dict[str, Callable[[], list[Figure]]]


@dataclass(frozen=True)
class Sizes:
    """How much is measured: tasks of each kind, restores and snapshots listed, VMs saved, disks of the VMs restored, seconds of an operation."""

    tasks: int = 15
    restores: int = 10000
    snapshots: int = 10000
    vms: int = 50
    disks: tuple[int, ...] = (1, 4, 8, 16)
    operation_s: tuple[float, float] = (0.7, 3.0)
    creation_s: float = 2.0


TINY = Sizes(tasks=1, restores=20, snapshots=20, vms=2, disks=(1, 2), operation_s=(0.01, 0.05), creation_s=0.05)


def measurements(sizes: Sizes, folder: Path, simulator: SimulatorThread, gce: SimulatorThread, modules: Modules, collections: str) -> Measurements:
    """What can be measured, by name."""
    playbooks = Playbooks(folder, collections)
    return {
        "px_backup.task": partial(px_backup.measure_task, playbooks, simulator, sizes.tasks),
        "px_backup.list": partial(px_backup.measure_list, simulator, sizes.restores, folder, collections),
        "px_backup.imports": partial(px_backup.measure_imports, sizes.tasks, collections),
        "gce.in_place": partial(gce_restore.measure_in_place, gce, modules, sizes.disks, sizes.operation_s),
        "gce.creation": partial(gce_restore.measure_creation, gce, modules, max(sizes.disks), sizes.creation_s),
        "gce.again": partial(gce_restore.measure_again, gce, modules, min(sizes.disks)),
        "gce.many": partial(gce_backup.measure_many, playbooks, gce, sizes.vms),
        "gce.list": partial(gce_snapshots.measure_list, gce, sizes.snapshots, folder, collections),
    }


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="a measurement, or a pattern; all without any")
    parser.add_argument("--list", action="store_true", help="show the names of the measurements only")
    parser.add_argument("--tiny", action="store_true", help="measure next to nothing, to see that everything runs; no goal counts")
    parser.add_argument("--report", type=Path, default=REPORT, help="where the figures are left")
    arguments = parser.parse_args(given)
    collections, sizes = str(link_collection()), TINY if arguments.tiny else Sizes()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, running_simulator(restore_duration_s=0) as simulator, running_simulator("gce") as gce:
        modules = Modules(Path(folder), collections)
        try:
            every = measurements(sizes, Path(folder), simulator, gce, modules, collections)
            unknown = [part for part in arguments.parts if not any(fnmatch(name, part) for name in every)]
            if unknown or arguments.list:
                print(*every, sep="\n")
                return int(bool(unknown))
            for name, measure in every.items():
                if not arguments.parts or any(fnmatch(name, part) for part in arguments.parts):
                    figures += measure()
        finally:
            modules.close()
    show(figures)
    machine = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine(), "processors": os.cpu_count()}
    report: dict[str, Any] = {"machine": machine, "parts": arguments.parts, "sizes": asdict(sizes), "figures": [figure.as_json() for figure in figures]}
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return int(any(figure.is_missed for figure in figures) and not arguments.tiny)


def show(figures: list[Figure]) -> None:
    """The table."""
    header = ("measured", "ours", "beside it", "", "ratio", "goal")
    rows = [header, *(figure.as_row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
