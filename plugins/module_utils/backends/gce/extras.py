# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only Compute Engine has: its addresses and networks, the deprecation of older images, and its own looks before a change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import ClassVar

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Wire, last_part, place_of, zone
from ...core.arguments import Task
from ...core.plan import Progress, Step
from ...core.steps import at_once
from ...recovery.findings import Finding, warning
from ...recovery.gate import Gate
from ...recovery.model import Disk, Machine, Moment, Strategy
from ...recovery.points import RecoveryPoint
from ...recovery.provider import Change, Intent
from .addresses import Addresses, Reservation, external, internal
from .build import EXTERNAL_ADDRESS, INTERNAL_ADDRESS, addresses_of
from .disks import disk_of
from .marks import change
from .preflight import Preflight

_DEPRECATING = "deprecate older images"


class GceExtras:
    """Findings and steps of one task in one zone."""

    # What a VM that is deleted and built again loses, by the word for it in allow_lost.
    LOSABLE: ClassVar[Collection[str]] = (
        "instance_groups",
        "target_pools",
        "network_endpoint_groups",
        "iam_policy",
        "resource_manager_tags",
        INTERNAL_ADDRESS,
        EXTERNAL_ADDRESS,
    )

    def __init__(self, client: GceClient, zone_name: str, task: Task) -> None:
        self._client, self._zone, self._task = client, zone_name, task
        self._preflight = Preflight(client, zone_name, task)

    # --- findings

    def findings(self, intent: Intent) -> Iterable[Callable[[], Iterable[Finding]]]:
        look, machine = self._preflight, intent.machine
        if intent.strategy is None and machine is not None:
            disks = list(intent.disks.values())
            return [
                partial(look.savable, machine, intent.disks),
                partial(look.saving, machine, disks, intent),
                lambda: look.quota_of_points(len(intent.planned) - len(intent.saved() if intent.saved else ())),
                partial(self._about_stop_for_backup, intent, machine),
            ]
        if machine is None:
            return [lambda: look.quota_of_disks(self._missing(intent)), partial(self._about_addresses, intent), partial(self._about_places, intent)]
        addresses = self._addresses(intent, machine)
        looks: list[Callable[[], Iterable[Finding]]] = [
            partial(look.managed, machine),
            lambda: look.quota_of_disks(self._missing(intent), len(addresses.missing())),
            partial(self._about_swap, intent, machine),
        ]
        if intent.strategy is Strategy.REPLACE:
            looks += [partial(look.losses, machine), lambda: look.replacing(machine, self._disks_of(machine)), partial(self._about_places, intent)]
        else:
            looks.append(lambda: look.swapping(machine, self._disks_of(machine)))
        return looks

    def _disks_of(self, machine: Machine) -> Sequence[Disk]:
        found = [self._client.get_disk(place_of(one.disk), last_part(one.disk)) for one in machine.attached[:1]]
        return [disk_of(disk) for disk in found if disk]

    def _missing(self, intent: Intent) -> list[Wire]:
        """The requests of new disks that are not there yet."""
        planned = [device.new for device in intent.devices if device.new.request is not None]
        found = at_once(*[partial(self._client.get_disk, place_of(one.ref), one.name) for one in planned])
        return [one.request for one, there in zip(planned, found) if there is None]

    def _about_swap(self, intent: Intent, machine: Machine) -> Iterable[Finding]:
        yield warning(f'VM "{machine.name}" gets new disks: tools that own its disks, such as Terraform, will see a change.')
        if intent.stops and not self._task["preserve_external_ip"]:
            changing = [one.address for one in Addresses(self._client, self._region, machine.name, external(machine)).missing()]
            if changing:
                yield warning(f"External addresses that are not reserved change when the VM stops: {', '.join(changing)}.")

    def _about_stop_for_backup(self, intent: Intent, machine: Machine) -> Iterable[Finding]:
        if intent.stops and machine.own.running and not intent.retire:
            changing = [one.address for one in Addresses(self._client, self._region, machine.name, external(machine)).missing()]
            if changing:
                yield warning(f"External addresses that are not reserved change when the VM stops for its backup: {', '.join(changing)}.")

    def _about_places(self, intent: Intent) -> Iterable[Finding]:
        body = intent.request() if intent.request else {}
        return self._preflight.places(body, makes_network=bool(self._task["ensure_network"]))

    def _about_addresses(self, intent: Intent) -> Iterable[Finding]:
        """Which addresses of a VM that is gone can come back."""
        inside, outside = addresses_of((intent.manifest or {}).get("instance", {}))
        if intent.strategy is Strategy.NEW:
            if inside or outside:
                yield warning(f"The copy takes no address along: {', '.join([*inside, *outside])} stay with the original.")
            return
        allowed = set(self._task["allow_lost"] or ())
        reserved = {address.address: address for address in self._client.list_addresses(self._region, None)}
        lost = [address for address in outside if address not in reserved]
        kept = [*(inside if INTERNAL_ADDRESS not in allowed else ()), *(outside if EXTERNAL_ADDRESS not in allowed else ())]
        taken = [address for address in kept if address in reserved and reserved[address].users]
        if taken:
            yield Finding(
                f"addresses of the VM are in use by others now: {', '.join(taken)}. Free them, or list internal_address or external_address in allow_lost."
            )
        if lost and EXTERNAL_ADDRESS not in allowed:
            yield warning(f"External addresses that were not reserved cannot come back: {', '.join(lost)}. The VM gets new ones.")

    # --- steps

    @property
    def _region(self) -> str:
        return zone(self._zone).region

    def _addresses(self, intent: Intent, machine: Machine | None) -> Addresses:
        wanted: list[Reservation] = []
        if machine is not None and intent.strategy is Strategy.REPLACE:
            wanted = [*(external(machine) if self._task["preserve_external_ip"] else ()), *internal(machine)]
        elif machine is not None and intent.stops and self._task["preserve_external_ip"]:
            wanted = external(machine)
        return Addresses(self._client, self._region, intent.name, wanted, self._task.warn)

    def steps(self, intent: Intent, at: Moment, gate: Gate) -> Sequence[Step]:
        if at is Moment.BEFORE_STOP:
            return [self._addresses(intent, intent.machine).step(gate)]
        if at is Moment.BEFORE_BUILD:
            return self._network(intent, gate)
        return [self._deprecating(intent, gate)] if any(one.members for one in intent.older) else []

    def _network(self, intent: Intent, gate: Gate) -> list[Step]:
        """The step that makes the network where the task asks for that and it is not there."""
        if not self._task["ensure_network"]:
            return []
        interfaces = (intent.manifest or {}).get("instance", {}).get("networkInterfaces", ())
        name = last_part(self._task["network"]) or next((last_part(part.get("network")) for part in interfaces), "default")
        body = {"name": name, "autoCreateSubnetworks": True}
        creation = change(self._client, f"creating network {name}", f"network {name}", lambda: self._client.insert_network(body))
        there = partial(self._client.get_network, name)
        return [Step("create network", do=lambda: gate.send(creation), done=lambda: Progress.DONE if there() else Progress.NO)]

    def _deprecating(self, intent: Intent, gate: Gate) -> Step:
        """Each older image of the VM gives way to the new one of its device; until then the family still had it."""
        older = [member for one in intent.older for member in one.members]

        def remaining() -> list[tuple[RecoveryPoint, RecoveryPoint]]:
            newer = {point.device: point for point in (intent.saved() if intent.saved else ())}
            candidates = [(member, newer[member.device]) for member in older if member.device in newer]
            active: list[bool] = at_once(*[partial(self._is_active, member) for member, _new in candidates])
            return [pair for pair, is_active in zip(candidates, active) if is_active and pair[0].name != pair[1].name]

        def act() -> None:
            gate.send_all([self._deprecation(member.name, "DEPRECATED", new.ref) for member, new in remaining()])

        def undo() -> None:
            # The new images may go again, and the family must not be left with none.
            names = {one.name for one in intent.planned}
            images = [image for image in at_once(*[partial(self._client.get_image, member.name) for member in older]) if image]
            ours = [image.name for image in images if last_part(image.wire.get("deprecated", {}).get("replacement")) in names]
            gate.send_all([self._deprecation(name, "ACTIVE", None) for name in ours])

        return Step(_DEPRECATING, do=act, done=lambda: Progress.NO if remaining() else Progress.DONE, undo=undo)

    def _deprecation(self, name: str, state: str, replacement: str | None) -> Change:
        return change(
            self._client, f"deprecating image {name}", f"image {name}", lambda: self._client.deprecate_image(name, state, replacement), takes_away=True
        )

    def _is_active(self, member: RecoveryPoint) -> bool:
        image = self._client.get_image(member.name)
        return image is not None and not image.deprecated
