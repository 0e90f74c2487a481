# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured on PX-Backup."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.harness import ROOT
from tests.harness.modules import base_environment
from tests.harness.playbooks import Playbooks, play
from tests.harness.worlds import World
from tests.simulator.server import SimulatorThread

from .figure import Figure
from .processes import run_module, run_program

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
import json, sys
import requests
url, token, org, page = sys.argv[1:]
session, found, count = requests.Session(), [], 0
while True:
    query = {"enumerate_options.max_objects": page, "enumerate_options.object_index": len(found)}
    answer = session.get(f"{url}/v1/restore/{org}", params=query, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
    found += answer.get("restores", [])
    count += 1
    if not answer.get("restores") or answer.get("complete"):
        break
text = json.dumps(found)
value = {"found": len(found), "requests": count}
"""


def measure_list(simulator: SimulatorThread, count: int, folder: Path, collections: str) -> list[Figure]:
    """INSPECT_ALL of many restores beside requests alone: each a process of its own, from its start to its end, ending with JSON."""
    world = World(simulator, page_size=PAGE)
    world.control.merge_state(restores=[{"name": "many", "count": count, "backup": "nightly", "cluster": "drill"}])
    plain = run_program(PLAIN, [simulator.url, simulator.token, world.org, str(PAGE)], folder)
    mark = world.mark()
    ours = run_module("restore", {**world.options, "operation": "INSPECT_ALL"}, folder, collections)
    requests = len(world.control.requests(mark))
    assert len(ours.value.get("restores", ())) == plain.value["found"] == count, ours.value.get("msg")
    title, other = f"INSPECT_ALL of {count} restores", "requests alone"
    return [
        *ours.beside(title, other, plain),
        Figure(f"{title}, requests", requests, other, plain.value["requests"], ""),
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
