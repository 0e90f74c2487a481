# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another tool cleans up while a restore is under way: it deletes disks that are attached nowhere, or backups that have grown old."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import DEVICES, FIRST, VM, Bench, saved
from tests.unit.plugins.module_utils.recovery.cloud import Event, Fault, Script
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import IN_PLACE, OTHER_RESTORES, Route, at, killed_at, killed_half_way, running
from tests.unit.plugins.module_utils.recovery.test_asked_again import CHECK, refused
from tests.unit.plugins.module_utils.recovery.test_others import moments_of, somebody

ROUTES = [IN_PLACE[12], OTHER_RESTORES[7]]


def cleans(bench: Bench, *contents: str) -> None:
    """Deletes the disks that are attached nowhere, or those of them with these contents."""
    for ref, disk in bench.every(Disk).items():
        if not disk.used_by and (not contents or disk.own["content"] in contents):
            bench.cloud.precious.discard(ref)
            bench.cloud.destroy(ref)


def expires(bench: Bench) -> None:
    """Deletes all backups."""
    for ref in bench.every(RecoveryPoint):
        bench.cloud.precious.discard(ref)
        bench.cloud.put(ref, None)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_old_disks_that_are_cleaned_up_at_any_moment_keep_no_restore_from_its_end_and_are_not_said_to_be_kept(route: Route) -> None:
    found = []
    for name in before_the_last_look(route):
        bench = route.bench()
        ran = route.run(bench, somebody(lambda one: cleans(one, "two"), bench, name))
        wrong = wrongs(ran, bench)
        again = route.run(bench)
        wrong += wrongs(again, bench)
        if not again.succeeded or set(bench.contents().values()) != {"one"}:
            wrong.append(f"then: {again.message}")
        found += [f"{name}: {one}" for one in wrong]
    assert found == []


def before_the_last_look(route: Route) -> list[tuple[str, str, int]]:
    """The requests up to those that read the old disks for the last time: what is said is what was seen then."""
    names = moments_of(route, every=True)
    last = max(number for _kind, key, number in names if key == "get a/disk/web-0")
    return names[: names.index(("read", "get a/disk/web-0", last))]


def test_old_disks_that_are_gone_are_named() -> None:
    bench = running()
    bench.cloud.precious.discard("a/disk/web-1")
    ran = bench.restore(script=once("starting VM", lambda: bench.cloud.destroy("a/disk/web-1"))).ok
    assert "The disks from before are kept: web-0, web-2. Gone are web-1" in ran.message


def once(words: str, act: Callable[[], object]) -> Script:
    """A script that lets something happen before the first request of these words."""
    left = [act]

    def script(event: Event) -> Fault | None:
        if left and event.key.startswith(words):
            left.pop()()
        return None

    return script


@CHECK
@pytest.mark.parametrize("words", ["detaching Odd", "detaching data", "detaching boot"])
def test_restore_that_died_half_way_is_not_given_up_when_disks_of_the_vm_were_cleaned_up(words: str, check: bool) -> None:
    """The VM would be started without them, as if it were as before."""
    bench = killed_at(words)
    cleans(bench)
    message = refused(bench, bench.restore(rollback_of="r1", check=check))
    for device in set(DEVICES) - set(bench.contents()):
        assert device in message
    assert "strategy: new" in message
    assert bench.restore(name="r9", strategy="new", new_vm_name="copy", check=check).ok


@pytest.mark.parametrize("words", ["attaching web-boot", "attaching web-data"])
def test_restore_whose_disks_were_cleaned_up_says_the_way_out(words: str) -> None:
    bench = killed_at(words)
    cleans(bench)
    ran = bench.restore()
    assert ran.error is not None
    assert "restore a copy with strategy: new" in ran.message
    assert bench.restore(name="r9", strategy="new", new_vm_name="copy").ok


def test_restore_whose_new_disks_were_cleaned_up_half_way_is_gone_back_from_as_it_says() -> None:
    bench = killed_half_way()
    cleans(bench, "one")
    assert "go back with rollback_of: r1" in bench.restore().message
    ran = bench.restore(rollback_of="r1").ok
    assert wrongs(ran, bench) == []
    assert bench.contents() == dict.fromkeys(DEVICES, "two")


@pytest.mark.parametrize(
    "point", [{"snapshot_datetime": FIRST}, {"snapshot_datetime": "latest"}, {"backup": f"{VM}-{FIRST}"}], ids=["datetime", "latest", "backup"]
)
@pytest.mark.parametrize("strategy", ["replace", "in_place"])
def test_restore_that_has_made_its_disks_is_finished_although_its_backup_has_expired(strategy: str, point: dict[str, str]) -> None:
    bench = saved()
    bench.write("two")
    ran = bench.restore(**point, strategy=strategy, script=at("deleting VM" if strategy == "replace" else "detaching", Fault.KILLED_AFTER))
    assert ran.killed
    bench.cloud.settle(everything=True)
    if strategy == "replace":
        back = bench.restore(rollback_of="r1")
        assert "Run that restore again under its name" in back.message
    expires(bench)
    assert "goes on with them" in bench.restore(**point, strategy=strategy).ok.text
    assert set(bench.contents().values()) == {"one"}
    assert bench.restore(rollback_of="r1").ok
    assert set(bench.contents().values()) == {"two"}


def test_finished_restore_is_unchanged_when_its_backup_has_expired_and_can_be_gone_back_from() -> None:
    bench = running()
    assert bench.restore(snapshot_datetime=FIRST).ok
    expires(bench)
    assert not bench.restore(snapshot_datetime=FIRST).ok.changed
    assert bench.restore(rollback_of="r1").ok
    assert bench.contents() == dict.fromkeys(DEVICES, "two")


def test_restore_that_died_half_way_can_be_gone_back_from_when_its_backup_has_expired() -> None:
    bench = killed_half_way()
    expires(bench)
    assert bench.restore(rollback_of="r1").ok
    assert bench.contents() == dict.fromkeys(DEVICES, "two")
