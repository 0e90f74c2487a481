# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recovery asks of a provider.

A provider answers three kinds of question: what is there (reads), what a thing would be (``planned``: no request), and how one
thing is changed (a ``Change``: a value that has not been sent). Only ``gate.py`` sends changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..core.arguments import Task
from ..core.errors import RecoveryError
from ..core.plan import Step
from ..core.waiter import Waiter
from .marks import Changes
from .model import Attachment, Device, Disk, Document, Machine, Marked, Moment, Planned, Power, Ref, Strategy, Way

if TYPE_CHECKING:
    from .findings import Finding
    from .gate import Gate
    from .points import BackupSet, RecoveryPoint


class Work(Protocol):
    """What the provider has accepted: an operation, or a state to be polled for."""

    def wait(self) -> None:
        """Return when it has ended well. Raises what made it fail, WaitTimeout at the deadline, Cancelled."""


@dataclass(frozen=True)
class Change:
    """One request that changes something, not sent yet.

    ``what`` says it in a message, as in "detaching data from VM web-1". ``of`` is what it changes: changes of one thing go one after another.
    ``takes_away``: detach, delete, reset, remove; the lock is read again before it. ``needs``: the machine must be seen in this state
    immediately before.
    """

    what: str
    of: Ref
    send: Callable[[], Work] = field(repr=False)
    takes_away: bool = False
    needs: Power | None = None


@dataclass(frozen=True)
class MarkRules:
    """What a provider's marks can hold. ``most``: marks and tags together, on one resource.

    ``settle_s``: after so many seconds a write is seen by everybody; it counts where there is no ``compare_and_swap``.
    """

    longest_value: int
    most: int
    compare_and_swap: bool
    settle_s: float = 0.0


class Machines(Protocol):
    """The VMs of one place. ``KEEPS_REPLACED``: a machine that makes way is kept, stopped, until its disks are given up."""

    KEEPS_REPLACED: ClassVar[bool]

    def get(self, name: str) -> Machine | None:
        """The VM as it is now, None when there is none; read by itself, so that it does not lag as a list may."""

    def ref(self, name: str) -> Ref: ...

    def chosen_by(self, tags: Mapping[str, str]) -> list[str]:
        """The names of the VMs with all these tags."""

    def unfinished(self, refs: Collection[Ref]) -> Sequence[Work]:
        """What the provider still does to these machines and disks, whoever asked for it."""

    def status_word(self, power: Power) -> str:
        """The provider's word for a machine that runs, or is stopped."""

    def start(self, machine: Machine) -> Change: ...
    def stop(self, machine: Machine, discard_volatile: bool) -> Change: ...

    def build(self, name: str, request: Any, marks: Mapping[str, str]) -> Change:
        """Make the machine of a request of ``Manifests.build_request``, with marks in the same request. Sent twice, it makes no second one.

        One that made way and has these very disks comes back instead.
        """

    def remove(self, machine: Machine) -> Change:
        """Delete this very machine: NotFound when it is gone, even if another has its name by now."""

    def make_way(self, machine: Machine) -> Change:
        """Make room under its name for a machine on new disks: delete it, or keep it aside where no other machine can have its boot disk."""

    def attach(self, machine: Machine, attachment: Attachment) -> Change: ...
    def detach(self, machine: Machine, attachment: Attachment) -> Change: ...

    def outlive(self, machine: Machine) -> list[str]:
        """The names of the disks that stay when the machine is deleted as it is."""

    def is_protected(self, machine: Machine) -> bool:
        """Whether the provider refuses its deletion on purpose."""

    def securing(self, machine: Machine) -> list[Change]:
        """What must be changed so that the deletion of the machine takes nothing along that is needed; empty when it takes nothing."""

    def unsecuring(self, machine: Machine, attachments: Sequence[Attachment]) -> list[Change]:
        """What takes that back, so that its disks are attached as these attachments say."""

    def differences(self, machine: Machine, request: Any) -> list[str]:
        """What of a machine, other than its disks, is not as the request that built it asked for."""

    def facts(self, attachment: Attachment) -> Document:
        """How a disk is attached, as part of a note that can be written as JSON."""

    def noted(self, note: Mapping[str, Any]) -> Attachment:
        """The attachment that a note tells of; its disk is the note's ``old``."""

    def packed(self, attachment: Attachment) -> str:
        """How a disk is attached as the value of a mark, without disk and device."""

    def unpacked(self, text: str, device: str, disk: Ref) -> Attachment | None:
        """The attachment that such a mark tells of; None when it is unreadable."""


