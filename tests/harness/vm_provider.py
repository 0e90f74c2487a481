# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fault harness needs to know of a provider: its simulator, its tasks, and how their ends are judged. Everything else is shared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .vm_clouds import Cloud, Digests
from .vm_kinds import Hit, Kind, Kinds

if TYPE_CHECKING:
    from .vm_meetings import MeetingTask

Perform = Callable[..., None]
FIRST, SECOND, THIRD = "20260101-010000", "20260102-010000", "20260103-010000"


@dataclass
class Before:
    """What was there before the task: the VM, the digests by device that a restore must bring back (`saved`), and those on its disks (`present`)."""

    vm: dict[str, Any]
    saved: Digests
    present: Digests
    disks: dict[str, str]


Goal = Callable[[Cloud, Before], list[str]]


@dataclass(frozen=True)
class Route:
    """A task. `prepare` brings a seeded cloud to where it begins; `goal` says what is wrong with the end; `watch` is for the provider.

    `seed` is how the cloud is seeded; `late` are options that are known only when the cloud is prepared.
    """

    title: str
    module: str
    options: Mapping[str, Any]
    prepare: Callable[[Cloud, Perform], None]
    goal: Goal
    watch: Mapping[str, Any] = field(default_factory=dict)
    seed: tuple[tuple[str, Any], ...] = ()
    locks: bool = False
    # Whether a failure takes back what was made; a single snapshot that was asked for stays, and is found by the next run.
    undone: bool = True
    late: Callable[[Cloud], Mapping[str, Any]] = lambda cloud: {}
    # Whether the same task again, after a success, has nothing to do.
    repeats: bool = True

    def __str__(self) -> str:
        return self.title


def nothing(cloud: Cloud, perform: Perform) -> None:
    """What a route needs first that needs nothing."""


