# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of permissions in docs/gce.md names those that the requests of each operation need, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import registry

from tests.simulator.gce import permissions
from tests.simulator.gce.kinds import ROUTES
from tests.simulator.server import SimulatorThread, running_simulator
from tests.unit.docs.permission_table import Needed, Scenario, differences, rows
from tests.unit.plugins.module_utils.backends.gce import vm_bench
from tests.unit.plugins.module_utils.backends.gce.vm_bench import FIRST, KEY, OTHER_ZONE, REGION, VM, ZONE, VmBench

PAGE = Path(__file__).resolve().parents[3] / "docs" / "gce.md"
METHODS = {(route.method, route.template): route.method_id for route in ROUTES}
ADDRESSES = ["internal_address", "external_address"]
# What the scenarios do not use, and why the table names it all the same.
EXPLAINED = {
    (
        "backup",
        "CREATE",
        "compute.machineImages.delete",
    ): "an attempt that a dead run left is removed by the next one; the simulator keeps no failed machine image",
    ("restore", "CREATE", "compute.addresses.delete"): "an undo releases what it has reserved and nothing uses",
    ("restore", "CREATE", "compute.addresses.deleteInternal"): "the same, for an internal address",
}


def needed(entries: Iterable[Mapping[str, Any]]) -> Needed:
    """The permissions that these requests of a simulator's log need."""
    found = set()
    for entry in entries:
        for permission, condition in permissions.PERMISSIONS.get(METHODS.get((entry["method"], entry["route"]), ""), ()):
            if not condition or any(True for _value in permissions._values(entry["body"] or {}, condition.split("."))):
                found.add(permission)
    return frozenset(found)


# -- What is done


def label(bench: VmBench) -> None:
    bench.mark_with("instances", VM, backup="nightly")


def ephemeral(bench: VmBench) -> None:
    bench.remove("addresses", "web-1-ip")


def stopped(bench: VmBench) -> None:
    bench.change_vm(status="TERMINATED")


def schedule(bench: VmBench) -> None:
    bench.add("resourcePolicies", "daily", f"regions/{REGION}")
    bench.change("disks", "web-1-data", resourcePolicies=[bench.url(f"regions/{REGION}/resourcePolicies/daily")])


def keys(bench: VmBench) -> None:
    bench.encrypt("web-1-data")


def golden(bench: VmBench) -> None:
    bench.add("images", "golden", status="READY", family="gold", diskSizeGb="10")


def changed(bench: VmBench) -> None:
    """The configuration is not that of the backup any more, and does not fit into a description."""
    bench.change_vm(metadata={"items": [{"key": "notes", "value": "y" * 3000}]})


def in_a_group(bench: VmBench) -> None:
    bench.add("networkEndpointGroups", "group", f"zones/{ZONE}", networkEndpointType="GCE_VM_IP_PORT")


def regional(bench: VmBench) -> None:
    """The data disk is a regional one."""
    place = f"regions/{REGION}"
    zones = [bench.url(f"zones/{zone}") for zone in (ZONE, OTHER_ZONE)]
    kind = bench.url(f"{place}/diskTypes/pd-balanced")
    bench.add("disks", "big", place, sizeGb="20", type=kind, replicaZones=zones, status="READY", users=[bench.vm_url])
    bench.change_device("data", source=bench.url(f"{place}/disks/big"))
    bench.change("disks", "web-1-data", users=[])


def lose(bench: VmBench) -> None:
    bench.lose_vm()
    bench.change("addresses", "web-1-ip", users=[])


def failed_stay(bench: VmBench) -> None:
    """What cannot be made stays, as FAILED."""
    bench.control.settings(failed_stay=True)
    error = {"code": "INTERNAL_ERROR", "message": "no"}
    bench.control.add_fault("operation", method="POST", path="/(snapshots|images|machineImages)$", error=error, times=0)


def ask(module: str, operation: str = "CREATE", **options: Any) -> Callable[[VmBench], Any]:
    """A task that must succeed."""
    return lambda bench: play(bench, module, operation, options).ok


def fault(path: str, method: str = "POST", **rule: Any) -> Callable[[VmBench], Any]:
    return lambda bench: bench.control.add_fault("status", method=method, path=path, status=400, reason="invalid", **rule)


def play(bench: VmBench, module: str, operation: str, options: Mapping[str, Any]) -> Any:
    """Run a task; what it does not say is taken from the bench where the module has it."""
    given = dict(options)
    if module == "snapshot":
        given = {"vm_name": None, "lock_ttl": None, **given}
    elif operation == "CREATE" and module == "backup":
        given = {"snapshot_datetime": FIRST, **given}
    elif operation == "CREATE":
        ways = ("source_image", "image_family", "rollback_of")
        point = {} if any(given.get(way) for way in ways) else {"snapshot_datetime": "latest"}
        given = {"name": "r1", **point, **given}
    return bench.run(module, operation, **given)


