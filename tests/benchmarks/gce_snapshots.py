# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long lists on Compute Engine, beside Google's own library."""

from __future__ import annotations

from pathlib import Path

from tests.harness.gce_worlds import GceWorld
from tests.simulator.server import SimulatorThread

from .figure import Figure
from .processes import run_module, run_program

PAGE = 500
CHUNK = 1000

BARE = """
import json, sys
from google.cloud import compute_v1
from google.oauth2.credentials import Credentials
url, token, project, page = sys.argv[1:]
client = compute_v1.SnapshotsClient(credentials=Credentials(token), client_options={"api_endpoint": url})
found = [compute_v1.Snapshot.to_dict(one) for one in client.list(request={"project": project, "max_results": int(page)})]
text = json.dumps(found)
value = {"found": len(found)}
"""


def measure_list(simulator: SimulatorThread, count: int, folder: Path, collections: str) -> list[Figure]:
    """INSPECT_ALL of many snapshots beside the library alone: each a process of its own, from its start to its end, ending with JSON."""
    world = GceWorld(simulator, page_size=PAGE)
    world.put_disk("data")
    disk = world.one("disks", "data")
    source = {"sourceDisk": disk["selfLink"], "sourceDiskId": disk["id"], "creationTimestamp": "2026-01-01T00:00:00.000-00:00"}
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        world.control.merge_state(snapshots=[{"name": f"data-{number:06}", "labels": {"purpose": "nightly"}, **source} for number in numbers])
    bare = run_program(BARE, [simulator.url, world.token, world.project, str(PAGE)], folder)
    mark = world.mark()
    ours = run_module("snapshot", {**world.options, "operation": "INSPECT_ALL"}, folder, collections)
    assert len(ours.value.get("snapshots", ())) == bare.value["found"] == count, ours.value.get("msg")
    requests = len(world.control.requests(mark))
    title, other = f"INSPECT_ALL of {count} snapshots", "google-cloud-compute alone"
    return [
        *ours.beside(title, other, bare),
        Figure(f"{title}, requests", requests, "pages", -(-count // PAGE), ""),
    ]
