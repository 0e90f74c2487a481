# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a restored VM: which route, what is refused before anything is touched, and the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Disk, Instance
from ...core.arguments import Task
from ...core.errors import Conflict, NotFound
from ...core.model import Record
from ...core.plan import Plan, Step
from ...core.waiter import Waiter
from ...recovery.lock import Claim, Lock
from ...recovery.manifest import Document, fingerprint
from ...recovery.naming import fitting_name
from .labels import check_tags
from .vm import Vm
from .vm_addresses import Addresses, external, internal
from .vm_building import BuildingPlan
from .vm_device_plan import DevicePlan
from .vm_devices import Device, Identity
from .vm_disks import RestoreDisks
from .vm_giving_up import is_untouched, plan_giving_up_unfinished
from .vm_labels import RESTORING, SAVING
from .vm_lock import claim_of
from .vm_manifest import capture
from .vm_point import Points, RestorePoint
from .vm_prediction import predicted
from .vm_preflight import refuse_states, refuse_what_would_be_lost, refuse_without_means, warn_of_swap
from .vm_replace import Replacing
from .vm_restores import Restore, Restores, devices_begun
from .vm_state import state_after_restore
from .vm_store import ManifestStore
from .vm_swap import SwapSteps

IN_PLACE, REPLACE, NEW, GONE, ROLLBACK = "in_place", "replace", "new", "gone", "rollback"
_LONGEST_NAME = 50


