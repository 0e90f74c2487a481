# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the objects of Alibaba Cloud ECS carry with them: their kind, id and wire form, and how what is asked of them is waited for."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.errors import Conflict, InvalidRequest, NotFound, OutcomeUnknown
from ...core.waiter import Waiter
from ...recovery.provider import Change, Work

T = TypeVar("T")

# The resource types of TagResources (https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-tagresources).
INSTANCE, DISK, SNAPSHOT, GROUP, IMAGE, COMMAND, INTERFACE = "instance", "disk", "snapshot", "snapshotgroup", "image", "command", "eni"
_IDS = {INSTANCE: "i-", DISK: "d-", SNAPSHOT: "s-", GROUP: "ssg-", IMAGE: "m-"}
_FIRST_PAUSE_S, _GROWTH = 0.2, 1.15
_NAME = re.compile(r"[^\W\d_][\w:.-]{1,127}")


@dataclass(frozen=True)
class Own:
    """The provider's object behind a thing of recovery. ``kind`` and ``id`` are what carries its tags: of a member of a group, the group."""

    kind: str
    id: str
    region: str
    wire: Wire = field(repr=False)
    disks: Sequence[Wire] = field(default=(), repr=False)


@dataclass(frozen=True)
class Polled:
    """Something that was accepted, and is seen to end by looking."""

    waiter: Waiter
    look: Callable[[], bool]
    what: str

    def wait(self) -> None:
        # Nothing tells of the end but a look: one a tenth too late costs a tenth of the time.
        pauses = self.waiter.pauses(_FIRST_PAUSE_S, _GROWTH)
        self.waiter.wait_until(self.look, bool, lambda _seen: f"{self.what} has not ended yet. Run the task again to keep waiting.", pauses)


class Ended:
    """What has ended with its answer."""

    def wait(self) -> None:
        return


def change_unless_so(client: AlibabaClient, what: str, action: str, params: Wire, is_so: Callable[[], bool], **more: Any) -> None:
    """Send a change. Sent again after a lost answer, it is refused although what it asks for is so, or under way: then it counts."""
    try:
        client.change(what, action, params, repeatable=True, **more)
    except (Conflict, NotFound, OutcomeUnknown) as error:
        # Without the lock another run decides what counts.
        if error.keeps_state or not is_so():
            raise


def change(what: str, of: str, send: Callable[[], Work | None], **facts: Any) -> Change:
    """A change whose requests are sent by ``send``, which gives what is to be waited for."""
    return Change(what, of, lambda: send() or Ended(), **facts)


def is_id(kind: str, text: str) -> bool:
    """Whether a text is the id of a resource of this kind."""
    return bool(re.fullmatch(f"{_IDS[kind]}[a-z0-9]+", text))


def token() -> str:
    """The ClientToken of one request, which all its repetitions share. What is made again after it was deleted is another request."""
    return uuid.uuid4().hex


def check_name(option: str, name: str) -> str:
    """The name when ECS takes it. Raises InvalidRequest."""
    if not _NAME.fullmatch(name) or name.lower().startswith(("http:", "https:")):
        rule = 'from 2 to 128 letters, digits and characters of ":_.-", the first a letter'
        raise InvalidRequest(f'{option}: "{name}" cannot be a name in Alibaba Cloud ECS, which has {rule}.')
    return name


def tags_of(wire: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a resource as key to value, without those of the system; groups spell the members of a tag in another way."""
    listed = (wire.get("Tags") or {}).get("Tag") or ()
    found = {str(one.get("TagKey", one.get("Key", ""))): str(one.get("TagValue", one.get("Value")) or "") for one in listed}
    return {key: value for key, value in found.items() if not key.startswith(("acs:", "aliyun"))}


def wire_tags(tags: Mapping[str, str]) -> list[Wire]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def filter_tags(tags: Mapping[str, str | None]) -> list[Wire]:
    """Tags to list by; a key alone finds every value."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def locks_of(wire: Mapping[str, Any]) -> list[str]:
    """Why the provider keeps a resource from being changed."""
    found = wire.get("OperationLocks") or {}
    return [str(one.get("LockReason")) for name in ("LockReason", "OperationLock") for one in found.get(name) or () if one.get("LockReason")]


def ids_within(wire: Mapping[str, Any], *path: str) -> list[Any]:
    """A list within nested members; empty when any of them is missing."""
    found: Any = wire
    for name in path:
        found = (found or {}).get(name)
    return list(found or ())


def one_of(client: AlibabaClient, what: str, action: str, path: tuple[str, str], params: Mapping[str, Any]) -> Wire | None:
    """The only item that a list has for these parameters; None when it has none."""
    return next(iter(client.listed(what, action, path, params)), None)
