# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the suite needs of a provider's simulator, and what its tests do with any provider: nothing here knows one.

A provider joins with a class that keeps ``Bench``, and a line in ``conftest.BENCHES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.manifest import VERSION, Document, fingerprint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import (
    Attachment,
    Device,
    Disk,
    Machine,
    Marked,
    Planned,
    Power,
    Ref,
    Strategy,
    in_order,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.naming import derived_name
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import BackupSet, RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import BuildChanges, Change, Provider, Saving

MOMENT, LATER = "20260101-000000", "20260102-000000"
RESTORE = "r1"


class Bench(Protocol):
    """A cloud for one test. It has one VM, which runs, has tags, a boot disk and two data disks.

    At least one of the disks goes when the VM is deleted, and at least one stays. What another person does with requests that we have too needs
    no method: it is done with a second ``provider``.
    """

    # The VM, a text in its configuration that is a secret, the choices of the option ``method`` of backups, and a second place; whether a
    # recovery point can be restored in that; whether recovery points of one moment are made and deleted together.
    VM: ClassVar[str]
    SECRET: ClassVar[str]
    METHODS: ClassVar[Sequence[str]]
    OTHER_PLACE: ClassVar[str]
    TRAVELS: ClassVar[bool]
    TOGETHER: ClassVar[bool]

    @classmethod
    def running(cls) -> AbstractContextManager[Callable[[], Bench]]:
        """The simulator, for all tests; gives what makes a cloud in it."""

    def task(self, module: str, **options: Any) -> Task:
        """A task of ``backup`` or ``restore`` with operation CREATE for the VM."""

    def waiter(self, timeout_s: float) -> Waiter:
        """A waiter whose pauses take no time."""

    def provider(self, task: Task, waiter: Waiter) -> Provider:
        """The provider of a task, with a connection of its own."""

    def received(self, *, changing: bool = False) -> int:
        """How many requests there were so far, or how many of those that change something."""

    # --- what others do, and what happens

    def label(self, thing: Marked, labels: Mapping[str, str]) -> None:
        """Somebody sets tags of a thing, by the provider's own means."""

    def copy(self, of: Marked, disk: Disk, name: str = "") -> None:
        """Another tool saves a disk, and copies all marks, tags and texts of a thing to what it makes; under a given name where the API has names."""

    def protect(self) -> None:
        """Somebody protects the VM against deletion."""

    def hold(self) -> None:
        """What is asked for from now on does not end by itself."""

    def let_go(self) -> None:
        """It ends now."""

    def lag(self) -> None:
        """From now on lists show what there was before."""

    def run_out(self) -> None:
        """From now on there is no capacity to start a VM."""

    def fail(self) -> None:
        """From now on changes are accepted, and fail."""

    def lose_answers(self) -> None:
        """From now on changes are carried out, and no answer comes."""

    def work_again(self) -> None:
        """Nothing goes wrong any more."""

    def deny(self) -> None:
        """From now on all changes are refused, for want of a permission."""


@dataclass
class Case:
    """A bench and the provider of a task on it."""

    bench: Bench
    provider: Provider

    @classmethod
    def of(cls, bench: Bench, module: str = "restore", **options: Any) -> Case:
        return cls(bench, bench.provider(bench.task(module, **options), bench.waiter(600)))

    def another(self) -> Case:
        """The same with another connection: what another person, or another run, sees and does."""
        return Case.of(self.bench)

    # --- what is there

    @property
    def vm(self) -> Machine:
        found = self.provider.machines.get(self.bench.VM)
        assert found, "there is no VM"
        return found

    def disk(self, ref: Ref) -> Disk:
        found = self.provider.disks.get(ref)
        assert found, f"there is no disk {ref}"
        return found

    def disks(self) -> dict[str, Disk]:
        """The disks of the VM by device."""
        return {one.device: self.disk(one.disk) for one in self.vm.attached}

    @property
    def boot(self) -> Attachment:
        (found,) = [one for one in self.vm.attached if one.boot]
        return found

    @property
    def data(self) -> Attachment:
        return next(one for one in self.vm.attached if not one.boot)

    def thing(self, carrier: str) -> Callable[[], Marked]:
        """Reads anew the machine, one of its data disks, or a recovery point of it, by these words."""
        if carrier == "machine":
            return lambda: self.vm
        if carrier == "disk":
            ref = self.data.disk
            return lambda: self.disk(ref)
        made = self.save().members[0]

        def read() -> Marked:
            found = self.provider.points.get(made)
            assert found
            return found

        return read

    # --- what is done

    def do(self, *changes: Change) -> None:
        for change in changes:
            change.send().wait()

    def stop(self) -> None:
        self.do(self.provider.machines.stop(self.vm, discard_volatile=False))

    def mark(self, thing: Marked, **changes: str | None) -> None:
        """Set marks; "_" stands for "-"."""
        self.do(self.provider.marks.write(thing, {key.replace("_", "-"): value for key, value in changes.items()}))

    def refusal(self, change: Change) -> RecoveryError:
        """Why a change is refused."""
        try:
            self.do(change)
        except RecoveryError as error:
            return error
        raise AssertionError(f"{change.what}: not refused")

    def again(self, change: Change) -> None:
        """Send what was sent before: it is refused because the thing exists, or makes the same once more, as an idempotent request does."""
        with suppress(Conflict):
            self.do(change)

    # --- backups

    def document(self) -> Document:
        """The manifest of the VM."""
        return self.provider.manifests.capture(self.vm, self.disks())

    def saving(self, method: str = "", moment: str = MOMENT, filler: str = "", **options: Any) -> Saving:
        """All disks of the VM, to be saved as a backup's task asks for it; ``filler`` makes the manifest longer."""
        points, machine, disks = self.provider.points, self.vm, self.disks()
        method = method or self.bench.METHODS[0]
        wish = points.wish(self.bench.task("backup", method=method, **options), "crash")
        manifest = {**self.document(), **({"filler": filler} if filler else {})}
        common = {
            marks.VM: machine.name,
            marks.PLACE: self.provider.place,
            marks.BACKUP: moment,
            marks.CONSISTENCY: "crash",
            marks.ATTEMPT: "1",
            marks.MANIFEST: fingerprint(manifest),
            marks.RUN: "abc123",
        }
        saving = Saving(machine, disks, wish, moment, 1, common, manifest, wish.asks("crash"))
        count = len(points.planned(saving))
        return Saving(machine, disks, wish, moment, 1, {**common, marks.PARTS: str(count)}, manifest, wish.asks("crash"))

    def make_points(self, saving: Saving) -> list[Planned]:
        planned = self.provider.points.planned(saving)
        self.do(*[self.provider.points.create(one, saving.machine) for one in planned])
        return planned

    def save(self, method: str = "", moment: str = MOMENT, **options: Any) -> BackupSet:
        """Save the VM."""
        self.make_points(self.saving(method, moment, **options))
        return self.found(moment)

    def delete(self, members: Sequence[RecoveryPoint]) -> None:
        """Delete recovery points; where they go together, the first takes the others along."""
        there = [self.provider.points.get(member) for member in members]
        self.do(*[self.provider.points.delete(point) for point in there[: 1 if self.bench.TOGETHER else None] if point])

    def found(self, moment: str = MOMENT) -> BackupSet:
        (found,) = [one for one in self.provider.points.sets(self.bench.VM) if one.moment == moment]
        return found

    # --- new disks

    def planned(self, backup: BackupSet, device: str = "", name: str = "", model: Document | None = None, strategy: Strategy = Strategy.IN_PLACE) -> Planned:
        """The new disk of a device (a data disk), as a restore of the VM would make it."""
        provider, machine = self.provider, self.another().vm
        before = machine.device(device) or self.another().data
        point = provider.points.saved_devices(backup, self.another().document())[before.device]
        note = {"version": VERSION, "restore": RESTORE, "old": before.disk, "source": point.ref, **provider.machines.facts(before)}
        own = {
            marks.RESTORE: RESTORE,
            marks.VM: machine.name,
            marks.PLACE: provider.place,
            marks.DEVICE: provider.marks.value(before.device),
            marks.BACKUP: backup.moment,
            marks.STRATEGY: strategy.value,
            marks.PARTS: "1",
        }
        name = name or derived_name(f"{machine.name}-{before.device}", f"{provider.scope}/{RESTORE}")
        return provider.disks.planned(before, name, model or provider.disks.model(self.another().disk(before.disk)), point, own, note)

    def made(self, planned: Planned) -> Disk:
        """The only disk that is what was planned; by its marks where the provider chooses the ref."""
        if planned.ref:
            return self.disk(planned.ref)
        (found,) = self.provider.disks.marked(planned.marks)
        return found

    def made_disk(self) -> Disk:
        """A new disk for a data device, of a restore."""
        planned = self.planned(self.save())
        self.do(self.provider.disks.create(planned, {}))
        return self.made(planned)

    def devices(self, backup: BackupSet) -> tuple[Device, ...]:
        """All devices of the VM with their new disks, as a route knows them."""
        return in_order([Device(one, self.planned(backup, one.device, strategy=Strategy.REPLACE)) for one in self.vm.attached])

    # --- the machine made anew

    def request(self, document: Document, attachments: Sequence[Attachment], strategy: Strategy = Strategy.GONE, name: str = "") -> Any:
        changes = BuildChanges(self.bench.task("restore"), strategy)
        return self.provider.manifests.build_request(document, name or self.bench.VM, attachments, changes)

    def remove_all_but_disks(self) -> tuple[Machine, Document]:
        """Delete the VM and keep its disks; gives what it was."""
        self.stop()
        before, document = self.vm, self.document()
        for change in self.provider.machines.securing(before):
            self.do(change)
        self.do(self.provider.machines.remove(self.vm))
        assert self.provider.machines.get(before.name) is None
        return before, document

    def put_away(self) -> tuple[Machine, Document]:
        """Let the VM make way as for its replacement; gives what it was."""
        self.stop()
        before, document = self.vm, self.document()
        for change in self.provider.machines.securing(before):
            self.do(change)
        self.do(self.provider.machines.make_way(self.vm))
        assert self.provider.machines.get(before.name) is None
        return before, document

    def build(self, before: Machine, document: Document, own: Mapping[str, str]) -> Any:
        """Build the VM as it was; gives the request."""
        request = self.request(document, before.attached)
        self.do(self.provider.machines.build(before.name, request, own))
        assert self.vm.power is Power.ON
        return request
