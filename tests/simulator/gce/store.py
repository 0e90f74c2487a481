# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept: resources as ready dicts, in projects, in the one world of a simulator."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ..clock import Agenda, Clock
from ..content import EMPTY, Content
from ..settings import Settings
from .history import History
from .kinds import KINDS
from .links import BASE, Ref

if TYPE_CHECKING:
    from .operations import Operation
    from .watch import Watch

# Answers carry the time of Mountain View, not UTC: a client that drops the offset is eight hours off.
PACIFIC = timezone(timedelta(hours=-8))


@dataclass(eq=False)
class Resource:
    """One resource. `data` is what is answered; `content` the bytes of a disk, snapshot or image; `saved` those of a machine image's disks.

    `made_by` is the short id of the token that it was made with; "" for what was put there.
    """

    project: Project
    place: str
    plural: str
    data: dict[str, Any]
    content: Content = EMPTY
    saved: list[Content] = field(default_factory=list)
    made_by: str = ""

    @property
    def name(self) -> str:
        """Unique in project, place and kind."""
        return str(self.data["name"])

    @property
    def id(self) -> str:
        """Never used twice."""
        return str(self.data["id"])

    @property
    def ref(self) -> Ref:
        """Where it is."""
        return Ref(self.project.name, self.place, self.plural, self.name)

    @property
    def url(self) -> str:
        """Its selfLink."""
        return self.ref.url


class Project:
    """One project. Tables are per (place, plural)."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.number = str(100000000000 + int(hashlib.sha256(name.encode()).hexdigest()[:9], 16) % 900000000000)
        self.operations: dict[str, dict[str, Operation]] = {}
        self.unfinished: dict[str, Operation] = {}
        self.requests: dict[str, Operation] = {}
        self.watches: list[Watch] = []
        self.violations: list[dict[str, Any]] = []
        # Internal addresses held by somebody outside of this project's resources: ip to who.
        self.taken: dict[str, str] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.snapshot_times: dict[str, list[float]] = {}
        self.history = History(self)
        # The token whose request, or whose operation, is being carried out.
        self.acting = ""
        self._tables: dict[tuple[str, str], dict[str, Resource]] = {}

    def table(self, place: str, plural: str) -> dict[str, Resource]:
        """Resources of a kind in a place by name."""
        return self._tables.setdefault((place, plural), {})

    def find(self, place: str, plural: str, name: str) -> Resource | None:
        """One resource; by its numeric id too, as the real API allows."""
        table = self.table(place, plural)
        if name in table:
            return table[name]
        return next((item for item in table.values() if item.id == name), None) if name.isdigit() else None

    def all(self, plural: str) -> Iterator[Resource]:
        """All resources of a kind, in every place."""
        for (_place, kind), table in list(self._tables.items()):
            if kind == plural:
                yield from list(table.values())

    def everything(self) -> Iterator[Resource]:
        """All resources."""
        for table in list(self._tables.values()):
            yield from list(table.values())

    def add(self, resource: Resource) -> Resource:
        """Adds a resource, completed with id, time and links where it has none."""
        data = resource.data
        data.setdefault("id", self.world.next_id())
        data.setdefault("creationTimestamp", self.world.timestamp())
        data["kind"] = KINDS[resource.plural].kind
        data["selfLink"] = resource.url
        word, _slash, place = resource.place.partition("/")
        if word != "global":
            data[word[:-1]] = f"{BASE}projects/{self.name}/{word}/{place}"
        if KINDS[resource.plural].labelled:
            data["labelFingerprint"] = fingerprint(data.get("labels", {}))
        self.table(resource.place, resource.plural)[resource.name] = resource
        resource.made_by = self.acting
        for watch in self.watches:
            watch.on_labels(resource, {}, data.get("labels", {}), self.acting)
        return resource

    @contextmanager
    def on_behalf_of(self, caller: str) -> Iterator[None]:
        """What is done meanwhile is done by this token."""
        before, self.acting = self.acting, caller
        try:
            yield
        finally:
            self.acting = before

    def remove(self, resource: Resource) -> None:
        """Removes a resource; nothing happens when it is gone already."""
        table = self.table(resource.place, resource.plural)
        if table.get(resource.name) is resource:
            del table[resource.name]
            for watch in self.watches:
                watch.on_removed(resource, self.acting)

    def sharers(self) -> list[Project]:
        """This project first, and those that it shares a network with (Shared VPC)."""
        guests = self.world.guests
        if not guests:
            return [self]
        hosts = [self.name, *(host for host, names in guests.items() if self.name in names)]
        names = dict.fromkeys([*hosts, *(name for host in hosts for name in sorted(guests.get(host, ())))])
        return [self.world.projects[name] for name in names if name in self.world.projects]

    def running_operations(self) -> Iterator[Operation]:
        """Operations that have not ended."""
        return iter(list(self.unfinished.values()))


class World:
    """All projects of one simulator."""

    def __init__(self, clock: Clock, settings: Settings, agenda: Agenda) -> None:
        self.clock = clock
        self.settings = settings
        self.agenda = agenda
        self.projects: dict[str, Project] = {}
        # Host projects of shared networks, to the projects that use them.
        self.guests: dict[str, set[str]] = {}
        self.random = random.Random(20261121)
        self._ids = itertools.count(1000000000000000001, 7919)
        self._addresses = itertools.count(1)
        self._ipv6 = itertools.count(1)

    def share(self, host: str, guest: str) -> None:
        """Notes that a project uses a network of another one."""
        self.guests.setdefault(host, set()).add(guest)

    def next_id(self) -> str:
        """A number nobody had before."""
        return str(next(self._ids))

    def next_address(self) -> str:
        """An external address nobody had before."""
        number = next(self._addresses)
        return f"34.{76 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"

    def next_ipv6_number(self) -> int:
        """The number of an IPv6 range that nobody had before."""
        return next(self._ipv6)

    def timestamp(self, moment_s: float | None = None) -> str:
        """A moment of the clock, now when None."""
        return stamp(self.clock.at(moment_s))


def stamp(moment: datetime) -> str:
    """RFC 3339 with milliseconds, in Pacific time."""
    return moment.astimezone(PACIFIC).isoformat(timespec="milliseconds")


def fingerprint(value: Any) -> str:
    """Eight bytes of base64 that change with the value."""
    return base64.urlsafe_b64encode(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:8]).decode()
