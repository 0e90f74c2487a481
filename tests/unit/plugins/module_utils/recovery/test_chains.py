# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains of backups, restores, rollbacks and deletions in a random order, some of them killed and run again: what is promised can be gone back to."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Power, Ref
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.restore.resets import SECOND

from tests.unit.plugins.module_utils.recovery.bench import VM, VM_REF, Bench, Ran, seeded
from tests.unit.plugins.module_utils.recovery.cloud import Cloud, Event, Fault, Script
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.resetting import LooseResetting, Resetting

STEPS = 14
KILLED_ONE_IN = 3
KILLS = (Fault.KILLED_BEFORE, Fault.KILLED_SLOW, Fault.KILLED_AFTER)
# More requests than most tasks send.
LONGEST = 150


@dataclass
class Chain:
    """A chain on one bench. ``kept``: restore to what its old disks hold; ``saved``: the datetimes of backups to what they hold."""

    seed: str
    bench: Bench
    content: str = "start"
    kept: dict[str, str] = field(default_factory=dict)
    saved: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._number = 0

    def number(self) -> int:
        self._number += 1
        return self._number

    # --- one task

    def do(self, title: str, run: Callable[[Script], Ran]) -> Ran:
        """Run a task, sometimes killed at a random request and then run again, until it has come to an end."""
        killed = self.chance.randrange(KILLED_ONE_IN) == 0
        script = self._kill() if killed else lambda _event: None
        self._promise()
        ran = run(script)
        self.told.append(f"{title}{' (killed)' if ran.killed else ''}: {ran.message}")
        self.see(ran)
        if ran.killed:
            ran = run(lambda _event: None)
            self.told.append(f"{title} again: {ran.message}")
            self.see(ran)
        assert ran.succeeded, self.story
        self.bench.cloud.settle(everything=True)
        self.bench.cloud.clock.now += 600
        return ran

    def _kill(self) -> Script:
        left, fault = [self.chance.randrange(1, LONGEST)], self.chance.choice(KILLS)

        def script(event: Event) -> Fault | None:
            left[0] -= 1
            return (fault if event.kind == "change" else Fault.KILLED_BEFORE) if left[0] == 0 else None

        return script

    @property
    def story(self) -> str:
        return "\n".join([f"seed {self.seed}", *self.told, f"kept {self.kept}, saved {self.saved}, now {self.content}"])

    def see(self, ran: Ran) -> None:
        assert wrongs(ran, self.bench) == [], self.story

    def _promise(self) -> None:
        """What must not be lost from now on: what is attached, what is kept, what is saved."""
        cloud = self.bench.cloud
        contents = {self.content, *self.kept.values()}
        cloud.precious = {ref for ref, disk in self.bench.every(Disk).items() if disk.own["content"] in contents}
        points = self.bench.every(RecoveryPoint)
        cloud.precious |= {ref for ref, point in points.items() if point.marks.get(marks.BACKUP) in self.saved or point.marks.get(marks.RESTORE) in self.kept}
        cloud.may_go = lambda _cloud, _ref: False

    def check(self) -> None:
        """That everything is there which was promised."""
        bench = self.bench
        devices = set(bench.contents())
        assert set(bench.contents().values()) == {self.content}, self.story
        assert bench.vm.power is Power.ON, self.story
        assert bench.cloud.holders.get(VM_REF, "") == "", self.story
        for name, content in self.kept.items():
            there: list[Any] = [disk for disk in bench.every(Disk).values() if disk.own["content"] == content and disk.marks.get(marks.REPLACED_BY) == name]
            there = there or [point for point in self.safety(name) if content in point.own["contents"].values()]
            assert len(there) == len(devices), f"what {name} keeps is not there\n{self.story}"
        for moment, content in self.saved.items():
            points = [point for point in bench.every(RecoveryPoint).values() if point.marks.get(marks.BACKUP) == moment]
            assert {point.own["contents"][point.device] for point in points} == {content}, self.story
            assert len(points) == len(devices), self.story

    def safety(self, name: str) -> list[RecoveryPoint]:
        """The safety points that a roll-back has made at rest."""
        return [
            point for point in self.bench.every(RecoveryPoint).values() if (point.marks.get(marks.RESTORE), point.marks.get(marks.SAFETY)) == (name, SECOND)
        ]

    # --- the kinds of task

    def back_up(self) -> None:
        moment = f"20260101-{self.number():06}"
        how = self.chance.choice(["crash", "stopped"])
        self.do(f"backup {moment} {how}", lambda script: self.bench.backup(moment, consistency=how, script=script))
        self.saved[moment] = self.content

    def write(self) -> None:
        self.content = f"written {self.number()}"
        self.bench.write(self.content)
        self.told.append(f"the guest writes {self.content}")

    def restore(self) -> None:
        if not self.saved:
            return self.back_up()
        name, moment = f"r{self.number()}", self.chance.choice(sorted(self.saved))
        strategy = self.chance.choice(["in_place", "in_place", "replace"])
        self.do(
            f"restore {name} to {moment} {strategy}", lambda script: self.bench.restore(name=name, snapshot_datetime=moment, strategy=strategy, script=script)
        )
        self.kept[name], self.content = self.content, self.saved[moment]
        return self.write()

    @property
    def possible(self) -> list[str]:
        """The restores before which the VM can go back: all that have kept disks, and those that have kept safety points of the disks that it has."""
        uids = {self.bench.cloud.disk(ref).uid for ref in self.bench.vm.disks}
        safety = [point for point in self.bench.every(RecoveryPoint).values() if marks.SAFETY in point.marks]
        of_others = {point.marks[marks.RESTORE] for point in safety if point.source_uid not in uids}
        return sorted(set(self.kept) - of_others)

    def roll_back(self) -> None:
        if not self.possible:
            return self.restore()
        name = self.chance.choice(self.possible)
        ran = self.do(f"rollback of {name}", lambda script: self.bench.restore(rollback_of=name, script=script))
        before, self.content = self.content, self.kept.pop(name)
        self.kept[ran["restore"]["name"]] = before
        return self.write()

    def reset(self) -> None:
        """The disks themselves go back, to the newest backup of these very disks if there is one."""
        uids = {self.bench.cloud.disk(ref).uid for ref in self.bench.vm.disks}
        by_moment: dict[str, set[str]] = {}
        for point in self.bench.every(RecoveryPoint).values():
            by_moment.setdefault(point.marks.get(marks.BACKUP, ""), set()).add(point.source_uid)
        fitting = [moment for moment in sorted(self.saved) if by_moment.get(moment) == uids]
        if not fitting:
            return self.back_up()
        name, moment = f"s{self.number()}", self.chance.choice(fitting)
        self.do(f"roll-back {name} to {moment}", lambda script: self.bench.restore(name=name, snapshot_datetime=moment, strategy="rollback", script=script))
        self.kept[name], self.content = self.content, self.saved[moment]
        return self.write()

    def give_up(self) -> None:
        if not self.kept:
            return self.restore()
        name = self.chance.choice(sorted(self.kept))
        self.do(f"deletion of {name}", self._allowed(lambda script: self.bench.give_up(name, vm_name=VM, script=script), self._of_restore(name)))
        del self.kept[name]
        return None

    def prune(self) -> None:
        if len(self.saved) < 2:
            return self.back_up()
        moment = self.chance.choice(sorted(self.saved)[:-1])
        run = self._allowed(lambda script: self.bench.run("backup", "DELETE", name=f"{VM}-{moment}", script=script), self._of_backup(moment))
        self.do(f"deletion of the backup {moment}", run)
        del self.saved[moment]
        return None

    def lose(self) -> None:
        """The VM is lost with the disks that it has, and built again."""
        if not self.saved:
            return self.back_up()
        name, moment = f"g{self.number()}", self.chance.choice(sorted(self.saved))
        self.bench.lose_vm()
        self.told.append("the VM is lost")
        self.content = self.saved[moment]
        self.do(f"restore {name} of the VM that is gone to {moment}", lambda script: self.bench.restore(name=name, snapshot_datetime=moment, script=script))
        return self.write()

    def _allowed(self, run: Callable[[Script], Ran], may_go: Callable[[Cloud, Ref], bool]) -> Callable[[Script], Ran]:
        def act(script: Script) -> Ran:
            self.bench.cloud.may_go = may_go
            return run(script)

        return act

    @staticmethod
    def _of_restore(name: str) -> Callable[[Cloud, Ref], bool]:
        def may_go(cloud: Cloud, ref: Ref) -> bool:
            thing = cloud.things[ref]
            if isinstance(thing, RecoveryPoint):
                return marks.SAFETY in thing.marks and thing.marks.get(marks.RESTORE) == name
            return thing.marks.get(marks.REPLACED_BY) == name and not thing.used_by

        return may_go

    @staticmethod
    def _of_backup(moment: str) -> Callable[[Cloud, Ref], bool]:
        return lambda cloud, ref: isinstance(cloud.things[ref], RecoveryPoint) and cloud.things[ref].marks.get(marks.BACKUP) == moment

    def run(self) -> None:
        kinds: list[Callable[[], Any]] = [self.back_up, self.restore, self.restore, self.roll_back, self.roll_back, self.give_up, self.prune, self.lose]
        kinds += [self.reset, self.reset] if issubclass(self.bench.provider, Resetting) else []
        self.back_up()
        for _step in range(STEPS):
            self.chance.choice(kinds)()
            self.check()
        # Each state that is still promised can be gone back to.
        for name, content in [(name, self.kept[name]) for name in self.possible]:
            other = Chain(f"{self.seed} then {name}", self.bench.copy(), self.content, dict(self.kept), dict(self.saved), [*self.told])
            assert other.bench.restore(rollback_of=name).ok, other.story
            assert set(other.bench.contents().values()) == {content}, other.story


