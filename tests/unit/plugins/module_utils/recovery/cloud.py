# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud in memory: dictionaries, a clock, operations that take time, and the processes that send requests to it.

It does what it is asked for, even what is foolish, and notes in ``violations`` what must never happen to anybody's data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any, TypeVar

from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Conflict,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
    WaitTimeout,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.guard import before_sending
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import SUCCEEDED
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.findings import Finding
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import KEY, claim_of, parse_standing
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock import Lock
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Attachment, Disk, Machine, Marked, Power, Ref
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Change

from tests.unit.fakes import FakeClock

T = TypeVar("T")

EPOCH = datetime(2026, 1, 3, tzinfo=timezone.utc)
STALE, IN_USE, SCARCE, TAKEN = "stale", "in use", "scarce", "taken"
# What a disk holds while it goes back to a recovery point, and when that has failed.
TORN = "torn"
READ, CHANGE = "read", "change"
# How the addresses begin that a machine gets at its start.
GIVEN = "198.51.100."
# How long an operation takes that is still under way when its process ends.
SLOW_S = 20.0
# How often a process renews its locks, in seconds.
RENEWAL_S = 40.0


class Killed(BaseException):
    """The process is dead: nothing more of it happens."""


class Fault(Enum):
    """What becomes of one request. The first four are not accepted, the others are."""

    KILLED_BEFORE = "the process dies before it leaves"
    REFUSED = "refused"
    SCARCE = "refused for want of capacity"
    STALE = "refused because somebody has just changed the thing"
    CUT_OFF = "refused, as is everything after it: the credentials are no longer valid"
    LOST = "carried out, and no answer comes"
    LOST_SLOW = "accepted, and no answer comes while it is under way"
    FAILS = "accepted, and the operation fails"
    STUCK = "accepted, and the operation does not end as long as this process lives"
    KILLED_SLOW = "accepted, and the process dies while it is under way"
    KILLED_AFTER = "carried out, and the process dies"


@dataclass(frozen=True)
class Event:
    """One request of a process, the ``number``-th of its kind and key, before it is carried out."""

    process: Process = field(compare=False, repr=False)
    kind: str
    key: str
    number: int

    @property
    def name(self) -> tuple[str, str, int]:
        return self.kind, self.key, self.number


Script = Callable[[Event], "Fault | None"]


@dataclass(eq=False)
class Operation:
    """What was accepted and takes time; ``of`` are the refs that it changes."""

    what: str
    of: tuple[Ref, ...]
    ends_at: float
    finish: Callable[[], object]
    abort: Callable[[], object]
    error: RecoveryError | None = None
    ended: bool = False


@dataclass
class Slow:
    """How long the truth takes to show: so many reads of a thing give it as it was before, so many lists too."""

    gets: int = 0
    lists: int = 0