def scenarios() -> Iterator[Scenario]:
    disk, snapshot = {"source_disk": "web-1-data"}, ask("snapshot", source_disk="web-1-data", name="a", tags={"x": "y"})
    yield Scenario("snapshot", "CREATE", (), {**disk, "name": "a", "tags": {"x": "y"}})
    yield Scenario("snapshot", "CREATE", (), {**disk, "name": "a", "tags": {"x": "z"}}, (snapshot,))
    yield Scenario("snapshot", "CREATE", (), {**disk, "min_age": 60}, (snapshot,))
    yield Scenario("snapshot", "DELETE", (), {"name": "a"}, (snapshot,))
    old = (snapshot, ask("snapshot", source_disk="web-1-data", name="b", tags={"x": "y"}))
    yield Scenario("snapshot", "DELETE", (), {**disk, "retention": {"keep_last": 1}}, old)
    restored_from = (snapshot, lambda bench: bench.restore(snapshots={"data": "a"}).ok)
    yield Scenario("snapshot", "DELETE", ("disks that a restore made from it",), {"name": "a"}, restored_from)
    yield Scenario("snapshot", "INSPECT_ONE", (), {"name": "a"}, (snapshot,))
    yield Scenario("snapshot", "INSPECT_ALL", (), {}, (snapshot,))
    yield Scenario("snapshot", "INSPECT_ALL", (), disk, (snapshot,))
    yield Scenario("snapshot", "INSPECT_ALL", ("a disk of which there is none",), disk)

    methods = ({"method": "snapshot"}, {"method": "image"}, {"method": "machine_image"})
    small = {"vm_name": "db-1", "zone": "europe-west1-c"}
    for method in methods:
        way = method["method"]
        earlier = ask("backup", snapshot_datetime="20251231-000000", **method)
        yield Scenario("backup", "CREATE", (way,), {**small, **method})
        yield Scenario("backup", "CREATE", (way, "large manifest"), method, (earlier,))
        yield Scenario("backup", "CREATE", (way, "large manifest", "removing an attempt that failed"), method, (failed_stay,), fails=True)
        saved = ask("backup", **method)
        yield Scenario("backup", "DELETE", (), {"name": f"{VM}-{FIRST}"}, (saved,))
        refused = fault("/(snapshots|images|machineImages)/[^/]*$", "DELETE")
        yield Scenario("backup", "DELETE", (), {"name": f"{VM}-{FIRST}"}, (saved, refused), fails=True)
        yield Scenario("backup", "DELETE", (), {"vm_name": VM, "retention": {"keep_last": 1}}, (earlier, saved))
        yield Scenario("backup", "INSPECT_ONE", (), {"name": f"{VM}-{FIRST}"}, (saved,))
        yield Scenario("backup", "INSPECT_ALL", (), {}, (saved,))
    yield Scenario("backup", "CREATE", ("snapshot", "large manifest"), {"vm_name": None, "vm_filter": {"backup": "nightly"}}, (label,))
    yield Scenario("backup", "CREATE", ("snapshot", "large manifest"), {"consistency": "application"})
    for prepare in ((), (ephemeral,), (stopped,)):
        yield Scenario("backup", "CREATE", ("snapshot", "large manifest", "stopped"), {"consistency": "stopped"}, prepare)
    undo = (fault("/snapshots$", nth=2),)
    yield Scenario(
        "backup", "CREATE", ("snapshot", "large manifest", "stopped", "removing an attempt that failed"), {"consistency": "stopped"}, undo, fails=True
    )
    retire = {"method": "image", "image_family": "web", "retire_source": True}
    yield Scenario("backup", "CREATE", ("image", "large manifest", "retire_source"), retire)
    yield Scenario(
        "backup",
        "CREATE",
        ("image", "large manifest", "retire_source"),
        retire,
        (ask("backup", snapshot_datetime="20251231-000000", method="image", image_family="web"),),
    )
    undo = (fault("/images$", nth=2),)
    yield Scenario("backup", "CREATE", ("image", "large manifest", "retire_source", "removing an attempt that failed"), retire, undo, fails=True)

    sources: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
        ((), {}),
        (("from images",), {"method": "image"}),
        (("from a machine image",), {"method": "machine_image"}),
    )
    copy = {"strategy": "new", "new_vm_name": "copy"}
    for ways, method in sources:
        saved = ask("backup", **method)
        yield Scenario("restore", "CREATE", (*ways, "in_place"), {}, (saved,))
        yield Scenario("restore", "CREATE", (*ways, "replace", "reserving addresses"), {"strategy": "replace"}, (saved,))
        yield Scenario("restore", "CREATE", (*ways, "new"), copy, (saved,))
        yield Scenario("restore", "CREATE", (*ways, "VM gone"), {}, (saved, lose))
    saved = ask("backup")
    yield Scenario("restore", "CREATE", ("in_place",), {"vm_name": None, "name": None, "vm_filter": {"backup": "nightly"}}, (saved, label))
    yield Scenario("restore", "CREATE", ("VM gone",), {"allow_lost": ADDRESSES}, (saved, VmBench.lose_vm))
    yield Scenario("restore", "CREATE", ("in_place",), {"snapshot_datetime": None, "backup": f"{VM}-{FIRST}"}, (saved,))
    yield Scenario("restore", "CREATE", ("in_place",), {}, (regional, saved))
    yield Scenario("restore", "CREATE", ("replace",), {"strategy": "replace"}, (saved, changed, in_a_group))
    yield Scenario("restore", "CREATE", ("in_place",), {"old_disks": "delete"}, (saved,))
    yield Scenario("restore", "CREATE", ("in_place", "reserving addresses"), {}, (saved, ephemeral))
    yield Scenario("restore", "CREATE", ("in_place", "disks with snapshot schedules"), {}, (schedule, saved))
    key = {"disk_encryption_keys": {"data": KEY}}
    secret = ask("backup", disk_encryption_keys={"data": KEY})
    yield Scenario("restore", "CREATE", ("in_place", "disks with customer-supplied keys"), key, (keys, secret))
    yield Scenario("restore", "CREATE", ("in_place",), {}, (saved, fault("/attachDisk$", nth=2)), fails=True)
    yield Scenario("restore", "CREATE", ("in_place", "reserving addresses"), {}, (saved, ephemeral, fault("/stop$")), fails=True)
    yield Scenario(
        "restore", "CREATE", ("replace", "reserving addresses"), {"strategy": "replace"}, (saved, changed, ephemeral, fault("/instances$")), fails=True
    )
    yield Scenario(
        "restore",
        "CREATE",
        ("replace", "reserving addresses"),
        {"strategy": "replace"},
        (saved, changed, ephemeral, fault("/instances/[^/]*$", "DELETE")),
        fails=True,
    )
    yield Scenario("restore", "CREATE", ("new",), copy, (saved, fault("/instances$")), fails=True)
    yield Scenario("restore", "CREATE", ("new",), {**copy, "start": "stopped"}, (saved,))
    yield Scenario("restore", "CREATE", ("new", "ensure_network"), {**copy, "network": "drills", "ensure_network": True}, (saved,))
    for image in ({"source_image": "golden"}, {"image_family": "gold"}):
        yield Scenario("restore", "CREATE", ("from images", "new"), {**copy, **image}, (golden,))
    yield Scenario("restore", "CREATE", ("from images", "in_place"), {"source_image": "golden"}, (golden,))
    restored = (saved, ask("restore"))
    yield Scenario("restore", "CREATE", ("rollback_of",), {"name": None, "rollback_of": "r1"}, restored)
    yield Scenario("restore", "DELETE", (), {"name": "r1", "vm_name": VM}, restored)
    replaced = (saved, changed, ask("restore", strategy="replace"))
    yield Scenario("restore", "DELETE", (), {"name": "r1", "vm_name": VM}, replaced)
    yield Scenario("restore", "DELETE", (), {"name": "r1", "vm_name": VM}, (regional, *restored))
    yield Scenario("restore", "DELETE", ("delete_vm",), {"name": "r1", "vm_name": "copy", "delete_vm": True}, (saved, ask("restore", **copy)))
    yield Scenario("restore", "INSPECT_ONE", (), {"name": "r1"}, restored)
    yield Scenario("restore", "INSPECT_ALL", (), {}, restored)


