# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of a VM that is built: anew in place of the one that is there, as a copy, or because it is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ....core.errors import Conflict, NotFound
from ....core.plan import Plan, Progress, Step
from ... import marks
from ...manifest import Document, fingerprint
from ...model import Attachment, Device, Strategy
from ...provider import BuildChanges, Intent
from .. import words
from ..case import RestoreCase
from ..devices import DevicePlanner
from ..disks import RestoreDisks
from ..found import Restore
from ..preflight import about_disks, about_machine, outliving
from ..steps import CREATING_BOOT
from .assembly import Assembly, Looks
from .build import Build, Builder
from .exchange import Wanted
from .replace import Replace


class BuildPlanner:
    """Plans a VM that is built from a manifest, on disks of its recovery points."""

    def __init__(self, case: RestoreCase, assembly: Assembly) -> None:
        self._case, self._assembly = case, assembly

    def replace(self, begun: Restore | None) -> Plan:
        case = self._case
        task, machine = case.task, case.look.machine
        known = begun.begun if begun else ()
        stored = case.provider.manifests.get(begun.manifest) if begun and begun.manifest else None
        if known and stored is None and machine is None:
            raise NotFound("the manifest of the VM, which an earlier run of this restore had stored, is gone. Restore from the backup's with another name.")
        if stored is None:
            existing = case.existing()
            stored = case.provider.manifests.capture(existing, case.target.disks_of(existing))
        manifest: Document = stored
        identity = case.identity(Strategy.REPLACE, begun.manifest if begun and begun.manifest else fingerprint(manifest))
        looks: Looks = []
        planner = DevicePlanner(task, case.target, identity)
        devices: Sequence[Device]
        if begun and machine is None:
            # Disks that are made with the machine are not there yet: the manifest tells of all.
            devices = known or planner.of_manifest(manifest, case.source, replaced=True)
        else:
            devices = known or self._assembly.devices(lambda: planner.of_machine(case.existing(), case.source, whole=True), looks)
        old = machine if machine and machine.disks.intersection(device.old for device in devices) else None
        wanted = case.wanted(case.was_on())
        case.target.carriers = [ref for device in devices[:1] for ref in (device.old, device.new.ref) if ref]
        request = self._request(manifest, Strategy.REPLACE)
        intent = Intent(
            task,
            case.target.name,
            Strategy.REPLACE,
            old,
            devices=devices,
            stops=wanted.was_on,
            manifest=manifest,
            request=partial(self._body, request, devices),
        )
        if old:
            disks = RestoreDisks(case.target, identity, devices)
            looks += [
                partial(about_machine, case.provider, old, wanted, resumed=bool(known) or case.look.claim is not None),
                partial(about_disks, case.target, disks, wanted, going_back=False),
                *case.provider.extras.findings(intent),
            ]
        self._assembly.check(looks)
        builder = Builder(case.target, identity, devices, request, start=wanted.start)
        route = Replace(builder, case.target, intent, manifest, wanted)
        message = words.replacing(case.target, case.source, devices, wanted)
        return self._assembly.plan((), route.steps(), identity, devices, wanted, message)

    def build(self, route: Strategy, begun: Restore | None) -> Plan:
        case = self._case
        source, machine = case.source, case.look.machine
        manifest = source.manifest or (case.provider.manifests.scratch(case.target.name) if source.boot_only else None)
        if manifest is None:
            raise Conflict(
                f"{case.target} does not exist, and the restore point holds no manifest of its configuration. Give one in manifest or manifest_file."
            )
        identity = case.identity(route)
        looks: Looks = []
        devices = self._assembly.devices(lambda: DevicePlanner(case.task, case.target, identity).of_manifest(manifest, source), looks)
        mine = {device.new.ref for device in devices}
        if machine is not None and devices and machine.disks != mine:
            raise Conflict(f"there is a {case.target} in {case.provider.PLACE} {case.provider.place} already. Nothing was changed; choose another new_vm_name.")
        case.target.carriers = [device.new.ref for device in devices[:1]]
        self._wait_for_replacement(devices)
        wanted = Wanted(was_on=True, start=case.task["start"] != "stopped", delete_old=False, discard_volatile=False)
        request = self._request(manifest, route)
        intent = Intent(case.task, case.target.name, route, None, devices=devices, manifest=manifest, request=partial(self._body, request, devices))
        if machine is None:
            disks = RestoreDisks(case.target, identity, devices)
            looks += [partial(about_disks, case.target, disks, wanted, going_back=False), *case.provider.extras.findings(intent)]
            if route is Strategy.GONE:
                looks.append(partial(outliving, case.target, manifest, source, devices))
        self._assembly.check(looks)
        builder = Builder(case.target, identity, devices, request, start=wanted.start)
        first = [
            Step(
                CREATING_BOOT,
                do=lambda: builder.disks.create_carrier(case.lock.made_with(True)),
                done=lambda: Progress.DONE if case.target.carrier() else Progress.NO,
                undo=lambda: builder.disks.remove_new(builder.devices[:1]),
            )
        ]
        message = words.building(case.target, source, devices, wanted, copy=route is Strategy.NEW)
        return self._assembly.plan(first, Build(builder, case.target, intent).steps(), identity, devices, wanted, message)

    def _wait_for_replacement(self, devices: Sequence[Device]) -> None:
        """A VM that is being replaced does not exist for a while: what its disks tell must be seen before it counts as gone."""
        case = self._case
        boot = case.target.disk(devices[0].new.ref) if devices and not case.under_lock else None
        if boot and boot.marks.get(marks.STRATEGY) == Strategy.REPLACE.value and case.look.restore is None:
            case.wait_for_list()
            raise Conflict(f"{case.target} is being replaced by this restore; its disks were not listed yet. Nothing was changed. Run the task again.")

    def _request(self, manifest: Document, strategy: Strategy) -> Callable[[Sequence[Attachment], bool], object]:
        case = self._case

        def request(attachments: Sequence[Attachment], as_before: bool) -> object:
            changes = BuildChanges(case.task, strategy, as_before)
            return case.provider.manifests.build_request(manifest, case.target.name, attachments, changes)

        return request

    @staticmethod
    def _body(request: Callable[[Sequence[Attachment], bool], object], devices: Sequence[Device]) -> object:
        return request([device.after for device in devices], False)