class Cloud:
    """``things`` are machines, disks and recovery points by ref, ``precious`` the disks that nobody has given up."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.things: dict[Ref, Any] = {}
        self.manifests: dict[str, dict[str, Any]] = {}
        # Address to who reserved it.
        self.addresses: dict[str, str] = {}
        self.operations: list[Operation] = []
        self.operation_s = 1.0
        self.slow = Slow()
        self.longest_note = 4000
        self.precious: set[Ref] = set()
        # Whether a precious thing may be deleted, because what it was needed for is there.
        self.may_go: Callable[[Cloud, Ref], bool] = lambda _cloud, _ref: False
        # By machine, the run that has taken its lock last; "" when it was given up.
        self.holders: dict[Ref, str] = {}
        # Disks of several states may run together, because the test restores some of them only.
        self.mixes = False
        # Recovery points that say "stopped" and were taken of a machine that was not.
        self.unrest: set[Ref] = set()
        self.findings: list[Finding] = []
        self.violations: list[str] = []
        # What disks held that may go back to recovery points, by the disk's uid: on the disk itself, or in a recovery point of it that is whole.
        self.treasures: set[tuple[str, str]] = set()
        # Machines that run because somebody has started them in the middle of a task; a stop ends that.
        self.started_by_others: set[Ref] = set()
        self._before: dict[str, dict[Ref, list[Any]]] = {"get": {}, "list": {}}
        self._made = 0

    def copy(self) -> Cloud:
        """The same state, with a clock of its own. Nothing may be under way."""
        assert not self.operations
        other = copy(self)
        other.clock = FakeClock()
        other.clock.now = self.clock.now
        other.things, other.manifests, other.addresses = dict(self.things), dict(self.manifests), dict(self.addresses)
        other.findings, other.holders = list(self.findings), dict(self.holders)
        other.operations, other.violations, other.precious, other.unrest = [], list(self.violations), set(self.precious), set(self.unrest)
        other.treasures, other.started_by_others = set(self.treasures), set(self.started_by_others)
        other.slow, other._before = replace(self.slow), {"get": {}, "list": {}}
        return other

    # --- time

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.clock.now)

    @property
    def timestamp(self) -> str:
        return self.now.isoformat().replace("+00:00", "Z")

    def settle(self, *, everything: bool = False) -> None:
        """Let end what is due."""
        for operation in [one for one in self.operations if everything or one.ends_at <= self.clock.now]:
            self.operations.remove(operation)
            operation.ended = True
            try:
                operation.abort() if operation.error else operation.finish()
            except RecoveryError as error:
                operation.error = error
            self.check()

    def unstick(self) -> None:
        """What does not end as long as a process lives ends soon after."""
        for operation in self.operations:
            operation.ends_at = min(operation.ends_at, self.clock.now + SLOW_S)

    def number(self) -> str:
        self._made += 1
        return str(self._made)

    # --- things

    def put(self, ref: Ref, thing: Marked | None) -> None:
        """Change a thing, make it or take it away; slow reads show it as it was before."""
        for way, count in (("get", self.slow.gets), ("list", self.slow.lists)):
            if count:
                self._before[way].setdefault(ref, [self.things.get(ref), count])
        if thing is None:
            self.things.pop(ref, None)
        else:
            self.things[ref] = thing

    def get(self, ref: Ref) -> Any:
        """The thing as a read shows it."""
        before = self._before["get"].get(ref)
        if before is None:
            return self.things.get(ref)
        before[1] -= 1
        if before[1] <= 0:
            del self._before["get"][ref]
        return before[0]

    def listed(self, kind: type[T]) -> list[T]:
        """All things of a kind as a list shows them."""
        before = self._before["list"]
        shown = {**self.things, **{ref: entry[0] for ref, entry in before.items()}}
        for ref, entry in list(before.items()):
            entry[1] -= 1
            if entry[1] <= 0:
                del before[ref]
        return [thing for _ref, thing in sorted(shown.items()) if isinstance(thing, kind)]

    def machine(self, ref: Ref) -> Machine:
        return self._there(ref, Machine)

    def disk(self, ref: Ref) -> Disk:
        return self._there(ref, Disk)

    def _there(self, ref: Ref, kind: type[T]) -> T:
        found = self.things.get(ref)
        if not isinstance(found, kind):
            raise NotFound(f"there is no {ref}.")
        return found

    def update(self, ref: Ref, **fields: Any) -> None:
        self.put(ref, replace(self._there(ref, Marked), **fields))

    def mark(self, ref: Ref, changes: marks.Changes, *, tags: bool = False) -> None:
        """Set or remove marks, or tags; the version changes."""
        thing: Marked = self._there(ref, Marked)
        changed: dict[str, Any] = {"tags": marks.merged(thing.tags, changes)} if tags else {"marks": marks.merged(thing.marks, changes)}
        self.put(ref, replace(thing, version=str(int(thing.version) + 1), **changed))
        self.see_claim(ref, changes)

    def see_claim(self, ref: Ref, changes: marks.Changes) -> None:
        """Note who holds a machine's lock: on the machine itself, or on one of its disks while there is no machine."""
        thing = self.things[ref]
        machine = ref if isinstance(thing, Machine) else _machine_of(thing)
        if any(key == marks.LOCK or key.startswith(KEY) for key in changes) and (isinstance(thing, Machine) or machine not in self.things):
            claim = claim_of({key: value for key, value in thing.marks.items() if not _only_stands(key, value)})
            self.holders[machine] = "" if claim is None or claim.released_unfinished else claim.run

    # --- what machines do

    def power(self, ref: Ref, power: Power) -> None:
        """What a start or a stop comes to; a VM that stops loses an address that is not reserved."""
        machine = self.machine(ref)
        own = dict(machine.own)
        if power is Power.OFF:
            self.started_by_others.discard(ref)
        if power is Power.OFF and own["address"] not in self.addresses:
            own["address"] = ""
        if power is Power.ON and not own["address"]:
            own["address"] = f"{GIVEN}{self.number()}"
        started = self.timestamp if power is Power.ON and machine.power is not Power.ON else machine.started_at
        self.put(ref, replace(machine, power=power, status=STATUSES[power], started_at=started, own=own))

    def connect(self, ref: Ref, attachment: Attachment) -> None:
        """Attach a disk under the lowest order that is free."""
        machine, disk = self.machine(ref), self.disk(attachment.disk)
        taken = {one.order for one in machine.attached}
        order = next(number for number in range(len(taken) + 1) if number not in taken)
        attached = sorted((*machine.attached, replace(attachment, order=order)), key=lambda one: one.order)
        self.put(ref, replace(machine, attached=tuple(attached)))
        self.put(disk.ref, replace(disk, used_by=(*disk.used_by, ref)))

    def disconnect(self, ref: Ref, disk: Ref) -> None:
        machine = self.machine(ref)
        self.put(ref, replace(machine, attached=tuple(one for one in machine.attached if one.disk != disk)))
        found = self.things.get(disk)
        if found:
            self.put(disk, replace(found, used_by=tuple(user for user in found.used_by if user != ref)))

    def erase(self, ref: Ref) -> None:
        """Delete a machine, with the disks that go with it."""
        machine = self.machine(ref)
        for one in machine.attached:
            self.disconnect(ref, one.disk)
            if one.kept["goes_along"]:
                self.destroy(one.disk)
        self.put(ref, None)
        self._forget_lock(ref)

    def destroy(self, ref: Ref) -> None:
        thing = self.things[ref]
        self.put(ref, None)
        if marks.LOCK in thing.marks and _machine_of(thing) not in self.things:
            self._forget_lock(_machine_of(thing))

    def _forget_lock(self, machine: Ref) -> None:
        """A lock goes with the last that carries it."""
        if not any(marks.LOCK in thing.marks for thing in self.things.values() if isinstance(thing, Disk) and _machine_of(thing) == machine):
            self.holders.pop(machine, None)

    # --- what must never be

    def check(self) -> None:
        for machine in [one for one in self.things.values() if isinstance(one, Machine)]:
            found = {self.things[one.disk].own["content"] for one in machine.attached if one.disk in self.things}
            if machine.power is Power.ON and machine.ref not in self.started_by_others and (TORN in found or len(found) > 1 and not self.mixes):
                self.violations.append(f"{machine.ref} runs on a mix of {sorted(found)}")

        self.violations += [f"{content} of the disk {uid} is lost" for uid, content in self.treasures if not self._is_there(uid, content)]

    def _is_there(self, uid: str, content: str) -> bool:
        on_disk = any(isinstance(one, Disk) and one.uid == uid and one.own["content"] == content for one in self.things.values())
        return on_disk or self.is_saved(uid, content)

    def is_saved(self, uid: str, content: str) -> bool:
        """Whether a recovery point of this very disk, which is whole and not about to go, holds this content."""
        points = [one for one in self.things.values() if isinstance(one, RecoveryPoint) and one.source_uid == uid]
        return any(one.status == SUCCEEDED and not one.condemned and content in one.own["contents"].values() for one in points)

    def check_deletion(self, refs: Iterable[Ref]) -> None:
        """At the moment at which a deletion is accepted."""
        for ref in self.precious.intersection(refs):
            if not self.may_go(self, ref):
                self.violations.append(f"{ref} was deleted, which nobody has given up")

    def check_change(self, process: Process, what: str, machine: Ref, *, exchanges: bool) -> None:
        """A change of a machine, or of its disks, is its holder's; disks are exchanged while it stands still."""
        there, holder = self.things.get(machine), self.holders.get(machine, "")
        if holder not in process.runs:
            self.violations.append(f"{what}: the lock is held by {holder or 'nobody'}")
        if exchanges and there and there.power is not Power.OFF:
            self.violations.append(f"{what}: the machine is {there.status}")