@pytest.fixture(scope="module")
def used() -> Iterator[list[tuple[Scenario, Needed]]]:
    """What each scenario needs."""
    found = []
    with running_simulator("gce") as running, mock.patch.dict(vm_bench.MODULES, snapshot=registry.SNAPSHOT):
        for scenario in scenarios():
            found.append((scenario, run(running, scenario)))
        yield found


def run(simulator: SimulatorThread, scenario: Scenario) -> Needed:
    bench = VmBench(simulator)
    for step in scenario.prepare:
        step(bench)
    since = bench.mark()
    ran = play(bench, scenario.module, scenario.operation, scenario.options)
    assert (ran.error is not None) == scenario.fails, f"{scenario}: {ran.message}"
    return needed(bench.control.requests(since))


# -- The comparison


def test_table_names_what_the_requests_need_and_no_more(used: list[tuple[Scenario, Needed]]) -> None:
    wrong = differences(rows(PAGE.read_text()), used, EXPLAINED)
    assert not wrong, "\n".join(wrong)
    ways = {(row.module, row.operation, way) for row in rows(PAGE.read_text()) for way in row.ways}
    gone = {(scenario.module, scenario.operation, way) for scenario, _wanted in used for way in ("every", *scenario.ways)}
    assert ways == gone


def test_comparison_can_fail() -> None:
    table = rows("<!-- permissions -->\n||\n||\n| `m` | `A`, `B` | every | `x.get` `x.list` |\n| `m` | `A` | `w`, v | `x.stop` |\n<!-- /permissions -->")
    used = [(Scenario("m", "A", ("v",)), frozenset({"x.get", "x.start"})), (Scenario("m", "B"), frozenset({"x.get", "x.list", "x.stop"}))]
    assert differences(table, used) == [
        "m A (every): x.list is not needed",
        "m A (v): x.start is missing",
        "m A (w, v): x.stop is not needed",
        "m B (): x.stop is missing",
    ]
