# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks by which disks go back to recovery points of themselves, and the states before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Power, Ref
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import Bench, saved
from tests.unit.plugins.module_utils.recovery.cloud import Cloud, Fault
from tests.unit.plugins.module_utils.recovery.resetting import LooseResetting, Resetting
from tests.unit.plugins.module_utils.recovery.route import Goal, Route, at

BACK: dict[str, Any] = {"strategy": "rollback"}
UNSAVED: dict[str, Any] = {**BACK, "safety_snapshot": False}


def treasure(bench: Bench) -> None:
    """From now on what is on the disks must not be lost, nor any recovery point that there is."""
    cloud = bench.cloud
    disks = [cloud.disk(one.disk) for one in bench.vm.attached]
    cloud.treasures |= {(disk.uid, disk.own["content"]) for disk in disks}
    cloud.precious |= {ref for ref, point in bench.every(RecoveryPoint).items() if marks.KEPT in point.marks or marks.BACKUP in point.marks}


# --- states before a task


def ready_to_go_back(devices: int = 3, *, on: bool = True) -> Bench:
    """Saved with "one"; since then the guest has written "two"."""
    bench = saved(devices, on=on)
    bench.provider = Resetting
    treasure(bench)
    return bench


def stopped() -> Bench:
    return ready_to_go_back(on=False)


def unconcerned() -> Bench:
    """What is on the disks may be lost, as a task without safety points asks."""
    bench = ready_to_go_back()
    bench.cloud.treasures.clear()
    return bench


def unconcerned_stopped() -> Bench:
    bench = stopped()
    bench.cloud.treasures.clear()
    return bench


def back() -> Bench:
    """Rolled back once from "two" to "one"; since then the guest has written "three"."""
    bench = ready_to_go_back()
    assert bench.restore(**BACK).ok
    bench.write("three")
    treasure(bench)
    return bench


def back_given_up() -> Bench:
    bench = back()
    bench.cloud.treasures = {(uid, content) for uid, content in bench.cloud.treasures if content == "three"}
    return bench


def back_unsaved() -> Bench:
    bench = unconcerned()
    assert bench.restore(**UNSAVED).ok
    bench.write("three")
    treasure(bench)
    return bench


def there_and_back() -> Bench:
    """Rolled back, and back again to "two"; since then the guest has written "four"."""
    bench = back()
    assert bench.restore(rollback_of="r1").ok
    bench.write("four")
    treasure(bench)
    return bench


def exchanged_after() -> Bench:
    """Rolled back to "one", then restored in place to "one" again; since then the guest has written "four"."""
    bench = back()
    assert bench.restore(name="r2").ok
    bench.write("four")
    treasure(bench)
    return bench


def exchanged_before() -> Bench:
    """Restored in place, saved anew with "three", and then "four" was written: the disks that a restore has made can go back as well."""
    bench = ready_to_go_back()
    assert bench.restore(name="r0").ok
    bench.write("three")
    bench.cloud.clock.now += 3600
    assert bench.backup("20260102-000000").ok
    bench.write("four")
    treasure(bench)
    return bench


def _killed(part: str, fault: Fault = Fault.KILLED_AFTER, number: int = 1, ready: Callable[[], Bench] = ready_to_go_back, **given: Any) -> Bench:
    bench = ready()
    assert bench.restore(script=at(part, fault, number), **BACK, **given).killed
    bench.cloud.settle(everything=True)
    return bench


def killed_while_saving() -> Bench:
    return _killed("saving data")


def killed_before_marking() -> Bench:
    return _killed("marking web-0", Fault.KILLED_BEFORE)


def killed_before_the_reset() -> Bench:
    return _killed("resetting", Fault.KILLED_BEFORE)


def killed_half_back() -> Bench:
    return _killed("resetting", number=2)


def killed_when_all_were_back() -> Bench:
    return _killed("starting VM web", Fault.KILLED_BEFORE)


def going_back_killed_half_way() -> Bench:
    """Of the way back to before a roll-back one disk is done."""
    bench = back()
    assert bench.restore(rollback_of="r1", script=at("resetting", Fault.KILLED_AFTER, 2)).killed
    bench.cloud.settle(everything=True)
    return bench


# --- what may be deleted


def safety_of(name: str) -> Callable[[Cloud, Ref], bool]:
    return lambda cloud, ref: isinstance(cloud.things[ref], RecoveryPoint) and cloud.things[ref].marks.get(marks.RESTORE) == name


# --- the routes