class RestorePlan:
    """One restore of one VM."""

    def __init__(self, task: Task, client: GceClient, waiter: Waiter) -> None:
        self._task, self._client, self._waiter = task, client, waiter
        self._source_vm: str = task["vm_name"]
        self._copy = task["strategy"] == NEW
        name = task["new_vm_name"].replace("{vm}", self._source_vm) if self._copy else self._source_vm
        # A copy in another zone reads nothing of the original's zone, which may be down.
        place = (task["new_zone"] or task["zone"]) if self._copy else task["zone"]
        self._vm = Vm(client, waiter, place, name, task["disk_encryption_keys"])
        self._store = ManifestStore(client)
        self._lock: Lock | None = None

    @cached_property
    def _instance(self) -> Instance | None:
        return self._vm.get()

    @cached_property
    def _point(self) -> RestorePoint:
        return Points(self._task, self._client).find(self._source_vm, None if self._copy else self._instance)

    def _refuse_other_vm(self) -> None:
        """Raises Conflict for a point of another VM, unless it comes up as a VM of its own."""
        of = self._point.vm
        if of and of != self._source_vm and not (self._copy or self._task["force"]):
            raise Conflict(f'the restore point is of VM "{of}", not of "{self._source_vm}". Nothing was changed. Use strategy: new, or set force.')

    @cached_property
    def name(self) -> str:
        """The restore's identity."""
        task = self._task
        if task["name"]:
            return str(task["name"])
        if task["rollback_of"]:
            return fitting_name(f"rollback-of-{task['rollback_of']}", _LONGEST_NAME)
        label = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in self._point.label.lower())
        return fitting_name(f"{self._source_vm}-{label}", _LONGEST_NAME)

    @cached_property
    def _restore(self) -> Restore | None:
        found = Restores(self._client, self._vm.zone).find(self.name, self._vm.name)
        return found[0] if found else None

    def found(self) -> Restore | None:
        """The restore of this name, as far as it has come. What a dead run has begun on the VM ends first, lest it end between two reads."""
        claim = claim_of(self._instance)
        if claim and self._may_follow(claim) and self._vm.unfinished():
            self._vm.settle()
            # It was read before that.
            self.__dict__.pop("_instance")
        return self._restore

    def plan(self) -> Plan:
        """The steps that are missing. Raises what must be refused before anything is touched."""
        restore = self._restore
        if restore and restore.complete:
            return self._plan_complete(restore)
        claim = claim_of(self._instance)
        self._refuse_held(claim)
        if self._task["rollback_of"]:
            return self._plan_rollback(claim)
        self._refuse_other_vm()
        route = (restore.strategy if restore else "") or self._route()
        if route in (NEW, GONE):
            return self._plan_building(route)
        return self._plan_replace(claim) if route == REPLACE else self._plan_in_place(claim)

    def _route(self) -> str:
        if self._copy:
            return NEW
        if self._instance is None:
            if not self._point.boot_only:
                self._task.warn(f'VM "{self._vm.name}" does not exist in zone {self._vm.zone}: it is built again from the manifest of its backup.')
            return GONE
        return str(self._task["strategy"])

    def _plan_complete(self, restore: Restore) -> Plan:
        if not self._task["rollback_of"] and restore.moment and self._point.moment and restore.moment != self._point.moment:
            raise Conflict(f"it exists and went back to {restore.moment}, not to {self._point.moment}. Choose another name to restore again.")
        record = restore.record()
        by = f"; the restore {restore.superseded_by} has since taken its place" if restore.superseded_by else ""
        why = f'Restore "{restore.name}" was completed, its disks were made at {record.created_at}{by}. A new name restores again'
        return Plan(after=record, why_unchanged=why)

    def _refuse_held(self, claim: Claim | None) -> None:
        if claim and not self._may_follow(claim):
            other = claim.purpose[len(RESTORING) :]
            raise Conflict(
                f'VM "{self._vm.name}" is held by the restore "{other}" (run {claim.run}). Nothing was changed. If it is dead, run it again under its name,'
                f" or go back with rollback_of: {other}."
            )

    def _may_follow(self, claim: Claim) -> bool:
        mine = {RESTORING + self.name, RESTORING + (self._task["rollback_of"] or self.name)}
        return claim.purpose in mine or claim.purpose.startswith(SAVING)

    # --- the routes

    def _identity(self, route: str, manifest: Document | None = None, known: str = "") -> Identity:
        moment = "" if self._task["rollback_of"] else self._point.moment
        print_ = known or (fingerprint(manifest) if manifest else "")
        return Identity(self._client.project, self._vm.zone, self._vm.name, self.name, route, moment, print_)

    def _make_lock(self, locate: Callable[[], Instance | Disk | None] | None = None) -> Lock:
        return self._vm.make_lock(RESTORING + self.name, self._task["lock_ttl"], self._may_follow, locate)

    def _existing(self) -> Instance:
        if self._instance is None:
            raise NotFound(f'VM "{self._vm.name}" does not exist in zone {self._vm.zone}.')
        return self._instance

    def _is_to_run(self, was_running: bool) -> bool:
        return bool(self._task["start"] == "started" or (self._task["start"] == "as_before" and was_running))

    def _plan_in_place(self, claim: Claim | None) -> Plan:
        instance, task = self._existing(), self._task
        identity = self._identity(IN_PLACE)
        begun = devices_begun(self._restore)
        devices = begun or DevicePlan(task, self._client, self._vm, identity).of_existing(instance, self._point, whole=False)
        return self._swap(instance, claim, identity, devices, resumed=bool(begun))

    def _plan_rollback(self, claim: Claim | None) -> Plan:
        instance = self._existing()
        before = Restores(self._client, self._vm.zone).find(self._task["rollback_of"], self._vm.name)
        if not before:
            raise NotFound(f'rollback_of: VM "{self._vm.name}" has no restore "{self._task["rollback_of"]}".')
        identity = self._identity(ROLLBACK)
        if not before[0].complete and is_untouched(before[0], before[0].devices):
            was_running = claim.was_running if claim else instance.running
            disks = RestoreDisks(self._vm, identity, ())
            return plan_giving_up_unfinished(self._vm, self._make_lock(), before[0], disks, self._store, self.name, was_running)
        devices = DevicePlan(self._task, self._client, self._vm, identity).of_rollback(before[0], self._restore)
        return self._swap(instance, claim, identity, devices, resumed=claim is not None)

    def _swap(self, instance: Instance, claim: Claim | None, identity: Identity, devices: Sequence[Device], *, resumed: bool) -> Plan:
        task = self._task
        was_running = claim.was_running if claim else instance.running
        refuse_states(task, self._vm, instance, stops=was_running)
        addresses = Addresses(self._vm, external(self._vm, instance) if task["preserve_external_ip"] and was_running else [])
        self._check(instance, devices, addresses, swap=True)
        if not resumed:
            warn_of_swap(task, self._vm, instance, was_running)
        lock = self._make_lock()
        steps = SwapSteps(
            self._vm,
            identity,
            devices,
            lock,
            addresses,
            was_running=was_running,
            start=self._is_to_run(was_running),
            delete_old=task["old_disks"] == "delete",
            discard_local_ssd=task["discard_local_ssd"],
            keys=task["disk_encryption_keys"] or {},
            rollback_of=task["rollback_of"] or "",
        )
        return self._finished(steps.assemble(), identity, devices, steps.leave, keeps_old=task["old_disks"] == "keep", running=self._is_to_run(was_running))

    def _finished(
        self, steps: tuple[Step, ...], identity: Identity, devices: Sequence[Device], leave: Callable[[], None], *, keeps_old: bool, running: bool
    ) -> Plan:
        after = predicted(identity, devices, check_tags(self._task["tags"]), keeps_old=keeps_old, running=running)
        return Plan(
            steps, after=after, verb="completed", seen=self._seen, release=leave, state=lambda: state_after_restore(self._vm, devices), acted=self._client.acted
        )

    def _check(self, instance: Instance, devices: Sequence[Device], addresses: Addresses, *, swap: bool) -> None:
        missing = addresses.missing()
        RestoreDisks(self._vm, self._identity(""), devices if not self._task["rollback_of"] else ()).check_names()
        requests = [device.request for device in devices if "name" in device.request and self._vm.get_disk(device.new) is None]
        refuse_without_means(self._vm, instance, devices, requests, len(missing), swap=swap)

    def _plan_replace(self, claim: Claim | None) -> Plan:
        task, restore = self._task, self._restore
        begun = devices_begun(restore)
        manifest = self._store.get(restore.manifest) if restore and restore.manifest else None
        if restore and begun and manifest is None and self._instance is None:
            raise NotFound("the manifest of the VM, which an earlier run of this restore had stored, is gone. Restore from the backup's with another name.")
        instance = self._instance
        if manifest is None:
            existing = self._existing()
            manifest = capture(existing, self._vm.disks(existing))
        identity = self._identity(REPLACE, known=restore.manifest if restore and restore.manifest else fingerprint(manifest))
        devices = begun or DevicePlan(task, self._client, self._vm, identity).of_existing(self._existing(), self._point, whole=True)
        is_old = instance is not None and any(disk.source in {device.old for device in devices} for disk in instance.disks)
        old = instance if is_old else None
        wanted = [*external(self._vm, old), *internal(self._vm, old)] if old else []
        addresses = Addresses(self._vm, wanted if task["preserve_external_ip"] or not old else internal(self._vm, old))
        builder = BuildingPlan(task, self._client, self._vm, devices, manifest, copy=False)
        lock_claim = claim or builder.claim_on_disks()
        was_running = lock_claim.was_running if lock_claim else bool(instance and instance.running)
        if old:
            refuse_states(task, self._vm, old, stops=was_running)
            refuse_what_would_be_lost(task, self._client, self._vm, old)
            self._check(old, devices, addresses, swap=False)
            if not begun:
                warn_of_swap(task, self._vm, old, was_running)
        work: list[Replacing] = []
        lock = self._make_lock(locate=lambda: next(iter(work)).carrier())
        work.append(Replacing(self._vm, identity, devices, lock, builder.request, was_running=was_running, start=self._is_to_run(was_running)))
        steps = work[0].steps(self._store, manifest, addresses, delete_old=task["old_disks"] == "delete", discard_local_ssd=task["discard_local_ssd"])
        keeps_old, running = task["old_disks"] == "keep", self._is_to_run(was_running)
        return self._finished(steps, identity, devices, work[0].leave, keeps_old=keeps_old, running=running)

    def _plan_building(self, route: str) -> Plan:
        builder = BuildingPlan.from_point(self._task, self._client, self._vm, self._point, copy=route == NEW)
        identity = self._identity(route)
        devices = builder.plan_devices(identity)
        building, steps = builder.steps(identity, lambda carrier: self._make_lock(locate=carrier), self._instance, start=self._task["start"] != "stopped")
        return self._finished(steps, identity, devices, building.leave, keeps_old=False, running=self._task["start"] != "stopped")

    def _seen(self) -> Record | None:
        found = Restores(self._client, self._vm.zone).find(self.name, self._vm.name)
        return found[0].record() if found else None
