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
from pathlib import Path
from typing import Any

from tests.harness import ROOT
from tests.harness.modules import Modules
from tests.harness.playbooks import Playbooks
from tests.simulator.server import SimulatorThread, running_simulator
from tests.tools.collection_tree import link_collection

from . import alibaba_restore, gce_backup, gce_restore, gce_snapshots, px_backup
from .figure import Figure

REPORT = ROOT / ".cache" / "bench" / "bench.json"


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


@dataclass(frozen=True)
class Bench:
    """What a measurement can use."""

    sizes: Sizes
    folder: Path
    simulator: SimulatorThread
    gce: SimulatorThread
    alibaba_ecs: SimulatorThread
    modules: Modules
    playbooks: Playbooks
    collections: str


MEASUREMENTS: dict[str, Callable[[Bench], list[Figure]]] = {
    "px_backup.task": lambda bench: px_backup.measure_task(bench.playbooks, bench.simulator, bench.sizes.tasks),
    "px_backup.list": lambda bench: px_backup.measure_list(bench.simulator, bench.sizes.restores, bench.folder, bench.collections),
    "px_backup.imports": lambda bench: px_backup.measure_imports(bench.sizes.tasks, bench.collections),
    "gce.in_place": lambda bench: gce_restore.measure_in_place(bench.gce, bench.modules, bench.sizes.disks, bench.sizes.operation_s),
    "gce.creation": lambda bench: gce_restore.measure_creation(bench.gce, bench.modules, max(bench.sizes.disks), bench.sizes.creation_s),
    "gce.again": lambda bench: gce_restore.measure_again(bench.gce, bench.modules, min(bench.sizes.disks)),
    "gce.many": lambda bench: gce_backup.measure_many(bench.playbooks, bench.gce, bench.sizes.vms),
    "alibaba_ecs.roll_back": lambda bench: alibaba_restore.measure_roll_back(bench.alibaba_ecs, bench.modules, bench.sizes.disks, bench.sizes.operation_s),
    "gce.list": lambda bench: gce_snapshots.measure_list(bench.gce, bench.sizes.snapshots, bench.folder, bench.collections),
}


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="a measurement, or a pattern; all without any")
    parser.add_argument("--list", action="store_true", help="show the names of the measurements only")
    parser.add_argument("--tiny", action="store_true", help="measure next to nothing, to see that everything runs; no goal counts")
    parser.add_argument("--report", type=Path, default=REPORT, help="where the figures are left")
    arguments = parser.parse_args(given)
    unknown = [part for part in arguments.parts if not any(fnmatch(name, part) for name in MEASUREMENTS)]
    if unknown or arguments.list:
        print(*MEASUREMENTS, sep="\n")
        return int(bool(unknown))
    sizes = TINY if arguments.tiny else Sizes()
    figures = measure([name for name in MEASUREMENTS if not arguments.parts or any(fnmatch(name, part) for part in arguments.parts)], sizes)
    show([figure for found in figures.values() for figure in found])
    machine = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine(), "processors": os.cpu_count()}
    report: dict[str, Any] = {"machine": machine, "parts": arguments.parts, "sizes": asdict(sizes)}
    report["figures"] = [{"measurement": name, **figure.as_json()} for name, found in figures.items() for figure in found]
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return int(any(figure.is_missed for found in figures.values() for figure in found) and not arguments.tiny)


def measure(names: Sequence[str], sizes: Sizes) -> dict[str, list[Figure]]:
    """The figures of these measurements."""
    collections = str(link_collection())
    with (
        tempfile.TemporaryDirectory() as place,
        running_simulator(restore_duration_s=0) as simulator,
        running_simulator("gce") as gce,
        running_simulator("alibaba_ecs") as alibaba_ecs,
    ):
        folder = Path(place)
        modules = Modules(folder, collections)
        try:
            bench = Bench(sizes, folder, simulator, gce, alibaba_ecs, modules, Playbooks(folder, collections), collections)
            return {name: MEASUREMENTS[name](bench) for name in names}
        finally:
            modules.close()


def show(figures: list[Figure]) -> None:
    """The table."""
    header = ("measured", "ours", "beside it", "", "ratio", "goal")
    rows = [header, *(figure.as_row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
