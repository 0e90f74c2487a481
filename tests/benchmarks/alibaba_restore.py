# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll-backs on Alibaba Cloud ECS, beside what the provider itself needs at least.

The provider's record tells when each request came, and its settings how long that takes. Safety points while the instance runs, stop, safety
points at rest, resets and start need each other; of the resets, which go on at once, the longest counts. The lock needs two pauses, in which tags
that were written become visible to all: they are no part of the downtime, and the figure of the whole run is given with and without them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.harness.modules import Modules
from tests.simulator.server import SimulatorThread

from .figure import Figure

RUN_GOAL, DOWNTIME_GOAL = 1.25, 1.25
LIMIT_S = 600
MOMENT = "20260101-000000"
VM, REGION = "vm", "cn-hangzhou"
# How long each kind of request takes the provider, between the two ends of what is given.
_SHARES = {"CreateSnapshotGroup": 0.5, "StopInstance": 0.7, "ResetDisk": 1.0, "StartInstance": 0.4}


@dataclass(frozen=True)
class Chain:
    """One roll-back; all in seconds. ``stopped`` is the least that the ``downtime`` could have been, ``locking`` the pauses of the lock."""

    seconds: float
    locking: float
    whole: float
    downtime: float
    stopped: float


def rolled_back(simulator: SimulatorThread, modules: Modules, operation_s: Sequence[float], disks: int) -> Chain:
    """Roll an instance with so many disks back, with operations that take their time."""
    account = f"measured-{os.getpid()}-{disks}"
    control = simulator.control.scoped(account)
    control.settings(operation_s=0)
    kinds = [{"text": f"disk {number}", "Category": "cloud_essd"} for number in range(disks)]
    control.act("add_instance", account=account, name=VM, region=REGION, disks=kinds)
    keys = {"access_key_id": f"sim-{account}", "access_key_secret": f"secret-{account}"}
    options = {"provider": "alibaba_ecs", "api_url": simulator.url, "region": REGION, **keys, "operation": "CREATE", "vm_name": VM}
    options["snapshot_datetime"] = MOMENT
    _successful(modules, "backup", options)
    shortest, longest = operation_s
    took = {action: shortest + (longest - shortest) * share for action, share in _SHARES.items()}
    control.settings(operation_s_of=took)
    since = max(entry["n"] for entry in control.act("record", account=account))
    result = _successful(modules, "restore", {**options, "strategy": "rollback", "name": "measured"})
    record = control.act("record", account=account, since=since)
    stop, start = (next(entry["at_s"] for entry in record if entry["action"] == action) for action in ("StopInstance", "StartInstance"))
    stopped = took["StopInstance"] + took["CreateSnapshotGroup"] + took["ResetDisk"] + took["StartInstance"]
    first, second = [entry["at_s"] for entry in record if entry["action"] == "TagResources"][:2]
    return Chain(result.seconds, 2 * (second - first), took["CreateSnapshotGroup"] + stopped, start - stop + took["StartInstance"], stopped)


def _successful(modules: Modules, module: str, options: dict[str, Any]) -> Any:
    result = modules.start(module, options).result(LIMIT_S)
    assert not result.failed, result.message
    return result


def measure_roll_back(simulator: SimulatorThread, modules: Modules, sizes: Sequence[int], operation_s: Sequence[float]) -> list[Figure]:
    """Roll-backs, one for each number of disks, all at once: they mostly wait for the provider."""
    with ThreadPoolExecutor(len(sizes)) as pool:
        runs = list(pool.map(partial(rolled_back, simulator, modules, operation_s), sizes))
    return [figure for disks, chain in zip(sizes, runs) for figure in _figures(disks, chain)]


def _figures(disks: int, chain: Chain) -> list[Figure]:
    title = f"roll-back, {disks} disk{'s' if disks > 1 else ''}"
    return [
        Figure(f"{title}, whole run", chain.seconds, "longest chain and pauses of the lock", chain.whole + chain.locking, "s", RUN_GOAL),
        Figure(f"{title}, whole run", chain.seconds, "longest chain alone", chain.whole, "s"),
        Figure(f"{title}, downtime", chain.downtime, "stop, save, reset, start", chain.stopped, "s", DOWNTIME_GOAL),
    ]