def _only_stands(key: str, value: str) -> bool:
    """Whether the mark is of a run that stands for the lock and does not hold it."""
    return key.startswith(KEY) and not parse_standing(key, value).holds


def _machine_of(disk: Marked) -> Ref:
    """The machine whose disk it is, as its marks tell."""
    return f"{disk.marks.get(marks.PLACE)}/vm/{disk.marks.get(marks.VM)}"


STATUSES = {Power.ON: "UP", Power.OFF: "DOWN", Power.BETWEEN: "MOVING", Power.SUSPENDED: "ASLEEP"}


class Process:
    """One run of a task, as a process of its own. ``script`` decides what becomes of each of its requests.

    ``accepted`` is what was accepted of what it sent, but for what only concerns the lock; ``runs`` are the ids under which it holds locks.
    """

    def __init__(self, cloud: Cloud, waiter: Waiter, script: Script = lambda _event: None) -> None:
        self.cloud, self.waiter, self._script = cloud, waiter, script
        self.dead = self.cut_off = False
        self.events: list[Event] = []
        self.accepted: list[str] = []
        self.acted = False
        self.runs: set[str] = set()
        self.locks: list[Lock] = []
        self.ended = False
        self._renewed_at = 0.0
        self._counts: Counter[tuple[str, str]] = Counter()

    def _begin(self, kind: str, key: str) -> Fault | None:
        if self.dead:
            raise Killed
        self._counts[kind, key] += 1
        event = Event(self, kind, key, self._counts[kind, key])
        self.events.append(event)
        fault = self._script(event)
        if fault is Fault.KILLED_BEFORE:
            self.die()
        self.cut_off = self.cut_off or fault is Fault.CUT_OFF
        if self.cut_off:
            raise AuthenticationFailed("the credentials are no longer valid.", code="cut off")
        self.cloud.settle()
        return fault

    def die(self) -> None:
        self.dead = True
        raise Killed

    def sleep(self, seconds: float) -> bool:
        """The clock goes on; a process that lives renews its locks meanwhile."""
        if self.dead:
            raise Killed
        self.cloud.clock.sleep(seconds)
        self.cloud.settle()
        if self.cloud.clock.now - self._renewed_at > RENEWAL_S:
            self._renewed_at = self.cloud.clock.now
            for lock in self.locks:
                if lock.held:
                    with suppress(RecoveryError):
                        lock._renew()
        return False

    def read(self, key: str, look: Callable[[], T]) -> T:
        if self._begin(READ, key) is Fault.REFUSED:
            raise ProviderFailure(f"{key}: the provider did not answer.", transient=True)
        return look()

    def change(self, what: str, of: Ref, begin: Callable[[], object], finish: Callable[[], object], **facts: Any) -> Change:
        """A change that is accepted unless ``begin`` raises, and ends with ``finish``; ``abort`` takes back what ``begin`` has shown.

        ``machine``: the one that it changes, under that machine's lock. ``exchanges``: it exchanges disks. ``bookkeeping``: it concerns the lock only.
        """
        machine, exchanges = facts.pop("machine", ""), facts.pop("exchanges", False)
        bookkeeping, abort = facts.pop("bookkeeping", False), facts.pop("abort", lambda: None)

        def send() -> Underway:
            fault = self._begin(CHANGE, what)
            if fault in _REFUSALS:
                raise _REFUSALS[fault](what)
            # A pause may have been long.
            before_sending()
            begin()
            if machine:
                self.cloud.check_change(self, what, machine, exchanges=exchanges)
            self.acted = True
            if not bookkeeping:
                self.accepted.append(what)
            return self._submitted(Operation(what, tuple(filter(None, {of, machine})), self.cloud.clock.now + self.cloud.operation_s, finish, abort), fault)

        return Change(what, of, send, **facts)

    def _submitted(self, operation: Operation, fault: Fault | None) -> Underway:
        if fault is Fault.FAILS:
            operation.error = ProviderFailure(f"{operation.what} failed.", code="failed")
        elif fault is Fault.STUCK:
            operation.ends_at = float("inf")
        elif fault in (Fault.LOST_SLOW, Fault.KILLED_SLOW):
            operation.ends_at = self.cloud.clock.now + SLOW_S
        elif fault in (Fault.LOST, Fault.KILLED_AFTER):
            operation.ends_at = self.cloud.clock.now
        self.cloud.operations.append(operation)
        self.cloud.settle()
        if fault in (Fault.KILLED_SLOW, Fault.KILLED_AFTER):
            self.die()
        if fault in (Fault.LOST, Fault.LOST_SLOW):
            raise OutcomeUnknown(f"{operation.what}: no answer came.")
        return Underway(self, operation)

    def underway(self, refs: Iterable[Ref]) -> list[Underway]:
        """What is under way on these."""
        wanted = set(refs)
        return [Underway(self, one) for one in self.cloud.operations if wanted.intersection(one.of)]


@dataclass(frozen=True)
class Underway:
    """An operation, as one process waits for it."""

    process: Process
    operation: Operation

    def wait(self) -> None:
        process, operation = self.process, self.operation
        process.read(f"wait for {operation.what}", lambda: None)
        while not operation.ended:
            if process.waiter.remaining_s <= 0:
                raise WaitTimeout(f"{operation.what} has not ended yet.")
            process.waiter.pause(max(0.0, operation.ends_at - process.cloud.clock.now))
            process.read(f"wait for {operation.what}", lambda: None)
        if operation.error:
            raise operation.error


_REFUSALS: dict[Fault | None, Callable[[str], RecoveryError]] = {
    Fault.REFUSED: lambda what: ProviderFailure(f"{what} was refused.", code="refused"),
    Fault.SCARCE: lambda what: ProviderFailure(f"{what}: there is no capacity.", code=SCARCE),
    Fault.STALE: lambda what: Conflict(f"{what}: it was changed since it was read.", code=STALE),
}
