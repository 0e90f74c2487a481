# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept: items in accounts, in the one world of a simulator."""

from __future__ import annotations

import hashlib
import itertools
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..clock import Agenda, Clock
from ..content import EMPTY, Content
from ..settings import Settings
from .lag import Lag
from .places import REGIONS

if TYPE_CHECKING:
    from .watch import Watch

# Kind, to how its ids begin.
KINDS = {
    "snapshots": "s",
    "snapshot_groups": "ssg",
    "disks": "d",
    "instances": "i",
    "images": "m",
    "interfaces": "eni",
    "vpcs": "vpc",
    "vswitches": "vsw",
    "security_groups": "sg",
    "key_pairs": "",
    "commands": "c",
    "tasks": "t",
    "eips": "eip",
}
DIGITS = string.digits + string.ascii_lowercase
ID_LENGTH = 20


@dataclass(eq=False)
class Item:
    """One resource. `data` is what is answered, without tags; `hidden` what the simulator alone knows; `content` the bytes of a disk or snapshot.

    `made_by` is the short id of the access key that it was made with; "" for what was put there.
    """

    kind: str
    region: str
    id: str
    data: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    content: Content = EMPTY
    hidden: dict[str, Any] = field(default_factory=dict)
    made_by: str = ""


class Account:
    """One account: its items by kind and id, in all regions."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        # Sixteen digits, the same each time.
        self.number = str(1000000000000000 + int(hashlib.sha256(name.encode()).hexdigest()[:12], 16))
        self.tables: dict[str, dict[str, Item]] = {kind: {} for kind in KINDS}
        # ClientTokens: (action, token) to what was asked and answered; see tokens.py.
        self.tokens: dict[tuple[str, str], dict[str, Any]] = {}
        # Every accepted or refused request that would change something; see record.py.
        self.record: list[dict[str, Any]] = []
        # What must never happen during a recovery; see record.py.
        self.violations: list[dict[str, Any]] = []
        self.watches: list[Watch] = []
        # Names of key pairs, with their region, that nobody can have any more.
        self.burnt: set[str] = set()
        # OSS: bucket to its region, (bucket, object) to its size in bytes. Roles of RAM by name.
        self.buckets: dict[str, str] = {}
        self.objects: dict[tuple[str, str], int] = {}
        self.exported: dict[tuple[str, str], Content] = {}
        self.roles: dict[str, dict[str, Any]] = {}
        # Private addresses that somebody outside has: (vSwitch, address).
        self.taken: set[tuple[str, str]] = set()
        # What never ends, for a test that lets it end after all.
        self.never: list[Callable[[], None]] = []
        self.lag = Lag(self)
        self.acting = ""

    def add(self, item: Item) -> Item:
        """Adds an item."""
        item.made_by = item.made_by or self.acting
        self.tables[item.kind][item.id] = item
        return item

    def find(self, kind: str, identity: str | None, region: str | None = None) -> Item | None:
        """An item, in one region or in any; None when there is none."""
        item = self.tables[kind].get(identity or "")
        return item if item is not None and region in (None, item.region) else None

    def all(self, kind: str, region: str | None = None) -> list[Item]:
        """The items of a kind, oldest first, in one region or in all."""
        return [item for item in self.tables[kind].values() if region in (None, item.region)]

    def remove(self, item: Item) -> None:
        """Removes an item; nothing happens when it is gone already."""
        if self.tables[item.kind].get(item.id) is item:
            del self.tables[item.kind][item.id]

    def is_there(self, item: Item) -> bool:
        """Whether an item has not been removed."""
        return self.tables[item.kind].get(item.id) is item


class World:
    """All accounts of one simulator."""

    def __init__(self, clock: Clock, settings: Settings, agenda: Agenda) -> None:
        self.clock = clock
        self.settings = settings
        self.agenda = agenda
        self.accounts: dict[str, Account] = {}
        self.random = random.Random(20261125)
        self._ids = itertools.count(1)
        self._addresses = itertools.count(1)

    def account(self, name: str) -> Account:
        """An account, made on first use."""
        if name not in self.accounts:
            self.accounts[name] = Account(self, name)
        return self.accounts[name]

    def new_id(self, kind: str, region: str) -> str:
        """An id nobody had before."""
        number, tail = next(self._ids), ""
        while number:
            number, digit = divmod(number, len(DIGITS))
            tail = DIGITS[digit] + tail
        head = REGIONS[region][0]
        filling = "".join(self.random.choice(DIGITS) for _number in range(ID_LENGTH - len(head) - len(tail)))
        return f"{KINDS[kind]}-{head}{filling}{tail}"

    def next_public_address(self) -> str:
        """A public address nobody had before."""
        number = next(self._addresses)
        return f"47.{96 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"

    def stamp(self, moment_s: float | None = None, seconds: bool = True) -> str:
        """A moment of the clock in UTC, now when None."""
        return self.clock.at(moment_s).strftime("%Y-%m-%dT%H:%M:%SZ" if seconds else "%Y-%m-%dT%H:%MZ")