class Disks(Protocol):
    """The disks that machines of one place can have."""

    # The provider's word for the status of one that a machine has.
    ATTACHED: ClassVar[str]

    def get(self, ref: Ref) -> Disk | None: ...

    def marked(self, marks: Mapping[str, str | None], having: str = "") -> list[Disk]:
        """The disks of the place with these marks (None: any value, or none), and with the mark ``having`` of any value."""

    def marked_anywhere(self, marks: Mapping[str, str | None], having: str = "") -> list[Disk]:
        """The same in all places that recovery points of this task can be restored in."""

    def model(self, disk: Disk) -> Document:
        """What a new disk in this one's place is made with."""

    def planned(self, attachment: Attachment, name: str, model: Document, source: RecoveryPoint, marks: Mapping[str, str], note: Document) -> Planned:
        """The disk to be made from a recovery point for the device of an attachment, like ``model``, with the user's tags of the task."""

    def ref(self, model: Document, name: str) -> Ref:
        """The ref of a disk of this name, made like ``model``; empty where the provider chooses it."""

    def key_problem(self, device: str, model: Document, point: RecoveryPoint) -> str:
        """Why the task's keys do not open the point, or do not make the disk; empty when they do, or none is needed."""

    def create(self, planned: Planned, marks: Mapping[str, str]) -> Change:
        """Make it, with further marks in the same request. Sent twice, it makes the same disk, or is refused with Conflict."""

    def delete(self, disk: Disk) -> Change:
        """Delete it. Raises NotFound when sent for one that is gone; one in use is refused."""

    def is_in_use(self, error: RecoveryError) -> bool:
        """Whether a deletion was refused because somebody uses the disk."""


@dataclass(frozen=True)
class Wish:
    """What a task asks of a backup, in words that all clouds share. ``own`` is what only the provider knows of."""

    method: str
    consistency: str
    tags: Mapping[str, str]
    own: Any = None

    def asks(self, asked: str) -> Document:
        """What the task asked for, for the note of each recovery point: the consistency asked for may be another than is reached."""
        return {"consistency": asked, **(self.own.asks if self.own else {})}


@dataclass(frozen=True)
class Saving:
    """A machine, disks of it by device, and under which datetime and marks they are to be saved.

    ``asked`` is what the task asked for, for the comparison with a later task; it goes into the note of each recovery point. ``moment`` goes into the
    names of the points; for what is not a backup it is a word of whoever makes them.
    """

    machine: Machine
    disks: Mapping[str, Disk]
    wish: Wish
    moment: str
    attempt: int
    marks: Mapping[str, str]
    manifest: Document
    asked: Document


@dataclass(frozen=True)
class Named:
    """Recovery points that a task names one by one: device to point. ``backup`` is the backup that they turned out to be all of.

    ``boot_only``: an image of a boot disk whose device is not known; its device is points.BOOT.
    """

    label: str
    points: Mapping[str, RecoveryPoint] = field(default_factory=dict)
    backup: BackupSet | None = None
    boot_only: bool = False


