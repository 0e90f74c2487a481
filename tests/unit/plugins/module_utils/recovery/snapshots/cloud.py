# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud in memory that knows disks, snapshots and the disks of restores, and a bench that runs the back end's operations on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, InvalidRequest, NotFound, OutcomeUnknown, RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import DELETING, FAILED, RUNNING, SUCCEEDED
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import COMMON
from ansible_collections.multicloud.recovery.plugins.module_utils.core.outcome import Outcome
from ansible_collections.multicloud.recovery.plugins.module_utils.core.resource import Words, different
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import perform
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.findings import Finding
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Machine, Marked, Planned
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Change, MarkRules, Provider
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.snapshots.backend import SnapshotBackend

from tests.unit.fakes import FakeClock

STATUSES = {"MAKING": RUNNING, "READY": SUCCEEDED, "FAILED": FAILED, "LEAVING": DELETING}
OPTIONS = ("source_disk", "min_age", "description", "retention_days", "retention")
FLAGS = ("all_snapshots", "include_scheduled")
PLACE, VM = "here", "web"


def ago(**age: float) -> str:
    """A time so long ago."""
    return (datetime.now(timezone.utc) - timedelta(**age)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Cloud:
    """What there is, every request (``sent``) and every read (``looks``).

    The next ``hidden`` reads by name show nothing, the next ``stale`` ones the ``past``. ``list_shows`` is what lists show although it is gone.
    ``on`` is called at a request, by its verb, with the name, and may raise; ``ends`` are the errors of operations by name.
    """

    points: dict[str, RecoveryPoint] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)
    restored: list[Disk] = field(default_factory=list)
    machines: dict[str, Machine] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    on: dict[str, Callable[[str], None]] = field(default_factory=dict)
    ends: dict[str, RecoveryError] = field(default_factory=dict)
    list_shows: list[RecoveryPoint] = field(default_factory=list)
    hidden: int = 0
    stale: int = 0
    sent: list[tuple[Any, ...]] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    acted: bool = False
    past: dict[str, RecoveryPoint] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1001, 9999)))

    def put(self, name: str, *, status: str = "READY", disk: str = "11", scheduled: bool = False, **facts: Any) -> RecoveryPoint:
        """A snapshot that exists. ``labels`` are marks and tags together."""
        own, tags = marks.split(facts.pop("labels", {}))
        of = {"source_disk": f"disks/{'big' if disk == '22' else 'data'}", "source_uid": disk, "own": SimpleNamespace(scheduled=scheduled)}
        given = {"created_at": ago(days=1), "size_gib": 20, **of, "marks": own, "tags": tags, "version": "v1", **facts}
        made = RecoveryPoint(f"snapshots/{name}", name, str(next(self.numbers)), status=STATUSES[status], provider_status=status, **given)
        self.points[name] = made
        return made

    def lag(self, reads: int = 3) -> None:
        """The next reads by name show what there is now."""
        self.past, self.stale = dict(self.points), reads

    def change(self, name: str, **facts: Any) -> None:
        if "status" in facts:
            facts = {**facts, "status": STATUSES[facts["status"]], "provider_status": facts["status"]}
        self.points[name] = replace(self.points[name], **facts)

    def remove(self, name: str) -> None:
        self.points.pop(name, None)

    def get(self, word: str) -> RecoveryPoint | None:
        self.looks.append(f"get {word}")
        if self.hidden:
            self.hidden -= 1
            return None
        shown = self.points
        if self.stale:
            self.stale -= 1
            shown = self.past
        return next((point for point in shown.values() if word in (point.name, point.uid)), None)

    def listed(self) -> list[RecoveryPoint]:
        self.looks.append("list")
        return [*self.points.values(), *self.list_shows]

    # -- requests

    def request(self, verb: str, name: str, act: Callable[[], object], *said: Any) -> Work:
        self.sent.append((verb, name, *said))
        try:
            self.on.get(verb, lambda _name: None)(name)
        except OutcomeUnknown:
            self.acted = True
            raise
        act()
        self.acted = True
        return Work(self, verb, name)

    def make(self, planned: Planned) -> None:
        if planned.name in self.points:
            raise Conflict("the name is taken.", code="taken")
        labels = {**planned.tags, **marks.prefixed(planned.marks)}
        self.put(planned.name, status="MAKING", disk=planned.request["disk"], labels=labels, note={"description": planned.request["description"]})

    def label(self, name: str, version: str, own: Mapping[str, str], tags: Mapping[str, str]) -> None:
        if version != self.points[name].version:
            raise Conflict("changed by others.", code="stale")
        self.change(name, marks=dict(own), tags=dict(tags), version=f"{version}1")

    def leave(self, name: str) -> None:
        if name not in self.points:
            raise NotFound("not found.")
        self.change(name, status="LEAVING")

    @property
    def words(self) -> list[str]:
        return [f"{verb} {name}" for verb, name, *_said in self.sent]


