# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody starts, stops or deletes the VM, or takes a disk off it, just before any request of any task: no data is lost, and nothing false is said."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Power

from tests.unit.plugins.module_utils.recovery.bench import VM_REF, Bench
from tests.unit.plugins.module_utils.recovery.cloud import CHANGE, Event, Fault, Script
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.resetting import Resetting
from tests.unit.plugins.module_utils.recovery.roll_backs import ROLL_BACKS
from tests.unit.plugins.module_utils.recovery.routes import BACKUPS, IN_PLACE, OTHER_RESTORES, Route, undisturbed, when_up_on

ROUTES = [*IN_PLACE[12:16], IN_PLACE[18], *OTHER_RESTORES, *BACKUPS, *ROLL_BACKS]
SEED = 20260102
MOMENTS_OF_SAMPLE = 10
EVERY = pytest.mark.parametrize("route", ROUTES, ids=str)


def somebody(act: Callable[[Bench], None], bench: Bench, name: tuple[str, str, int]) -> Script:
    def script(event: Event) -> Fault | None:
        if event.name == name:
            act(bench)
        return None

    return script


def starts(bench: Bench) -> None:
    if issubclass(bench.provider, Resetting) and bench.machine() and bench.vm.power is not Power.ON:
        # In the middle of a roll-back its disks are of two states, which is somebody else's doing then.
        bench.cloud.started_by_others.add(VM_REF)
    bench.switch(Power.ON)


def stops(bench: Bench) -> None:
    bench.switch(Power.OFF)


def detaches(bench: Bench) -> None:
    """Takes off the last disk."""
    machine = bench.machine()
    if machine and machine.attached:
        bench.cloud.disconnect(VM_REF, machine.attached[-1].disk)


def deletes(bench: Bench) -> None:
    """Deletes the VM, with the disk that goes along with it."""
    machine = bench.machine()
    if machine:
        gone = {one.disk for one in machine.attached if one.kept["goes_along"]}
        uids = {bench.cloud.disk(ref).uid for ref in gone}
        bench.cloud.precious -= gone
        # What is saved of them must stay: it is all that is left.
        bench.cloud.treasures = {(uid, content) for uid, content in bench.cloud.treasures if uid not in uids or bench.cloud.is_saved(uid, content)}
        bench.cloud.erase(VM_REF)


# Between the last look at a machine and the request that needs it as it was seen lies a moment, which nothing can close.
CHECKED_BEFORE = ("attaching", "detaching", "deleting", "resetting")


def moments_of(route: Route, *, every: bool) -> list[tuple[str, str, int]]:
    """The requests before which somebody may act; of them all, or a few."""
    names = [event.name for event in undisturbed(route)[0].process.events if not (event.kind == CHANGE and event.key.startswith(CHECKED_BEFORE))]
    return names if every else random.Random(f"{SEED} {route}").sample(names, min(MOMENTS_OF_SAMPLE, len(names)))


def all_wrong(route: Route, act: Callable[[Bench], None], then: Callable[[Bench], list[str]], *, every: bool) -> list[str]:
    """What is wrong when somebody acts at one of these moments."""
    found = []
    for name in moments_of(route, every=every):
        bench = route.bench()
        if route.options.get("old_disks") == "delete":
            # Whether the VM runs is somebody else's doing here.
            bench.cloud.may_go = when_up_on(route.goal.content or "", None)
        ran = route.run(bench, somebody(act, bench, name))
        wrong = [*wrongs(ran, bench), *then(bench)]
        found += [f"{name}: {one} [{ran.message}]" for one in wrong]
    return found


def runs_again(route: Route, *, must: bool) -> Callable[[Bench], list[str]]:
    """The same task again; when it ``must`` it comes to the content that it was asked for."""

    def then(bench: Bench) -> list[str]:
        again = route.run(bench)
        found = [f"then: {wrong}" for wrong in wrongs(again, bench)]
        if must and not again.succeeded:
            return [*found, f"then it failed: {again.message}"]
        contents = set(bench.contents(route.goal.vm, route.goal.place).values())
        if must and route.goal.content and contents != {route.goal.content}:
            found.append(f"then there is {contents} on the disks")
        return found

    return then


# Of the moments of a task some for every day, and all of them.
MOMENTS = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.full_matrix)], ids=["some", "every"])


@MOMENTS
@EVERY
def test_vm_that_somebody_starts_loses_nothing_and_is_restored_in_the_end(route: Route, every: bool) -> None:
    assert all_wrong(route, starts, runs_again(route, must=route.goal.content is not None), every=every) == []


@MOMENTS
@EVERY
def test_vm_that_somebody_stops_loses_nothing_and_is_restored_in_the_end(route: Route, every: bool) -> None:
    assert all_wrong(route, stops, runs_again(route, must=True), every=every) == []


@MOMENTS
@EVERY
def test_vm_that_somebody_deletes_takes_nothing_of_ours_along(route: Route, every: bool) -> None:
    assert all_wrong(route, deletes, runs_again(route, must=False), every=every) == []


@MOMENTS
@EVERY
def test_disk_that_somebody_takes_off_is_not_lost(route: Route, every: bool) -> None:
    assert all_wrong(route, detaches, runs_again(route, must=False), every=every) == []