class Points(Protocol):
    """Recovery points: snapshots, images, or the provider's own whole."""

    # The provider's own words for the status of a recovery point.
    STATUSES: ClassVar[Collection[str]]
    # The methods by which one recovery point holds all disks of a VM.
    WHOLE: ClassVar[Collection[str]]

    def sets(self, vm: str | None, *, anywhere: bool = False) -> list[BackupSet]:
        """The backups of one VM, or of all, in the place or anywhere; complete or not, in no order.

        Only points that are ours: marks, name and source agree, because other tools copy labels.
        """

    def named(self, task: Task, vm: str, machine: Machine | None) -> Named | None:
        """What the task names by itself (snapshots, an image, a family); None when it names a backup. Raises NotFound and others, before any change."""

    def planned(self, saving: Saving) -> list[Planned]:
        """What is to be made so that the disks are saved; the manifest rides along where it fits."""

    def fits(self, saving: Saving) -> bool:
        """Whether the manifest fits into what is planned; else it is stored apart."""

    def predicted(self, saving: Saving, planned: Planned) -> RecoveryPoint:
        """The recovery point as it will be."""

    def tied(self, points: Iterable[RecoveryPoint]) -> list[BackupSet]:
        """The sets that the points' marks tie together."""

    def find(self, planned: Planned) -> RecoveryPoint | None:
        """The point that was planned, None while there is none; read by itself, so that it does not lag as a list may."""

    def get(self, point: RecoveryPoint) -> RecoveryPoint | None:
        """The same point read anew; None when it is gone, even if another has its name by now."""

    def create(self, planned: Planned, machine: Machine) -> Change:
        """Make it. Sent twice, it makes the same point, or is refused with Conflict."""

    def delete(self, point: RecoveryPoint) -> Change:
        """Delete it. Raises NotFound when sent for one that is gone."""

    def wish(self, task: Task, consistency: str) -> Wish: ...

    def saved_devices(self, backup: BackupSet, manifest: Document | None) -> dict[str, RecoveryPoint]:
        """Device to what its disk is made from."""


class Marks(Protocol):
    """Marks and tags of anything that carries them."""

    RULES: ClassVar[MarkRules]

    def write(self, seen: Marked, changes: Changes) -> Change:
        """Set marks of what was read, or remove those whose value is None or empty; other marks and all tags stay.

        Refused (``is_stale``) when the thing was changed since, where ``RULES.compare_and_swap``.
        """

    def write_tags(self, seen: Marked, tags: Mapping[str, str]) -> Change:
        """Set tags in the same way; other tags and all marks stay."""

    def is_stale(self, error: RecoveryError) -> bool:
        """Whether somebody else changed the thing since it was read."""

    def check_tags(self, tags: Mapping[Any, Any] | None) -> dict[str, str]:
        """The user's tags as this provider keeps them. Raises InvalidRequest for what it does not take, or has no room for beside our marks."""

    def value(self, text: str) -> str:
        """The value of a mark that stands for the text: always legal, another one for each text, and the text itself where it is such a value."""


class Manifests(Protocol):
    """The configuration of a machine: what it is, where it is kept, and the request that builds it again."""

    SENSITIVE: ClassVar[Collection[str]]
    # What keeps a manifest that is stored apart, in the word for results.
    STORED_IN: ClassVar[str]

    def capture(self, machine: Machine, disks: Mapping[str, Disk]) -> Document:
        """All that builds it again, as JSON can hold it; without our marks, which change while the machine stays the same."""

    def problem(self, document: Document) -> str:
        """What is wrong with a manifest that the user gives; empty when nothing is."""

    def attachments(self, document: Document) -> list[Attachment]:
        """How the machine had its persistent disks."""

    def disks(self, document: Document) -> list[Ref]:
        """The disks that the machine had, where the document says them."""

    def models(self, document: Document) -> dict[str, Document]:
        """Device to what a new disk is made with, in the place of this provider."""

    def build_request(self, document: Document, name: str, attachments: Sequence[Attachment], changes: BuildChanges) -> Any: ...

    def scratch(self, name: str) -> Document:
        """A manifest for a machine that never was: one boot disk, whose device is ``BOOT``."""

    def storable(self, document: Document) -> bool:
        """Whether the provider can hold it apart from the recovery points."""

    def has(self, key: str) -> bool: ...
    def put(self, document: Document) -> Change: ...
    def get(self, key: str) -> Document | None: ...

    def kept_for(self, vm: str) -> list[str]:
        """The fingerprints of all manifests of a VM that are stored apart."""

    def drop(self, key: str) -> Change | None:
        """Delete the one of this fingerprint; None when a recovery point still refers to it, or there is none."""


