# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured on PX-Backup."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.harness import ROOT
from tests.harness.modules import Modules, base_environment
from tests.harness.playbooks import Playbooks, play
from tests.harness.worlds import World
from tests.simulator.server import SimulatorThread

from .figure import Figure

PAGE = 200
TASK_GOAL = 2.0


def measure_task(playbooks: Playbooks, simulator: SimulatorThread, times: int) -> list[Figure]:
    """INSPECT_ONE beside ansible.builtin.ping: alternating tasks of one play, with the settings of a user, medians."""
    world = World(simulator)
    world.control.merge_state(restores=[{"name": "one", "backup": "nightly", "cluster": "drill"}])
    ours = {"name": "inspect", "multicloud.recovery.restore": {**world.options, "operation": "INSPECT_ONE", "name": "one"}}
    other = {"name": "ping", "ansible.builtin.ping": {}}
    outcome = playbooks.run([play(*([other, ours] * (times + 1)))], environ={"ANSIBLE_PIPELINING": "0"})
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    # The first of each kind also packs the module, which the others find packed.
    seconds = {name: [entry["seconds"] for entry in outcome.tasks if entry["task"] == name][1:] for name in ("inspect", "ping")}
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return [Figure("INSPECT_ONE, one task", medians["inspect"], "ansible.builtin.ping", medians["ping"], "s", TASK_GOAL)]


PLAIN = """
import json, resource, sys, time
import requests
url, token, org, page = sys.argv[1:]
began = time.monotonic()
session, found, count = requests.Session(), [], 0
while True:
    query = {"enumerate_options.max_objects": page, "enumerate_options.object_index": len(found)}
    answer = session.get(f"{url}/v1/restore/{org}", params=query, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
    found += answer.get("restores", [])
    count += 1
    if not answer.get("restores") or answer.get("complete"):
        break
json.dumps(found)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": time.monotonic() - began, "peak_kib": peak, "found": len(found), "requests": count}))
"""


def measure_list(modules: Modules, simulator: SimulatorThread, count: int, folder: Path) -> list[Figure]:
    """INSPECT_ALL of many restores beside reading the same pages with requests alone."""
    world = World(simulator, page_size=PAGE)
    world.control.merge_state(restores=[{"name": "many", "count": count, "backup": "nightly", "cluster": "drill"}])
    arguments = [simulator.url, simulator.token, world.org, str(PAGE)]
    shown = subprocess.run([sys.executable, "-c", PLAIN, *arguments], env=base_environment(folder), stdout=subprocess.PIPE, check=True, timeout=300)
    plain = json.loads(shown.stdout)
    mark = world.mark()
    result = modules.run("restore", {**world.options, "operation": "INSPECT_ALL"})
    requests = len(world.control.requests(mark))
    assert len(result["restores"]) == plain["found"] == count, (result.message, plain)
    title = f"INSPECT_ALL of {count} restores"
    return [
        Figure(f"{title}, time", result.seconds, "requests alone", plain["seconds"], "s"),
        Figure(f"{title}, peak memory", result.peak_kib / 1024, "requests alone", plain["peak_kib"] / 1024, "MiB"),
        Figure(f"{title}, requests", requests, "requests alone", plain["requests"], ""),
    ]


def measure_imports(times: int, collections: str) -> list[Figure]:
    """A fresh interpreter that imports the module, beside one that imports ping; medians."""
    ours = "import ansible_collections.multicloud.recovery.plugins.modules.restore"
    programs = {"ours": ours, "with requests": f"{ours}, requests", "ping": "import ansible.modules.ping", "nothing": "pass"}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    environ = {**base_environment(ROOT), "PYTHONPATH": collections}
    for _time in range(times):
        for name, program in programs.items():
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", program], env=environ, check=True, timeout=60)
            seconds[name].append(time.monotonic() - began)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    imports = {name: medians[name] - medians["nothing"] for name in medians}
    return [
        Figure("import of the module restore", imports["ours"], "import of ping", imports["ping"], "s"),
        Figure("the same and requests", imports["with requests"], "import of ping", imports["ping"], "s"),
    ]
