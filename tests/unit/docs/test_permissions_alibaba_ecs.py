# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of permissions in docs/alibaba_ecs.md names those that the requests of each operation need, and no other; its policy names all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.connection import connect
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.client import ECS, VPC

from tests.simulator.server import SimulatorThread, running_simulator
from tests.unit.docs.permission_table import Needed, Row, Scenario, differences, rows
from tests.unit.plugins.module_utils.backends.alibaba_ecs.bench import FAR_REGION, FIRST, SECOND, VM, AlibabaBench

PAGE = Path(__file__).resolve().parents[3] / "docs" / "alibaba_ecs.md"
# Actions of other products than ECS.
PRODUCTS = {
    "AssumeRole": "sts",
    **dict.fromkeys(("DescribeVSwitches", "DescribeEipAddresses", "AssociateEipAddress", "UnassociateEipAddress"), "vpc"),
}
# What the scenarios do not use, and why the table names it all the same.
EXPLAINED = {
    ("restore", "CREATE", "ram:PassRole"): "an instance with a RAM role is built with that; the simulator does not ask for the right",
    ("restore", "CREATE", "ecs:DeleteInstance"): "an undo takes back what it has built",
    ("restore", "CREATE", "ecs:DeleteDisk"): "the same, for its disks",
    ("backup", "CREATE", "ecs:DeleteImage"): "an attempt that a dead run left is removed by the next one",
    ("backup", "CREATE", "ecs:DeleteSnapshotGroup"): "the same, for a group",
}


def needed(entries: Iterable[Mapping[str, Any]]) -> Needed:
    """The permissions that these requests of a simulator's log need."""
    return frozenset(f"{PRODUCTS.get(str(entry['route']), 'ecs')}:{entry['route']}" for entry in entries)


# -- What is done


def ask(module: str, operation: str = "CREATE", **options: Any) -> Callable[[AlibabaBench], Any]:
    """A task that must succeed."""
    return lambda bench: play(bench, module, operation, options).ok


def call(bench: AlibabaBench, action: str, product: str = ECS, **params: Any) -> dict[str, Any]:
    """A request of somebody else's."""
    client = connect(bench.task("restore", name="r1", snapshot_datetime="latest"), bench.waiter())
    return client.change(action, action, params, product=product)


def lose(bench: AlibabaBench) -> None:
    """The instance goes, with all its disks."""
    for kind, key in (("disks", "DiskId"), ("instances", "InstanceId"), ("interfaces", "NetworkInterfaceId")):
        for item in bench.all(kind):
            bench.act("remove", kind=kind, id=item[key])


def with_addresses(bench: AlibabaBench) -> None:
    """It has an elastic address and a second interface."""
    address = call(bench, "AllocateEipAddress", VPC)["AllocationId"]
    call(bench, "AssociateEipAddress", VPC, AllocationId=address, InstanceId=bench.instance, InstanceType="EcsInstance")
    net = bench.vms()[0]
    group, vswitch = net["SecurityGroupIds"]["SecurityGroupId"][0], net["VpcAttributes"]["VSwitchId"]
    interface = call(bench, "CreateNetworkInterface", VSwitchId=vswitch, SecurityGroupId=group)["NetworkInterfaceId"]
    call(bench, "AttachNetworkInterface", NetworkInterfaceId=interface, InstanceId=bench.instance)


def with_key(bench: AlibabaBench) -> None:
    call(bench, "CreateKeyPair", KeyPairName="operators")
    bench.act("set_fields", kind="instances", id=bench.instance, fields={"KeyPairName": "operators"})


def single(bench: AlibabaBench) -> None:
    """Its disks cannot be saved as a group."""
    bench.control.add_fault("status", route="CreateSnapshotGroup", status=400, reason="InvalidDisk.DiskCategoryInconsistent", times=0)


def fault(route: str, **rule: Any) -> Callable[[AlibabaBench], Any]:
    return lambda bench: bench.control.add_fault("status", route=route, status=400, reason="InvalidParameter", **rule)


def role(bench: AlibabaBench) -> None:
    bench.arn = bench.act("add_role", name="recovery")["arn"]  # type: ignore[attr-defined]


