# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recovery knows of a cloud: machines, disks and how they are attached. Nothing here, or above it, knows a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

Document = dict[str, Any]
# The provider's own name for a thing: a path, an id, a CRN. Opaque; equal means the same thing, empty means nothing.
Ref = str


class Power(Enum):
    """Whether a machine runs. ``BETWEEN``: it is starting, stopping, or being repaired."""

    ON, OFF, BETWEEN, SUSPENDED = "on", "off", "between", "suspended"


class Way(Enum):
    """How one device comes to the data of its recovery point, on a machine that stays."""

    SWAP = "a new disk takes the place of the old one, which is kept"
    RESET = "the disk itself goes back; a recovery point of what it held is kept"
    REINITIALIZE = "the machine begins again on a new boot disk; a recovery point of the old one is kept"


class Strategy(str, Enum):
    """What a restore does. GONE and ROLLBACK are not asked for by these words: the situation, or ``rollback_of``, decides.

    RESET is what a user asks for as "rollback": the disks themselves go back.
    """

    IN_PLACE, REPLACE, NEW, GONE, ROLLBACK, RESET = "in_place", "replace", "new", "gone", "rollback", "reset"


class Moment(Enum):
    """Where a provider may add steps of its own to a route."""

    BEFORE_STOP, BEFORE_BUILD, AT_END = range(3)


@dataclass(frozen=True)
class Marked:
    """Anything that carries marks (ours) and tags (the user's). ``version`` is the compare-and-swap token, empty where the API has none.

    ``created_at`` is RFC 3339 in UTC, None when unknown; ``uid`` tells a thing from an earlier one of the same name.
    """

    ref: Ref
    name: str
    uid: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    created_at: str | None = None


@dataclass(frozen=True)
class Attachment:
    """How a machine has a disk. ``device`` is the lineage's key: it stays when the disk is exchanged.

    ``kept`` is compared after a restore and must be the same (mode, automatic deletion); ``sent`` is only asked for again (interface).
    """

    device: str
    disk: Ref
    boot: bool
    order: int = 0
    kept: Mapping[str, Any] = field(default_factory=dict)
    sent: Mapping[str, Any] = field(default_factory=dict)

    def of(self, disk: Ref) -> Attachment:
        """The same attachment of another disk."""
        return replace(self, disk=disk)


@dataclass(frozen=True)
class Machine(Marked):
    """A VM. ``marks`` are those of whatever carries the machine's marks: itself, or its boot volume.

    ``status`` is the provider's word for messages. ``started_at`` changes with every start; empty where the provider does not tell.
    ``attached`` are its persistent disks in their order, ``volatile`` the devices whose data a stop destroys. ``own`` is the provider's object.
    """

    power: Power = Power.OFF
    status: str = ""
    started_at: str = ""
    attached: tuple[Attachment, ...] = ()
    volatile: tuple[str, ...] = ()
    own: Any = field(default=None, repr=False, compare=False)

    @property
    def disks(self) -> frozenset[Ref]:
        """The refs of its disks."""
        return frozenset(one.disk for one in self.attached)

    def device(self, name: str) -> Attachment | None:
        """How it has this device; None when it does not."""
        return next((one for one in self.attached if one.device == name), None)


@dataclass(frozen=True)
class Disk(Marked):
    """A disk that outlives machines. ``note`` is the document that one of our restores wrote when it made the disk, {} for any other disk.

    ``used_by`` are the machines that have it; ``source`` is what it was made from; ``own`` the provider's object.
    """

    ready: bool = True
    failed: bool = False
    deleting: bool = False
    status: str = ""
    size_gib: int = 0
    used_by: tuple[Ref, ...] = ()
    source: Ref = ""
    note: Mapping[str, Any] = field(default_factory=dict)
    own: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Planned:
    """A disk or recovery point to be made: its name is known before, its ref too where the name decides it.

    ``request`` is the provider's own; None for what an earlier run has made, or what exists already. ``made_with_machine``: creating the
    machine makes it (a system disk from an image), so that its ref is known only afterwards.
    """

    ref: Ref
    name: str
    device: str
    marks: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    request: Any = field(default=None, repr=False)
    made_with_machine: bool = False


@dataclass(frozen=True)
class Identity:
    """Which restore a disk is made by, and for which machine. ``attempt`` above 1: the VM was lost again after this restore was complete.

    ``source_vm`` is the VM that the recovery point was taken of, where that is another one.
    """

    place: str
    vm: str
    restore: str
    strategy: str
    moment: str = ""
    manifest: str = ""
    attempt: int = 1
    source_vm: str = ""


@dataclass(frozen=True)
class Device:
    """One device of a machine on its way: how it was attached before (``before.disk`` is empty for a machine to be built), and what comes in its place.

    ``source`` is what the new disk is made from, ``taken_at`` when that was saved (RFC 3339, empty when unknown).
    """

    before: Attachment
    new: Planned
    way: Way = Way.SWAP
    source: Ref = ""
    taken_at: str = ""

    @property
    def name(self) -> str:
        return self.before.device

    @property
    def old(self) -> Ref:
        """The disk from before; empty when there is none."""
        return self.before.disk

    @property
    def after(self) -> Attachment:
        return self.before.of(self.new.ref)


def in_order(devices: list[Device]) -> tuple[Device, ...]:
    """The boot disk first, the others by their order: so they are attached, which decides their order where the provider has one."""
    return tuple(sorted(devices, key=lambda device: (not device.before.boot, device.before.order)))
