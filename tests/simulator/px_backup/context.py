# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a handler gets to work with: the call, its organisation, settings, time, and the look-ups all handlers share."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..clock import Agenda, Clock, draw_seconds
from ..messages import MISSING, Call
from ..settings import Settings
from .errors import ALREADY_EXISTS, INVALID_ARGUMENT, NOT_FOUND, UNKNOWN, ApiError
from .jsonpb import Message, decode_message
from .store import Org, Record, Store
from .tokens import Tokens

DELETING = ("Deleting", "DeletePending")


@dataclass
class World:
    """Everything one simulated server holds."""

    clock: Clock
    settings: Settings
    agenda: Agenda
    tokens: Tokens
    random: random.Random = field(default_factory=lambda: random.Random(1))
    orgs: dict[str, Org] = field(default_factory=dict)

    def org(self, name: str) -> Org:
        """The organisation; made on first use unless `create_orgs` is off, then raises ApiError (NotFound)."""
        if name not in self.orgs:
            if not self.settings.get("create_orgs", name):
                raise ApiError(NOT_FOUND, f"organization [{name}]: object not found")
            self.orgs[name] = Org(name)
        return self.orgs[name]

    def take_outcome(self, scope: str, kind: str, name: str) -> tuple[str, str] | None:
        """(status, reason) that a setting `outcomes` has in store for this object, counted as used; None for the normal course."""
        for outcome in self.settings.get("outcomes", scope):
            limit = outcome.get("times", 1)
            wanted_kind = outcome.get("kind") or kind
            # "Deleting" and "DeletePending" are about the deletion, every other status about the making.
            is_deletion = outcome["status"] in DELETING
            if wanted_kind not in (kind, kind.replace("delete_", "")) or is_deletion != kind.startswith("delete_"):
                continue
            if re.search(outcome.get("name", ""), name) and (limit == 0 or outcome.get("used", 0) < limit):
                outcome["used"] = outcome.get("used", 0) + 1
                return outcome["status"], outcome.get("reason", "set by the simulator's settings")
        return None


@dataclass
class Context:
    """One request on its way through a handler. `user` is the id of the token's owner."""

    world: World
    org: Org
    call: Call
    params: Mapping[str, str]
    user: str

    def setting(self, name: str) -> Any:
        """A setting as this organisation sees it."""
        return self.world.settings.get(name, self.org.name)

    @property
    def emit_defaults(self) -> bool:
        """Whether zero values appear in answers."""
        return bool(self.setting("emit_defaults"))

    def duration_s(self, name: str) -> float:
        """A duration from the settings, drawn when it is a range."""
        return draw_seconds(self.setting(name), self.world.random)

    def at_least(self, *version: int) -> bool:
        """Whether the server is of this version or later."""
        return server_version(self.setting("server_version")) >= version

    def body(self, kind: Message) -> dict[str, Any]:
        """The decoded body; no body is the empty message. Raises ApiError (InvalidArgument)."""
        return decode_message(kind, {} if self.call.json is MISSING else self.call.json)

    def query(self, name: str) -> str:
        """The first value of a query parameter, "" when absent."""
        return next((value for key, value in self.call.query if key == name), "")

    def flag(self, name: str) -> bool:
        """A boolean query parameter, False when absent. Raises ApiError (InvalidArgument)."""
        value = self.query(name)
        return parse_bool(name, value) if value else False

    def found(self, store: Store, what: str, name: str, uid: str) -> Record:
        """The object of a path. Raises ApiError (NotFound)."""
        record = store.find(name, uid)
        if record is None:
            code = UNKNOWN if self.setting("unknown_errors") == "all" else NOT_FOUND
            raise ApiError(code, f"failed to retrieve {what} [{name or uid}]: object not found")
        return record

    def referred(self, store: Store, what: str, ref: Mapping[str, str] | None, plain: str = "", uid_required: bool = False) -> Record:
        """The object a request refers to: by a reference, else by a plain name or uid. Raises ApiError (InvalidArgument, NotFound)."""
        name, uid = (ref["name"], ref["uid"]) if ref else ("", "")
        if name or uid:
            if uid_required and not uid:
                raise ApiError(INVALID_ARGUMENT, f"{what} [{name}]: uid is required")
            record = store.find(name, uid)
        elif plain:
            record = store.find(uid=plain) or store.find(plain)
        else:
            raise ApiError(INVALID_ARGUMENT, f"{what} reference is required")
        if record is None:
            # Several real answers of this sort carry the code Unknown and tell only by their text.
            raise ApiError(UNKNOWN if self.setting("unknown_errors") else NOT_FOUND, f"failed to retrieve {what} [{name or uid or plain}]: object not found")
        return record

    def refuse_duplicate(self, store: Store, what: str, name: str) -> None:
        """Raises ApiError (AlreadyExists) when the name is taken."""
        if store.find(name) is not None:
            raise ApiError(UNKNOWN if self.setting("unknown_errors") else ALREADY_EXISTS, f"{what} [{name}] already exists")


def parse_bool(name: str, value: str) -> bool:
    """A boolean as Go's strconv.ParseBool reads it. Raises ApiError (InvalidArgument)."""
    if value in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if value in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ApiError(INVALID_ARGUMENT, f'parsing field "{name}": strconv.ParseBool: parsing "{value}": invalid syntax')


def server_version(text: str) -> tuple[int, ...]:
    """ "2.10.1" as (2, 10, 1)."""
    return tuple(int(part) for part in text.split("."))


def required_metadata(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a request. Raises ApiError (InvalidArgument) when name or organisation is missing."""
    metadata: dict[str, Any] | None = asked["metadata"]
    if not metadata or not metadata["name"] or not metadata["org_id"]:
        raise ApiError(INVALID_ARGUMENT, "metadata.name and metadata.org_id are required")
    return metadata


def replace_metadata(record: Record, asked: Mapping[str, Any]) -> None:
    """What PUT does to metadata: labels are replaced as a whole, ownership when it is given."""
    record.metadata["labels"] = dict(asked["labels"])
    if asked["ownership"]:
        owner = asked["ownership"]["owner"] or record.metadata["ownership"]["owner"]
        record.metadata["ownership"] = {**asked["ownership"], "owner": owner}