def play(bench: AlibabaBench, module: str, operation: str, options: Mapping[str, Any]) -> Any:
    """Run a task; what it does not say is taken from the bench where the module has it."""
    given = {key: bench.disks[1] if value == "DISK" else value for key, value in options.items()}
    if "role_arn" in given:
        given |= {"role_arn": bench.arn, "sts_url": bench.simulator.url}  # type: ignore[attr-defined]
    if "snapshots" in given:
        given["snapshots"] = {"/dev/xvdb": next(one["SnapshotId"] for one in bench.all("snapshots") if one["SourceDiskId"] == bench.disks[1])}
    if operation == "CREATE" and module == "backup":
        given = {"snapshot_datetime": FIRST, **given}
    elif operation == "CREATE" and module == "restore":
        point = {} if {"rollback_of", "snapshots"} & set(given) else {"snapshot_datetime": "latest"}
        given = {"name": "r1", **point, **given}
    return bench.run(module, operation, **given)


def scenarios() -> Iterator[Scenario]:
    disk, snapshot = {"source_disk": "DISK"}, ask("snapshot", source_disk="DISK", name="aa", tags={"x": "y"})
    yield Scenario("snapshot", "CREATE", (), {**disk, "name": "aa", "tags": {"x": "y"}})
    yield Scenario("snapshot", "CREATE", (), {**disk, "min_age": 60}, (snapshot,))
    yield Scenario("snapshot", "CREATE", ("a change",), {**disk, "name": "aa", "tags": {"x": "z"}, "description": "new"}, (snapshot,))
    yield Scenario("snapshot", "CREATE", ("copy_to_regions",), {**disk, "name": "aa", "copy_to_regions": [FAR_REGION]})
    yield Scenario("snapshot", "CREATE", ("role_arn",), {**disk, "name": "aa", "role_arn": "it"}, (role,))
    yield Scenario("snapshot", "DELETE", (), {"name": "aa"}, (snapshot,))
    old = (snapshot, ask("snapshot", source_disk="DISK", name="bb", tags={"x": "y"}))
    yield Scenario("snapshot", "DELETE", (), {**disk, "retention": {"keep_last": 1}}, old)
    yield Scenario("snapshot", "INSPECT_ONE", (), {"name": "aa"}, (snapshot,))
    yield Scenario("snapshot", "INSPECT_ALL", (), disk, (snapshot,))
    yield Scenario("snapshot", "INSPECT_ALL", ("a disk by its name",), {"source_disk": f"{VM}-data"}, (snapshot,))

    for way, prepare in (("snapshot", ()), ("snapshot", (single,)), ("image", ())):
        method = {"method": way.strip("")}
        saved = ask("backup", **method)
        yield Scenario("backup", "CREATE", (way,), method, prepare)
        yield Scenario("backup", "DELETE", (), {"name": f"{VM}-{FIRST}"}, (*prepare, saved))
        yield Scenario(
            "backup", "DELETE", (), {"vm_name": VM, "retention": {"keep_last": 1}}, (*prepare, saved, ask("backup", **method, snapshot_datetime=SECOND))
        )
        more = {"consistency": "stopped", **method}
        yield Scenario("backup", "CREATE", (way, "stopped"), more, prepare)
        route = {"image": "StartInstance", "snapshot": "CreateSnapshot"}[way]
        if prepare:
            undo = (*prepare, fault(route, nth=2))
            yield Scenario("backup", "CREATE", (way, "stopped", "removing an attempt that failed"), more, undo, fails=True)
    yield Scenario("backup", "CREATE", ("snapshot",), {"vm_name": None, "vm_filter": {"env": "prod"}})
    yield Scenario("backup", "CREATE", ("image", "retire_source"), {"method": "image", "retire_source": True})

    saved = ask("backup")
    yield Scenario("backup", "INSPECT_ONE", (), {"name": f"{VM}-{FIRST}"}, (saved,))
    yield Scenario("backup", "INSPECT_ALL", (), {}, (saved,))
    yield Scenario("restore", "CREATE", ("rollback",), {"strategy": "rollback"}, (saved,))
    yield Scenario("restore", "CREATE", ("rollback",), {"strategy": "rollback"}, (single, saved))
    yield Scenario("restore", "CREATE", ("rollback",), {"strategy": "rollback", "safety_snapshot": False}, (saved,))
    yield Scenario("restore", "CREATE", ("rollback",), {"strategy": "rollback"}, (saved, fault("ResetDisk", nth=2)), fails=True)
    yield Scenario("restore", "CREATE", ("rollback",), {"strategy": "rollback"}, (saved, fault("StopInstance")), fails=True)
    yield Scenario("restore", "CREATE", ("rollback",), {"strategy": "rollback"}, (single, saved, fault("StopInstance")), fails=True)
    yield Scenario("restore", "CREATE", ("in_place",), {"strategy": "in_place", "snapshots": {}}, (saved,))
    yield Scenario("restore", "CREATE", ("in_place",), {"strategy": "in_place", "snapshots": {}}, (saved, fault("AttachDisk")), fails=True)
    yield Scenario("restore", "CREATE", ("in_place",), {"strategy": "in_place", "snapshots": {}, "old_disks": "delete"}, (saved,))
    yield Scenario("restore", "CREATE", ("replace",), {"strategy": "replace"}, (saved,))
    yield Scenario("restore", "CREATE", ("replace", "elastic addresses and secondary interfaces"), {"strategy": "replace"}, (with_addresses, saved))
    yield Scenario("restore", "CREATE", ("replace",), {"strategy": "replace"}, (saved, with_key))
    yield Scenario("restore", "CREATE", ("replace",), {"strategy": "replace"}, (saved, fault("RunInstances")), fails=True)
    yield Scenario("restore", "CREATE", ("new",), {"strategy": "new", "new_vm_name": "copy-1"}, (saved,))
    yield Scenario("restore", "CREATE", ("new",), {"strategy": "new", "new_vm_name": "copy-1", "start": "stopped"}, (saved,))
    yield Scenario("restore", "CREATE", ("new",), {"strategy": "new", "new_vm_name": "copy-1"}, (ask("backup", method="image"),))
    yield Scenario("restore", "CREATE", ("VM gone",), {"strategy": "in_place"}, (saved, lose))
    rolled = (saved, ask("restore", strategy="rollback"))
    yield Scenario("restore", "CREATE", ("rollback",), {"name": None, "strategy": None, "rollback_of": "r1"}, rolled)
    swapped = (saved, ask("restore", strategy="in_place", snapshots={}))
    yield Scenario("restore", "CREATE", ("in_place",), {"name": None, "strategy": None, "rollback_of": "r1"}, swapped)
    yield Scenario("restore", "DELETE", ("rollback",), {"name": "r1", "vm_name": VM}, rolled)
    yield Scenario("restore", "DELETE", ("rollback",), {"name": "r1", "vm_name": VM}, (single, *rolled))
    yield Scenario("restore", "DELETE", ("in_place",), {"name": "r1", "vm_name": VM}, swapped)
    yield Scenario("restore", "DELETE", ("replace",), {"name": "r1", "vm_name": VM}, (saved, ask("restore", strategy="replace")))
    copied = (saved, ask("restore", strategy="new", new_vm_name="copy-1"))
    yield Scenario("restore", "DELETE", ("delete_vm",), {"name": "r1", "vm_name": "copy-1", "delete_vm": True}, copied)
    yield Scenario("restore", "INSPECT_ONE", (), {"name": "r1"}, rolled)
    yield Scenario("restore", "INSPECT_ALL", (), {}, rolled)