@dataclass
class Work:
    cloud: Cloud
    verb: str
    name: str

    def wait(self) -> None:
        self.cloud.looks.append(f"wait {self.verb} {self.name}")
        if self.name in self.cloud.ends:
            raise self.cloud.ends[self.name]
        if self.verb == "make" and self.name in self.cloud.points:
            self.cloud.change(self.name, status="READY")
        if self.verb == "delete":
            self.cloud.remove(self.name)


class MemoryMarks:
    """Labels that are replaced by compare-and-swap."""

    RULES: ClassVar[MarkRules] = MarkRules(63, 64, compare_and_swap=True)

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def write(self, seen: Marked, changes: marks.Changes) -> Change:
        return self._replace(seen, marks.merged(seen.marks, changes), dict(seen.tags))

    def write_tags(self, seen: Marked, tags: Mapping[str, str]) -> Change:
        return self._replace(seen, dict(seen.marks), {**seen.tags, **tags})

    def _replace(self, seen: Marked, own: dict[str, str], tags: dict[str, str]) -> Change:
        cloud, name = self._cloud, seen.name
        said = {**tags, **marks.prefixed(own)}
        return Change(f"labelling {name}", seen.ref, lambda: cloud.request("label", name, lambda: cloud.label(name, seen.version, own, tags), said))

    def is_stale(self, error: RecoveryError) -> bool:
        return error.code == "stale"

    def check_tags(self, tags: Mapping[Any, Any] | None) -> dict[str, str]:
        if any(key != key.lower() for key in tags or {}):
            raise InvalidRequest("tags: capitals.")
        return {str(key): str(value) for key, value in (tags or {}).items()}

    def value(self, text: str) -> str:
        return text


class MemorySnapshots:
    """The snapshots of the cloud for one task. A disk is named by its name, or by its uid, which is a number."""

    NAME: ClassVar[str] = "memory"
    WORDS: ClassVar[Words] = Words("snapshot", "The cloud", labelled_last=True)
    STATUSES: ClassVar[tuple[str, ...]] = tuple(STATUSES)
    LONGEST_NAME: ClassVar[int] = 30
    UNIQUE_NAMES: ClassVar[bool] = True
    NATIVE_EXPIRY: ClassVar[bool] = False

    def __init__(self, cloud: Cloud, task: Task) -> None:
        self._cloud, self._task, self.marks = cloud, task, MemoryMarks(cloud)

    def validate(self, operation: str) -> None:
        if self._task["description"] == "nonsense":
            raise InvalidRequest(f"description: nonsense in {operation}.")

    def get(self, word: str) -> RecoveryPoint | None:
        return self._cloud.get(word)

    def listed(self, tags: Mapping[str, str]) -> Iterator[RecoveryPoint]:
        return (point for point in self._cloud.listed() if tags.items() <= point.tags.items())

    def details(self, point: RecoveryPoint) -> dict[str, Any]:
        return {"description": point.note.get("description")}

    def is_scheduled(self, point: RecoveryPoint) -> bool:
        return bool(point.own and point.own.scheduled)

    def backup_of(self, point: RecoveryPoint) -> str:
        return f"web-{point.marks[marks.BACKUP]}" if marks.BACKUP in point.marks and point.name.startswith("part") else ""

    @property
    def disk_words(self) -> str:
        return f'{"id" if self.disk_by_uid else "name"} "{self._task["source_disk"]}"'

    @property
    def disk_by_uid(self) -> bool:
        return bool(self._task["source_disk"].isdigit())

    def disk(self) -> Disk | None:
        self._cloud.looks.append("disk")
        return next((disk for disk in self._cloud.disks.values() if self._task["source_disk"] in (disk.name, disk.uid)), None)

    def existing_disk(self) -> Disk:
        disk = self.disk()
        if disk is None:
            raise NotFound(f"source_disk: there is no disk with the {self.disk_words}.")
        return disk

    def check_place(self) -> None:
        self._cloud.looks.append("place")

    def is_of_disk(self, point: RecoveryPoint) -> bool:
        return point.source_uid == self._task["source_disk"] if self.disk_by_uid else point.source_disk == f"disks/{self._task['source_disk']}"

    def findings(self, disk: Disk) -> Iterable[Callable[[], Iterable[Finding]]]:
        return [partial(self._found, finding) for finding in self._cloud.findings]

    @staticmethod
    def _found(finding: Finding) -> Iterable[Finding]:
        yield finding

    def planned(self, name: str, disk: Disk, marks: Mapping[str, str]) -> Planned:
        request = {"disk": disk.uid, "description": self._task["description"]}
        return Planned(f"snapshots/{name}", name, "", marks, self.marks.check_tags(self._task["tags"]), request)

    def predicted(self, planned: Planned, disk: Disk) -> RecoveryPoint:
        status = "READY" if self._task["wait"] else "MAKING"
        facts: dict[str, Any] = {"status": STATUSES[status], "provider_status": status, "marks": planned.marks, "tags": planned.tags}
        return RecoveryPoint("", planned.name, source_uid=disk.uid, source_disk=disk.ref, note=planned.request, **facts)

    def differences(self, point: RecoveryPoint) -> Iterable[str]:
        asked, there = self._task["description"], point.note.get("description")
        if asked not in (None, there):
            yield different("description", asked, there)

    def create(self, planned: Planned) -> Change:
        cloud, name = self._cloud, planned.name
        return Change(f"creating {name}", planned.ref, lambda: cloud.request("make", name, lambda: cloud.make(planned), planned))

    def delete(self, point: RecoveryPoint) -> Change:
        cloud, name = self._cloud, point.name
        return Change(f"deleting {name}", point.ref, lambda: cloud.request("delete", name, lambda: cloud.leave(name)), takes_away=True)

    def held_back(self, point: RecoveryPoint) -> str:
        return ""

    def updates(self, point: RecoveryPoint) -> Mapping[str, str]:
        return {}

    def updated(self, point: RecoveryPoint) -> RecoveryPoint:
        return point

    def copies(self, look: Callable[[], RecoveryPoint | None]) -> tuple[()]:
        return ()

    def is_taken(self, error: Conflict) -> bool:
        return error.code == "taken"

    def acted(self) -> bool:
        return self._cloud.acted


