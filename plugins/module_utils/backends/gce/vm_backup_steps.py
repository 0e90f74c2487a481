# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a backup: lock, stop, save, start, retire, unlock; each of them only where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ...clients.gce.objects import Instance, Operation, Wire, last_part
from ...core.arguments import Task
from ...core.errors import Conflict
from ...core.model import SUCCEEDED
from ...core.plan import Progress, Step
from ...recovery.lock import Lock, LockLost
from ...recovery.manifest import Document, fingerprint
from ...recovery.points import LONGEST_SKEW_S, BackupSet, Member
from .vm import Vm
from .vm_labels import SAVING
from .vm_members import delete_members, relabel_members, saved_at_rest
from .vm_save import Save
from .vm_store import ManifestStore

_LOCK, _MANIFEST, _STOP, _SAVE, _START = "lock VM", "store manifest", "stop VM", "save disks", "start VM"
_RELABEL = "set labels"
_DROP_MANIFESTS = "remove manifests of unfinished attempts"
_FINISH, _DEPRECATE, _DROP, _RETIRE, _UNLOCK = "see recovery points ready", "deprecate older images", "remove unfinished attempts", "delete VM", "unlock VM"


class BackupSteps:
    """The steps for one VM. ``save`` and ``requests`` are the members to be made."""

    def __init__(self, vm: Vm, store: ManifestStore, save: Save | None, requests: list[Wire] | None) -> None:
        self._vm, self._store = vm, store
        self._save, self._requests = save, requests or []
        self._lock: Lock | None = None
        self._started_at = ""
        self._members: list[Member] = []

    def assemble(
        self,
        task: Task,
        *,
        manifest: Document | None,
        stopping: bool,
        was_running: bool,
        purpose: str,
        leftovers: Sequence[BackupSet],
        retire: Instance | None,
        older_images: Sequence[Member],
        old_manifests: Sequence[str],
        on_saved: Callable[[], None],
    ) -> tuple[Step, ...]:
        """The steps in their order; each needs the one before it."""
        steps: list[Step] = []
        locked = stopping or retire is not None
        if locked:
            self._lock = self._vm.make_lock(purpose, task["lock_ttl"], lambda claim: claim.purpose.startswith(SAVING))
            steps.append(Step(_LOCK, do=lambda: self._acquire(was_running), undo=self._give_back))
        if manifest is not None:
            steps.append(self._storing(manifest))
        if was_running and locked:
            steps.append(
                Step(
                    _STOP,
                    do=lambda: self._vm.stop(task["discard_local_ssd"] or None),
                    done=self._stopped,
                    undo=self._vm.settled(self._vm.start),
                    disruptive=True,
                )
            )
        steps.append(self._save_step(task, taken_only=locked, on_saved=on_saved))
        if was_running and locked and not retire:
            steps.append(Step(_START, do=self._vm.start, done=self._running))
        if locked:
            steps.append(Step(_FINISH, wait=lambda: self._finish(on_saved)))
        if older_images:
            steps.append(self._deprecate(older_images))
        if leftovers:
            steps.append(self.drop(leftovers))
        if old_manifests:
            steps.append(Step(_DROP_MANIFESTS, do=lambda: self._drop_manifests(old_manifests)))
        if retire is not None:
            steps.append(self._retire(retire))
        elif locked:
            steps.append(Step(_UNLOCK, do=self._unlock))
        return chained(steps)

    def _storing(self, manifest: Document) -> Step:
        def undo() -> None:
            self._store.drop_unused([fingerprint(manifest)])

        done = partial(self._store.has, manifest)
        return Step(_MANIFEST, do=partial(self._store.put, manifest), done=lambda: Progress.DONE if done() else Progress.NO, undo=undo)

    def _acquire(self, was_running: bool) -> None:
        lock = self._held()
        claim = lock.acquire(was_running)
        self._vm.settle()
        instance = self._vm.existing()
        if claim.was_running != was_running:
            raise Conflict(f'VM "{self._vm.name}" was started or stopped in this moment. Nothing was changed; run again.')
        self._started_at = instance.started_at

    def _held(self) -> Lock:
        if self._lock is None:
            raise RuntimeError("this backup takes no lock")
        return self._lock

    def _give_back(self) -> None:
        if self._lock:
            self._lock.release()

    def _unlock(self) -> None:
        self._held().release()

    def leave(self) -> None:
        """Give up the lock if it is still held: the work is not finished, and the next run goes on at once."""
        if self._lock:
            self._lock.abandon()

    def _stopped(self) -> Progress:
        status = self._vm.existing().status
        return Progress.DONE if status == "TERMINATED" else Progress.IN_FLIGHT if status == "STOPPING" else Progress.NO

    def _running(self) -> Progress:
        return Progress.DONE if self._vm.existing().status == "RUNNING" else Progress.NO

    # --- saving

    def _save_step(self, task: Task, *, taken_only: bool, on_saved: Callable[[], None]) -> Step:
        save, requests = self._saving(), self._requests

        def wait() -> None:
            if taken_only:
                save.wait_until_taken(requests)
            elif task["wait"]:
                self._finish(on_saved)

        return Step(_SAVE, do=lambda: save.submit(requests), done=lambda: save.done(requests), wait=wait, undo=lambda: save.remove(requests))

    def _saving(self) -> Save:
        if self._save is None:
            raise RuntimeError("this plan saves nothing")
        return self._save

    def _finish(self, on_saved: Callable[[], None]) -> None:
        self._members = self._saving().wait_until_ready(self._requests)
        moments = BackupSet("", "", "", 1, "", "", 0, tuple(self._members), {})
        if moments.skew_s > LONGEST_SKEW_S:
            raise Conflict(f"the disks were saved {moments.skew_s} s apart, which is not one point in time. Run the task again.")
        on_saved()

    def _deprecate(self, older: Sequence[Member]) -> Step:
        """Each older image gives way to the new one of its device; until then the family still had it."""
        client = self._vm.client

        def remaining() -> list[tuple[Member, Member]]:
            newer = {member.device: member for member in self._saving().members(self._requests) if member}
            return [(member, newer[member.device]) for member in older if member.device in newer and self._active(member)]

        def act() -> None:
            sent = [client.deprecate_image(member.name, "DEPRECATED", new.path) for member, new in remaining()]
            client.wait_all(sent, "deprecating older images")

        def undo() -> None:
            # The new images go again, and the family must not be left with none.
            names = {body["name"] for body in self._requests}
            found = [(member.name, client.get_image(member.name)) for member in older]
            ours = [name for name, image in found if image and last_part(image.wire.get("deprecated", {}).get("replacement")) in names]
            client.wait_all([client.deprecate_image(name, "ACTIVE", None) for name in ours], "taking back the deprecation of older images")

        return Step(_DEPRECATE, do=act, done=lambda: Progress.NO if remaining() else Progress.DONE, undo=undo)

    def _active(self, member: Member) -> bool:
        image = self._vm.client.get_image(member.name)
        return image is not None and not image.deprecated

    def drop(self, leftovers: Sequence[BackupSet]) -> Step:
        """The removal of attempts that another one has replaced."""

        def act() -> None:
            delete_members(self._vm, [member for one in leftovers for member in one.members])
            self._store.drop_unused(one.manifest for one in leftovers)

        return Step(_DROP, do=act)

    def _drop_manifests(self, keys: Sequence[str]) -> None:
        self._store.drop_unused(keys)

    def relabel(self, members: Sequence[Member], tags: Mapping[str, str]) -> Step:
        """The tags of a backup that is complete."""
        return Step(_RELABEL, do=lambda: relabel_members(self._vm, members, tags))

    # --- retiring

    def _retire(self, instance: Instance) -> Step:
        """The deletion of the VM, only of the very one that was saved, stopped ever since."""
        sent: list[Operation] = []

        def act() -> None:
            current = self._vm.existing()
            if current.uid != instance.uid:
                raise LockLost(f'VM "{self._vm.name}" is another one than was saved. It is not deleted.')
            if current.status != "TERMINATED" or current.started_at != self._started_at:
                raise Conflict(f'VM "{self._vm.name}" was started after it was saved, so that its disks may hold more than the backup. It is not deleted.')
            members = self._saving().members(self._requests)
            lost = [body["name"] for body, member in zip(self._requests, members) if member is None or member.status != SUCCEEDED]
            if any(member and not saved_at_rest(member, current) for member in members):
                raise Conflict(f'VM "{self._vm.name}" ran after some of it was saved, so that its disks may hold more than the backup. It is not deleted.')
            if lost:
                raise Conflict(f"not every recovery point is ready: {', '.join(lost)}. The VM is not deleted.")
            self._held().stop_renewing()
            self._held().check()
            sent.append(self._vm.client.delete_instance(self._vm.zone, current.uid))

        def wait() -> None:
            # Not with the request: once that was accepted the images must stay, whatever becomes of the waiting.
            self._vm.client.wait_all(sent, f"deleting VM {self._vm.name}")
            self._held().held = False
            self._until_gone()

        def done() -> Progress:
            return Progress.DONE if self._vm.get() is None else Progress.NO

        return Step(_RETIRE, do=act, done=done, wait=wait, point_of_no_return=True)

    def _until_gone(self) -> None:
        self._vm.waiter.wait_until(self._vm.get, lambda instance: instance is None, lambda _instance: f'VM "{self._vm.name}" is still being deleted.')


def chained(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, each needing the one before it."""
    return tuple(replace(step, needs=(steps[number - 1].name,)) if number else step for number, step in enumerate(steps))