def _back(title: str, ready: Callable[[], Bench], goal: Goal, **options: Any) -> Route:
    facts = {key: options.pop(key) for key in ("may_go", "undoes", "same_end", "operation") if key in options}
    point = {"name": "r1"} if facts.get("operation") else {} if "rollback_of" in options else {"snapshot_datetime": "latest", "name": "r1"}
    return Route(title, ready, {**point, **options}, goal, **facts)


def _safe(*contents: str) -> frozenset[str]:
    return frozenset(contents)


WHOLE = [
    _back("roll-back", ready_to_go_back, Goal(safety=_safe("two"), disks=3), **BACK),
    _back("roll-back of a stopped one", stopped, Goal(power=Power.OFF, safety=_safe("two"), disks=3), **BACK),
    _back("roll-back of a stopped one that is started", stopped, Goal(safety=_safe("two"), disks=3), start="started", **BACK),
    _back("roll-back that stays stopped", ready_to_go_back, Goal(power=Power.OFF, safety=_safe("two"), disks=3), start="stopped", **BACK),
    _back("roll-back without safety points", unconcerned, Goal(disks=3), undoes=False, **UNSAVED),
    _back("roll-back of a stopped one without safety points", unconcerned_stopped, Goal(power=Power.OFF, disks=3), undoes=False, **UNSAVED),
    _back("rollback of a roll-back", back, Goal("two", safety=_safe("two", "three"), disks=3), rollback_of="r1"),
    _back("rollback of a rollback of a roll-back", there_and_back, Goal("three", safety=_safe("two", "three", "four"), disks=3), rollback_of="rollback-of-r1"),
    _back("roll-back after a restore", exchanged_before, Goal("three", kept=_safe("two"), safety=_safe("four"), disks=6), **BACK),
    _back("restore after a roll-back", back, Goal(kept=_safe("three"), safety=_safe("two"), disks=6), name="r2"),
    # A VM that is built again on its disks from before does not tell any more which restore was its last one.
    _back("replacement after a roll-back", back, Goal(kept=_safe("three"), safety=_safe("two"), disks=6), undoes=False, name="r2", strategy="replace"),
    _back("roll-back after a roll-back", back, Goal(safety=_safe("two", "three"), disks=3), **{**BACK, "name": "r2"}),
    _back("rollback of a restore after a roll-back", exchanged_after, Goal("three", kept=_safe("four"), safety=_safe("two"), disks=6), rollback_of="r2"),
    _back("giving up a roll-back", back_given_up, Goal("three", disks=3), operation="DELETE", may_go=safety_of("r1"), undoes=False),
    _back("giving up a roll-back without safety points", back_unsaved, Goal("three", disks=3), operation="DELETE", undoes=False),
]
BEGUN = [
    _back("giving up a roll-back that saves", killed_while_saving, Goal("two", disks=3), rollback_of="r1", may_go=safety_of("r1"), undoes=False),
    _back("giving up a roll-back before a reset", killed_before_marking, Goal("two", disks=3), rollback_of="r1", may_go=safety_of("r1"), undoes=False),
    _back("going on with a roll-back that saves", killed_while_saving, Goal(safety=_safe("two"), disks=3), undoes=False, **BACK),
    _back("going on with a roll-back before its reset", killed_before_the_reset, Goal(safety=_safe("two"), disks=3), undoes=False, **BACK),
    _back("going on with a roll-back half-way", killed_half_back, Goal(safety=_safe("two"), disks=3), undoes=False, **BACK),
    _back("going on with a roll-back that has to start", killed_when_all_were_back, Goal(safety=_safe("two"), disks=3), undoes=False, **BACK),
    _back("going on with a rollback half-way", going_back_killed_half_way, Goal("two", safety=_safe("two", "three"), disks=3), undoes=False, rollback_of="r1"),
    # What is saved of a state half-way is torn, or of two states.
    *(
        _back(f"going back from a roll-back {title}", ready, Goal("two", safety=None, disks=3), undoes=False, same_end=False, rollback_of="r1")
        for title, ready in (
            ("half-way", killed_half_back),
            ("before a reset has begun", killed_before_the_reset),
            ("when all were back", killed_when_all_were_back),
        )
    ),
]


def _loosely(route: Route) -> Route:
    """The same where marks have no compare-and-swap."""

    def ready() -> Bench:
        return replace(route.ready(), provider=LooseResetting)

    return replace(route, name=f"{route.name}, loose marks", ready=ready)


_LOOSELY = ("roll-back", "roll-back of a stopped one", "roll-back without safety points", "rollback of a roll-back", "giving up a roll-back")
LOOSE = [_loosely(route) for route in WHOLE if route.name in _LOOSELY]
ROLL_BACKS = [*WHOLE, *BEGUN, *LOOSE]