class VmProvider(Protocol):
    """A provider of VMs. `NAME` is its simulator's and that of the modules' option; `SPEED` is how much faster time passes for its modules.

    What is called _S in options is the modules' time.
    """

    NAME: str
    TITLE: str
    ACCOUNT: str
    SPEED: float
    LOCK_TTL_S: int
    AT_ONCE: int
    SETTINGS: Mapping[str, Any]
    LIMITS: Mapping[str, Any]
    KINDS: Kinds
    ROUTES: Sequence[Route]
    TASKS: Mapping[str, MeetingTask]
    # Each variant of the simulator's settings by its name, to be run beside the plain one.
    VARIANTS: Mapping[str, Mapping[str, Any]]
    # How long reads lag in any of them, in real time.
    LAG_REAL_S: float
    # Step to the request that is sent for it.
    REQUESTS: Mapping[str, tuple[str, str]]
    # How chains restore, what there is no way back from, and how many requests a task has about; a kill at a later one comes too late.
    STRATEGIES: Sequence[str]
    ONE_WAY: Sequence[str]
    REQUESTS_OF: Mapping[str, int]
    # How many chains the sample has, how many pauses of a route by the way; one of so many kinds of faults a route has in it, and one of so many meetings.
    CHAINS: int
    SAMPLED: int
    PAUSES: Mapping[str, int]
    # What two controllers are held at until both are there, and the routes on which they meet.
    MEET_AT: Mapping[str, Any]
    # Routes whose meetings and faults under other settings are left to the full matrix.
    ONLY_IN_FULL: Sequence[str]
    MEET_UNDER: Sequence[str]
    ROUNDS: int
    MEETINGS: Sequence[str]
    MAKE_POINTS: Sequence[str]

    def is_paused(self, route: Route) -> bool:
        """Whether the sample pauses this route."""

    # -- The simulator

    def account(self, simulator: Any) -> Any:
        """What holds everything."""

    def copy(self, account: Any, simulator: Any) -> None:
        """Put a copy of an account into another simulator; nothing that goes on in it."""

    def shown(self, item: Any) -> dict[str, Any]:
        """A resource as a dict."""

    def entry(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """An entry of the log with `key` and `acted`, and `mutating` only where something would be changed."""

    def narrow(self, hit: Hit) -> Mapping[str, Any]:
        """What narrows a rule of the simulator to such requests."""

    def login(self, cloud: Cloud, name: str, *, renewable: bool) -> tuple[str, dict[str, Any]]:
        """Who a run is in the log, and its connection."""

    def is_busy(self, account: Any, within_s: float) -> bool:
        """Whether anything that was asked for ends so soon."""

    def end(self, account: Any) -> None:
        """Let end what never ends."""

    # -- What is there

    def vm(self, cloud: Cloud) -> dict[str, Any] | None:
        """All of the VM."""

    def status(self, cloud: Cloud, name: str) -> str:
        """The status of a VM, "absent" when there is none."""

    def status_in(self, vm: Mapping[str, Any]) -> str:
        """The status of a VM that was read."""

    def on_vm(self, cloud: Cloud, name: str) -> dict[str, str]:
        """The names of a VM's disks by device."""

    def disks(self, cloud: Cloud) -> dict[str, str]:
        """The digests of all disks by name."""

    def disks_ever(self, cloud: Cloud) -> set[str]:
        """The names of all disks that requests were about."""

    def goes_with_vm(self, cloud: Cloud) -> list[str]:
        """What the deletion of the VM may take along."""

    def counted_on(self, cloud: Cloud) -> list[str]:
        """What a task that has ended well counts on: the disks of the VM, and all parts of backups."""

    def lock_problems(self, cloud: Cloud) -> list[str]:
        """Whoever still carries the lock."""

    def made(self, cloud: Cloud) -> Counter[str]:
        """How often a thing of each kind was made, where a repeated request could make it twice."""

    # -- What is done to it

    def seed(self, cloud: Cloud, **how: Any) -> None:
        """A VM with a boot disk and a data disk; and another one, which nothing may touch."""

    def write(self, cloud: Cloud, text: str) -> None:
        """Write other bytes to all disks of the VM."""

    def watch(self, cloud: Cloud, route: Route, before: Before) -> None:
        """Have the simulator look after the VM while a route runs."""

    def watch_meeting(self, cloud: Cloud, keep_digests: Sequence[str], *, chain: bool = False) -> None:
        """The same while several tasks run, which each may delete what `permit` says."""

    def permit(self, cloud: Cloud, run: str, names: Sequence[str]) -> None:
        """Let a run delete these."""

    def count_on(self, cloud: Cloud, names: Sequence[str]) -> None:
        """Nobody may delete these any more."""

    # -- How it is judged

    def comparable(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Without what may differ although the same was done."""

    def without_harmless(self, canonical: dict[str, Any]) -> dict[str, Any]:
        """Without what a failure may leave, because it harms nobody."""

    def forget_whole_backup(self, found: dict[str, Any], end: Mapping[str, Any], begin: Mapping[str, Any]) -> None:
        """Take a backup that is whole for not being there: a later step that failed is no reason to delete it."""

    def is_bookkeeping(self, text: str) -> bool:
        """Whether a problem is one that a VM which is restored and running may still have."""

    def is_going(self, state: str, case: str) -> bool:
        """Whether a deadline may leave the VM so."""

    def can_be_told(self, hit: Hit, kind: Kind) -> bool:
        """Whether the provider lets anybody see what the fault does to this request."""

    def excuses(self, kind: Kind, route: Route, hit: str, text: str) -> bool:
        """Whether a problem after a success is none, for this kind of fault on this request."""

    def is_guarded(self, hit: Hit) -> bool:
        """Whether the service guards a request by a version, so that it may arrive late."""

    def makes_points(self, hit: Hit) -> bool:
        """Whether a request makes a recovery point."""

    # -- Meetings and chains

    def vm_problems(self, cloud: Cloud, before: Before, wanted: Digests) -> list[str]:
        """What is wrong with the VM, which should run as it did on disks with these bytes, but for addresses."""

    def parts(self, cloud: Cloud, moment: str, kind: str = "snapshots") -> dict[str, tuple[str, bool]]:
        """The parts of a backup by their names: digest, and whether it is finished."""

    def meeting_prepared(self, cloud: Cloud, perform: Perform, now_is: Callable[[str], None]) -> dict[str, str]:
        """Bring a seeded cloud to where tasks can meet; gives the disks that the first restore keeps by device."""

    def kept_problems(self, cloud: Cloud, restore: str, disks: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with what a restore keeps: disks by name, and their digests then."""

    def kept_by(self, cloud: Cloud, restore: str, disks: Sequence[str]) -> list[str]:
        """What the deletion of a restore gives up."""
