# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a backup of one VM: what is checked first, the steps, and what may be deleted afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Disk, Instance, Wire
from ...core.arguments import Task
from ...core.errors import Conflict, NotFound, RecoveryError
from ...core.model import Record
from ...core.plan import Plan
from ...core.waiter import Waiter
from ...recovery.lock import Claim
from ...recovery.manifest import Document, fingerprint, write_file
from ...recovery.naming import backup_name
from ...recovery.points import IMAGE, MACHINE_IMAGE, BackupSet, Member, latest_complete, newest_first
from .labels import check_tags
from .vm import Vm
from .vm_addresses import Addresses, external
from .vm_backup_checks import AT_REST, disks_to_save, permissions, refuse_held, refuse_older, refuse_states
from .vm_backup_steps import BackupSteps
from .vm_checks import refuse_missing_permissions, refuse_snapshot_quota
from .vm_labels import SAVING
from .vm_lock import claim_of
from .vm_manifest import capture
from .vm_members import next_attempt
from .vm_points import list_sets
from .vm_records import backup_record
from .vm_save import Save, SaveOptions
from .vm_state import state_after_backup
from .vm_store import ManifestStore, storable, why_not_stored


class BackupPlan:
    """One backup to be made. ``moment`` is empty when the task leaves the datetime open; then ``now`` is it."""

    def __init__(self, task: Task, client: GceClient, waiter: Waiter, vm: Vm, moment: str, now: str, record: Callable[..., Record]) -> None:
        self._task, self._client, self._waiter, self._vm, self._record = task, client, waiter, vm, record
        self._chosen, self._now, self._store = moment, now, ManifestStore(client)

    @cached_property
    def _instance(self) -> Instance | None:
        return self._vm.get()

    @cached_property
    def _sets(self) -> list[BackupSet]:
        return list_sets(self._client, self._vm.name, self._vm.zone)

    @cached_property
    def moment(self) -> str:
        """The datetime: the one given, else that of a run which died on the way, else now."""
        claim = claim_of(self._instance)
        if not self._chosen and claim and claim.purpose.startswith(SAVING):
            return claim.purpose[len(SAVING) :]
        return self._chosen or self._now

    @cached_property
    def _attempts(self) -> list[BackupSet]:
        return [one for one in self._sets if one.moment == self.moment]

    def found(self) -> Record | None:
        """The backup, as far as there is one. What a dead run has begun on the VM ends first, lest it end between two reads."""
        claim = claim_of(self._instance)
        if claim and claim.purpose.startswith(SAVING) and self._vm.unfinished():
            self._vm.settle()
            # It was read before that.
            self.__dict__.pop("_instance")
        if self._instance is None and self._task["retire_source"] and not self._chosen:
            latest = latest_complete(self._sets)
            return self._record(latest, retired=True) if latest else None
        current = newest_first(self._attempts)
        return self._record(current[0], retired=self._instance is None) if current else None

    def plan(self) -> Plan:
        """The steps that are missing. Raises NotFound, Conflict, InvalidRequest, Unsupported before anything is touched."""
        name = backup_name(self._vm.name, self.moment)
        complete = latest_complete(self._attempts)
        retire = self._task["retire_source"]
        if self._instance is None:
            return self._plan_without_vm(complete if self._chosen else latest_complete(self._sets))
        claim = claim_of(self._instance)
        if complete and not (retire or claim):
            return self._plan_existing(complete, name)
        refuse_held(self._vm, claim)
        return self._plan_steps(self._instance, claim, complete)

    def _plan_without_vm(self, complete: BackupSet | None) -> Plan:
        if complete is None:
            raise NotFound(f'VM "{self._vm.name}" does not exist in zone {self._vm.zone}, and there is no complete backup of it under that datetime.')
        why = f'VM "{self._vm.name}" is gone already; its backup "{complete.name}" is complete since {complete.created_at}'
        return Plan(after=self._record(complete, retired=True), why_unchanged=why)

    def _plan_existing(self, complete: BackupSet, name: str) -> Plan:
        self._refuse_other_method(complete)
        leftovers = [one for one in self._attempts if one is not complete]
        since = f'Backup "{name}" exists since {complete.created_at}, complete and as asked for'
        tags = check_tags(self._task["tags"])
        record = self._record(replace(complete, tags={**complete.tags, **tags}))
        other = [member for member in complete.members if any(member.facts["labels"].get(key) != value for key, value in tags.items())]
        if not (leftovers or other):
            return Plan(after=record, why_unchanged=since)
        steps = BackupSteps(self._vm, self._store, None, None)
        wanted = [*([steps.drop(leftovers)] if leftovers else []), *([steps.relabel(other, tags)] if other else [])]
        return Plan(tuple(wanted), after=record, verb="updated" if other else "completed")

    def _refuse_other_method(self, complete: BackupSet) -> None:
        if complete.method != self._task["method"]:
            raise Conflict(f"it exists and was made by method {complete.method}, not {self._task['method']}. Choose another snapshot_datetime.")

    # --- a backup to be made, or to be finished

    def _plan_steps(self, instance: Instance, claim: Claim | None, complete: BackupSet | None) -> Plan:
        task, retire = self._task, self._task["retire_source"]
        disks = disks_to_save(task, self._vm, instance)
        was_running = claim.was_running if claim else instance.running
        at_rest = retire or task["consistency"] == "stopped"
        stopping = was_running and at_rest or claim is not None
        refuse_states(task, self._vm, instance, stopping=stopping, at_rest=at_rest)
        consistency = self._reached(instance, stopping)
        if complete:
            self._refuse_other_method(complete)
        if complete and retire:
            refuse_older(self._vm, instance, complete)
        expected = 1 if task["method"] == MACHINE_IMAGE else len(disks)
        attempt = complete.attempt if complete else next_attempt(self._attempts, expected, consistency, instance)
        save = Save(self._vm, instance, disks, self.moment, attempt, consistency, self._options(consistency))
        manifest = self._manifest(instance, disks, complete)
        if stopping and instance.running and not retire:
            self._warn_of_addresses(instance)
        to_read = "compute.disks.useReadOnly" if task["method"] == IMAGE else "compute.disks.createSnapshot"
        refuse_missing_permissions(self._vm, instance, disks, permissions(task, stopping=stopping, retire=retire), [to_read])
        requests = save.requests(manifest)
        refuse_snapshot_quota(self._client, task["method"], sum(member is None for member in save.members(requests)))
        in_template = not save.fits(manifest)
        kept = manifest if not in_template or storable(manifest) else None
        if kept is None:
            task.warn(why_not_stored(None))
        steps = BackupSteps(self._vm, self._store, save, requests)
        plan = steps.assemble(
            task,
            manifest=manifest if in_template and kept is not None else None,
            stopping=stopping,
            was_running=was_running,
            purpose=SAVING + self.moment,
            leftovers=[one for one in self._attempts if one.attempt != attempt],
            retire=instance if retire else None,
            older_images=self._older_images(instance) if task["method"] == IMAGE else [],
            old_manifests=self._left_behind(manifest) if claim else [],
            on_saved=lambda: self._saved(manifest),
        )
        after = self._prediction(save, requests, consistency, kept, in_template)
        return Plan(
            plan,
            after=after,
            verb="created",
            seen=lambda: self._seen(kept),
            release=steps.leave,
            state=lambda: state_after_backup(self._vm),
            acted=self._client.acted,
        )

    def _warn_of_addresses(self, instance: Instance) -> None:
        reservations = external(self._vm, instance)
        changing = [reservation.address for reservation in Addresses(self._vm, reservations).missing()]
        if changing:
            self._task.warn(f"External addresses that are not reserved change when the VM stops for its backup: {', '.join(changing)}.")

    def _reached(self, instance: Instance, stopping: bool) -> str:
        if stopping or instance.status in AT_REST:
            return "stopped"
        # What is suspended or just stopping has not written everything to its disks, and its guest cannot be asked to.
        return "application" if instance.running and self._task["consistency"] == "application" else "crash"

    def _options(self, consistency: str) -> SaveOptions:
        task = self._task
        return SaveOptions(
            method=task["method"],
            guest_flush=consistency == "application",
            family=task["image_family"] or "",
            storage_location=task["storage_location"] or "",
            tags=check_tags(task["tags"]),
            keys=task["disk_encryption_keys"] or {},
        )

    def _manifest(self, instance: Instance, disks: dict[str, Disk], complete: BackupSet | None) -> Document:
        kept = self._store.of_set(complete) if complete else None
        if kept is None:
            # A run that died in the middle has noted it already, before it changed anything about the VM.
            kept = next((document for document in map(self._store.of_set, self._attempts) if document), None)
        return kept or capture(instance, {**self._vm.disks(instance), **disks})

    def _left_behind(self, manifest: Document) -> list[str]:
        """Manifests that a dead run has stored, and no backup refers to: a VM that it had stopped looks different now."""
        used = {fingerprint(manifest), *(one.manifest for one in self._sets)}
        return [key for key in self._store.kept_for(self._vm.name, self._vm.zone) if key not in used]

    def _older_images(self, instance: Instance) -> list[Member]:
        """Images of the same VM from before this backup, which the new ones supersede."""
        return [member for one in self._sets if one.moment < self.moment and one.method == IMAGE for member in one.members]

    def _saved(self, manifest: Document) -> None:
        directory = self._task["manifest_dir"]
        if directory:
            try:
                write_file(directory, backup_name(self._vm.name, self.moment), manifest)
            except RecoveryError as error:
                self._task.warn(f"The backup is complete, but its manifest was not written to manifest_dir: {error.message}")

    def _prediction(self, save: Save, requests: list[Wire], consistency: str, manifest: Document | None, in_template: bool) -> Record:
        found = save.predicted(requests)
        backup = BackupSet(
            self._vm.name,
            self._vm.zone,
            self.moment,
            1,
            self._task["method"],
            consistency,
            save.expected,
            tuple(found),
            check_tags(self._task["tags"]),
            fingerprint(manifest) if manifest else "",
        )
        return backup_record(backup, manifest, "template" if in_template else "description", retired=self._task["retire_source"])

    def _seen(self, manifest: Document | None) -> Record | None:
        current = newest_first(one for one in list_sets(self._client, self._vm.name, self._vm.zone) if one.moment == self.moment)
        return self._record(current[0], retired=self._task["retire_source"]) if current else None