@pytest.fixture(scope="module")
def used() -> Iterator[list[tuple[Scenario, Needed]]]:
    """What each scenario needs."""
    with running_simulator("alibaba_ecs") as simulator:
        yield [(scenario, run(simulator, scenario)) for scenario in scenarios()]


def run(simulator: SimulatorThread, scenario: Scenario) -> Needed:
    bench = AlibabaBench(simulator)
    for step in scenario.prepare:
        step(bench)
    since = bench.mark()
    ran = play(bench, scenario.module, scenario.operation, scenario.options)
    assert (ran.error is not None) == scenario.fails, f"{scenario}: {ran.message}"
    return needed(bench.control.requests(since))


def test_table_names_what_the_requests_need_and_no_more(used: list[tuple[Scenario, Needed]]) -> None:
    table = rows(PAGE.read_text())
    wrong = differences(table, used, EXPLAINED)
    assert not wrong, "\n".join(wrong)
    ways = {(row.module, row.operation, way) for row in table for way in row.ways}
    gone = {(scenario.module, scenario.operation, way) for scenario, _wanted in used for way in ("every", *scenario.ways)}
    assert ways == gone


def policy_of(page: str) -> dict[str, Any]:
    """The policy on the page."""
    (found,) = re.findall(r"```json\n(.*?)```", page.partition("\n## Permissions\n")[2].partition("\n## ")[0], re.DOTALL)
    policy: dict[str, Any] = json.loads(found)
    return policy


def all_of(table: Iterable[Row]) -> set[str]:
    return {permission for row in table for permission in row.permissions}


def test_policy_allows_all_of_the_table_and_no_more() -> None:
    page = PAGE.read_text()
    statements = policy_of(page)["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    assert {action for statement in statements for action in statement["Action"]} == all_of(rows(page))
