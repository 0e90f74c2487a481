# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long lists on Compute Engine, beside Google's own library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.harness.gce_worlds import GceWorld
from tests.harness.modules import Modules, base_environment
from tests.simulator.server import SimulatorThread

from .figure import Figure

PAGE = 500
CHUNK = 1000

BARE = """
import json, resource, sys, time
from google.cloud import compute_v1
from google.oauth2.credentials import Credentials
url, token, project, page = sys.argv[1:]
began = time.monotonic()
client = compute_v1.SnapshotsClient(credentials=Credentials(token), client_options={"api_endpoint": url})
found = [compute_v1.Snapshot.to_dict(one) for one in client.list(request={"project": project, "max_results": int(page)})]
json.dumps(found)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": time.monotonic() - began, "peak_kib": peak, "found": len(found)}))
"""


def measure_list(modules: Modules, simulator: SimulatorThread, count: int, folder: Path) -> list[Figure]:
    """INSPECT_ALL of many snapshots beside the library alone, each in a process of its own; both had their imports done when the clock started."""
    world = GceWorld(simulator, page_size=PAGE)
    world.put_disk("data")
    disk = world.one("disks", "data")
    source = {"sourceDisk": disk["selfLink"], "sourceDiskId": disk["id"], "creationTimestamp": "2026-01-01T00:00:00.000-00:00"}
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        world.control.merge_state(snapshots=[{"name": f"data-{number:06}", "labels": {"purpose": "nightly"}, **source} for number in numbers])
    arguments = [simulator.url, world.token, world.project, str(PAGE)]
    shown = subprocess.run([sys.executable, "-c", BARE, *arguments], env=base_environment(folder), stdout=subprocess.PIPE, check=True, timeout=600)
    bare = json.loads(shown.stdout)
    mark = world.mark()
    result = modules.start("snapshot", {**world.options, "operation": "INSPECT_ALL"}).result(600)
    assert not result.failed, result.message
    assert len(result["snapshots"]) == bare["found"] == count
    requests = len(world.control.requests(mark))
    title = f"INSPECT_ALL of {count} snapshots"
    return [
        Figure(f"{title}, time", result.seconds, "SnapshotsClient.list", bare["seconds"], "s"),
        Figure(f"{title}, peak memory", result.peak_kib / 1024, "SnapshotsClient.list", bare["peak_kib"] / 1024, "MiB"),
        Figure(f"{title}, requests", requests, "pages", -(-count // PAGE), ""),
    ]