class Restoring:
    """What of a provider a look for restores needs."""

    def __init__(self, cloud: Cloud, place: str = "") -> None:
        self._cloud, self.place = cloud, place
        self.disks = self.machines = self
        # No disk of it can go back.
        self.resets = None

    def at(self, place: str) -> Restoring:
        return Restoring(self._cloud, place)

    def get(self, name: str) -> Machine | None:
        return self._cloud.machines.get(name)

    def marked_anywhere(self, wanted: Mapping[str, str | None], having: str = "") -> list[Disk]:
        self._cloud.looks.append("disks of restores")
        return [disk for disk in self._cloud.restored if having in disk.marks]

    def marked(self, wanted: Mapping[str, str | None], having: str = "") -> list[Disk]:
        asked = {key: value for key, value in wanted.items() if value is not None}
        return [disk for disk in self._cloud.restored if asked.items() <= disk.marks.items() and (not having or having in disk.marks)]


@dataclass
class Bench:
    """A cloud with the disks "data" (id 11) and "big" (id 22)."""

    cloud: Cloud = field(default_factory=Cloud)
    clock: FakeClock = field(default_factory=FakeClock)
    report: Report = field(default_factory=Report)
    last: Task | None = None

    def __post_init__(self) -> None:
        self.cloud.disks = {name: Disk(f"disks/{name}", name, uid) for name, uid in (("data", "11"), ("big", "22"))}

    def run(self, operation: str, *, check_mode: bool = False, **options: Any) -> Outcome:
        known = {name: option.spec.get("default") for name, option in COMMON.items()}
        every = {**known, **dict.fromkeys(OPTIONS), **dict.fromkeys(FLAGS, False), **options}
        self.last = Task("snapshot", operation, "memory", every, check_mode)
        waiter = self.clock.waiter(self.last["wait_timeout"])
        backend = SnapshotBackend(self.last, waiter, MemorySnapshots(self.cloud, self.last), lambda: cast(Provider, Restoring(self.cloud)))
        backend.validate(operation)
        self.report, self.cloud.acted = Report(), False
        return perform(backend, self.last, waiter, self.report)

    def create(self, **options: Any) -> Outcome:
        return self.run("CREATE", **{"name": "s", "source_disk": "data", **options})

    def delete(self, **options: Any) -> Outcome:
        return self.run("DELETE", **options)

    def prune(self, **options: Any) -> Outcome:
        return self.delete(source_disk="data", **options)

    def read_by(self, point: RecoveryPoint, *, complete: bool = False, lock: str = "", vm: str = VM) -> None:
        """A restore "r1" of the VM has made a disk from a snapshot; ``lock`` is the run that holds the VM for it."""
        made_by = {marks.RESTORE: "r1", marks.VM: vm, marks.PLACE: PLACE, marks.PARTS: "1"}
        self.cloud.restored.append(Disk("disks/new", "new", "33", made_by, source=point.ref))
        held = {marks.LOCK: f"{lock}-r-1", marks.LOCK_FOR: "restore_r1"} if lock else {}
        self.cloud.machines[vm] = Machine(f"vms/{vm}", vm, marks={**held, **({marks.RESTORE: "r1"} if complete else {})})

    @property
    def names(self) -> list[str]:
        return sorted(self.cloud.points)

    @property
    def warnings(self) -> str:
        return " ".join(self.last.warnings if self.last else ())
