# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore will do, and has done, in the words of its message: the point and its age, and every disk and VM that changes or goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...core.model import Record
from ..model import Device, Ref
from ..target import Target
from .found import Restore
from .routes.exchange import Wanted
from .source import RestoreSource


@dataclass(frozen=True)
class Words:
    """``forecast`` is the message of check mode, ``done`` what is added to that of a success, from the restore as it was seen at the end."""

    forecast: str
    done: Callable[[Record | None], str] = lambda _after: ""


def in_place(target: Target, source: RestoreSource, devices: Sequence[Device], wanted: Wanted) -> Words:
    forecast = f"Would restore {target} to {source.described}: new disks for {_devices(devices)}. {_stop(target, wanted)}{_old(devices, wanted, 'would be')}"
    return Words(forecast.strip(), _done(devices, wanted))


def going_back(target: Target, before: Restore, devices: Sequence[Device], wanted: Wanted) -> Words:
    back = ", ".join(f"{device.name} ({device.new.name})" for device in devices)
    forecast = (
        f'Would bring {target} back to the disks from before the restore "{before.name}": {back}. {_stop(target, wanted)}{_old(devices, wanted, "would be")}'
    )
    return Words(forecast.strip(), _done(devices, wanted))


def replacing(target: Target, source: RestoreSource, devices: Sequence[Device], wanted: Wanted) -> Words:
    way = "kept aside" if target.provider.machines.KEEPS_REPLACED else "deleted"
    forecast = (
        f"Would restore {target} to {source.described}: the VM would be stopped, {way} and built again with new disks for {_devices(devices)},"
        f" under its name and addresses.{_old(devices, wanted, 'would be')}"
    )
    return Words(forecast, _done(devices, wanted))


def building(target: Target, source: RestoreSource, devices: Sequence[Device], wanted: Wanted, *, copy: bool) -> Words:
    what = "as a copy" if copy else "again, because it does not exist"
    after = "" if wanted.start else " It would be stopped as soon as it runs."
    return Words(f"Would build {target} {what}, from {source.described}: new disks for {_devices(devices)}.{after}")


def _devices(devices: Sequence[Device]) -> str:
    return ", ".join(device.name for device in devices) or "no device"


def _stop(target: Target, wanted: Wanted) -> str:
    if not wanted.was_on:
        return f"{target} is stopped{', and would be started' if wanted.start else ''}."
    return f"{target} would be stopped meanwhile{'' if wanted.start else ', and stay stopped'}."


def _old(devices: Sequence[Device], wanted: Wanted, verb: str) -> str:
    names = _names(device.old for device in devices if device.old)
    return f" The disks from before {verb} {'deleted' if wanted.delete_old else 'kept'}: {names}." if names else ""


def _done(devices: Sequence[Device], wanted: Wanted) -> Callable[[Record | None], str]:
    old = [device.old for device in devices if device.old]

    def done(after: Record | None) -> str:
        if not old:
            return ""
        if wanted.delete_old:
            return f"The disks from before are deleted: {_names(old)}"
        there = {one["disk"] for one in after.details["old_disks"]} if after else set(old)
        gone = _names(ref for ref in old if ref not in there)
        kept = f"The disks from before are kept: {_names(ref for ref in old if ref in there) or 'none'}"
        return f"{kept}. Gone are {gone}: somebody else has deleted them" if gone else kept

    return done


def _names(refs: Iterable[Ref]) -> str:
    return ", ".join(ref.rpartition("/")[2] for ref in refs)