@dataclass(frozen=True)
class BuildChanges:
    """What a machine to be built has other than its manifest. ``as_before``: nothing, because its restore is taken back.

    With the strategy NEW it is another machine, which takes no address and no host name along.
    """

    task: Task
    strategy: Strategy
    as_before: bool = False


@dataclass(frozen=True)
class Intent:
    """What a task is about to do with a machine, for the provider's own findings and steps.

    ``machine`` is None when it is to be built; ``request`` gives the request that builds it. ``stops``: it runs and will be stopped.
    """

    task: Task
    name: str
    strategy: Strategy | None
    machine: Machine | None
    disks: Mapping[str, Disk] = field(default_factory=dict)
    devices: Sequence[Device] = ()
    planned: Sequence[Planned] = ()
    stops: bool = False
    retire: bool = False
    manifest: Document | None = None
    request: Callable[[], Any] | None = None
    saved: Callable[[], Sequence[RecoveryPoint]] | None = None
    older: Sequence[BackupSet] = ()


class Resets(Protocol):
    """Disks that go back to recovery points of themselves."""

    def kept(self, restore: str | None, vm: str | None) -> list[RecoveryPoint]:
        """The safety points of a restore of a VM; None: of all. Only those that are ours."""

    def problem(self, disk: Disk, point: RecoveryPoint) -> str:
        """Why the disk cannot go back to the point, with what to do instead; empty when it can."""

    def reset(self, machine: Machine, disk: Disk, point: RecoveryPoint) -> Change:
        """Let the disk of a stopped machine go back. Sent twice, it goes back twice."""


class Extras(Protocol):
    """What has no common form: addresses, networks, keys, permissions, quota, deprecation. The provider keeps its own."""

    LOSABLE: ClassVar[Collection[str]]

    def findings(self, intent: Intent) -> Iterable[Callable[[], Iterable[Finding]]]:
        """Looks at all that the run will need; each is independent of the others."""

    def steps(self, intent: Intent, at: Moment, gate: Gate) -> Sequence[Step]: ...


class Provider(Protocol):
    """One place (a zone, a region) of one provider, for one task."""

    NAME: ClassVar[str]
    # The option that says the place: "zone", "region".
    PLACE: ClassVar[str]
    # The option that says another place for a copy: "new_zone", "new_region".
    NEW_PLACE: ClassVar[str]

    @property
    def place(self) -> str: ...

    @property
    def scope(self) -> str:
        """What names are unique within: the project, the account. It goes into derived names."""

    @property
    def machines(self) -> Machines: ...

    @property
    def disks(self) -> Disks: ...

    @property
    def points(self) -> Points: ...

    @property
    def marks(self) -> Marks: ...

    @property
    def manifests(self) -> Manifests: ...

    @property
    def extras(self) -> Extras: ...

    @property
    def resets(self) -> Resets | None:
        """None where no disk can go back to a recovery point of itself."""

    def ways(self, machine: Machine, attachment: Attachment) -> tuple[Way, ...]:
        """How this device can come back in place, best first; empty when it cannot."""

    def at(self, place: str) -> Provider:
        """The same provider and task in another place; what is changed through one counts for ``acted`` of both."""

    def for_target(self, task: Task, waiter: Waiter) -> Provider:
        """The same connection for one target of a task over many, with a deadline and cancellation of its own."""

    def validate(self, operation: str) -> None:
        """Raise InvalidRequest for options of the provider's own that make no sense, without any request."""

    def is_scarce(self, error: RecoveryError) -> bool:
        """Whether capacity or quota did not suffice: worth trying again until the deadline."""

    def acted(self) -> bool:
        """Whether any change was accepted, or may have been."""