@pytest.mark.parametrize("seed", range(12))
def test_what_a_chain_of_restores_promises_can_be_gone_back_to(seed: int) -> None:
    Chain(f"two disks {seed}", seeded(2, reserved=True, content="start")).run()


@pytest.mark.parametrize("seed", range(6))
def test_device_whose_name_is_no_mark_keeps_its_name_through_a_chain(seed: int) -> None:
    chain = Chain(f"three disks {seed}", seeded(3, reserved=True, content="start"))
    devices = list(chain.bench.contents())
    chain.run()
    assert list(chain.bench.contents()) == devices, chain.story


def resetting(*, loose: bool = False) -> Bench:
    """Disks may go back, too."""
    return replace(seeded(2, reserved=True, content="start"), provider=LooseResetting if loose else Resetting)


@pytest.mark.parametrize("loose", [False, True], ids=["", "loose marks"])
@pytest.mark.parametrize("seed", range(12))
def test_what_a_chain_with_roll_backs_promises_can_be_gone_back_to(seed: int, loose: bool) -> None:
    Chain(f"two disks that go back {seed}", resetting(loose=loose)).run()


@pytest.mark.full_matrix
@pytest.mark.parametrize("seed", range(12, 400))
def test_what_a_long_chain_with_roll_backs_promises_can_be_gone_back_to(seed: int) -> None:
    Chain(f"two disks that go back {seed}", resetting()).run()


@pytest.mark.full_matrix
@pytest.mark.parametrize("seed", range(12, 400))
def test_what_a_long_chain_promises_can_be_gone_back_to(seed: int) -> None:
    Chain(f"two disks {seed}", seeded(2, reserved=True, content="start")).run()
