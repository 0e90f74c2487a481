# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup or restore of PX-Backup: what it is compared by, and the requests that make, relabel and delete it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...clients.px_backup.client import PxBackupClient, Wire
from ...core.arguments import Task
from ...core.errors import Conflict, ProviderFailure
from ...core.lifecycle import Lifecycle
from ...core.model import FAILED, PARTIAL, Record
from ...core.plan import Plan
from ...core.resource import Wanted, Words
from ...core.waiter import Waiter
from ...transport.http import Query
from .catalog import Catalog
from .records import Shape, record_of
from .values import ECHOED_LATER, differences, without_none

# What PX-Backup itself gave up. CloudBackupMissing is not among them: the data may be whole, and only out of reach.
_REPLACEABLE = ("Failed", "Aborted", "Invalid")
_TAKEN = "It may belong to somebody whose objects these credentials do not show: choose another name."
_STUCK = {"DeletePending": "PX-Backup deletes it when its cluster and its backup location can be reached again; check that both are online."}


@dataclass(frozen=True)
class CreateRequest:
    """``body`` as the API takes it, and ``echo``, the info that the finished object will carry."""

    body: Wire
    echo: Wire


class Objects:
    """The object that a task is about; ``delete_query`` gives what the API wants to know beside name and uid."""

    def __init__(self, shape: Shape, client: PxBackupClient, task: Task, waiter: Waiter, delete_query: Callable[[Record], Query] = lambda _found: ()) -> None:
        self.catalog = Catalog(shape, client, task)
        self.tags = self.catalog.tags
        self.words = Words(shape.kind.one, "PX-Backup", taken=_TAKEN, stuck=_STUCK)
        self._shape, self._kind, self._client, self._task = shape, shape.kind, client, task
        self._delete_query = delete_query
        self._given: Mapping[str, Any] = {}
        self._request: Callable[[], CreateRequest] | None = None
        self._life = Lifecycle[Record](self, task, waiter)

    def plan_create(self, found: Record | None, given: Mapping[str, Any], request: Callable[[], CreateRequest]) -> Plan:
        """The way to an object with the options ``given``; ``request`` resolves and checks what a new one needs.

        Raises Conflict when what exists is different or in the way, ProviderFailure when it failed.
        """
        self._given, self._request = given, request
        return self._life.plan_create(found)

    def plan_delete(self, found: Record | None) -> Plan:
        """The way to its absence. Raises Conflict when it does not carry the labels given."""
        return self._life.plan_delete(found)

    def metadata(self) -> dict[str, Any]:
        """The metadata of a create request."""
        task = self._task
        optional = {"uid": task["uid"], "labels": self.tags, "ownership": without_none(task["ownership"])}
        return {"name": task["name"], "org_id": task["org_id"], **{key: value for key, value in optional.items() if value}}

    # --- what the object's life asks for

    def record_of(self, thing: Record) -> Record:
        return thing

    def look(self) -> Record | None:
        return self.catalog.find()

    def forget(self) -> None:
        self.catalog.known = None

    def differences(self, thing: Record) -> Iterable[str]:
        there = {**thing.wire[self._shape.info_key], **thing.details, "ownership": thing.wire["metadata"].get("ownership")}
        there["cluster"] = thing.details["cluster_ref"]
        for option in ECHOED_LATER:
            if option in self._given and option not in there:
                self._task.warn(f"The server does not give {option} back, so what exists could not be compared with it.")
        return differences(self._given, there)

    def label_changes(self, thing: Record) -> Mapping[str, str]:
        return {key: value for key, value in self.tags.items() if thing.tags.get(key) != value}

    def relabelled(self, thing: Record) -> Record:
        labels = {**thing.tags, **self.tags}
        return replace(thing, tags=labels, wire={**thing.wire, "metadata": {**thing.wire["metadata"], "labels": labels}})

    def refuse_failed(self, thing: Record) -> None:
        if thing.details["provider_status"] not in _REPLACEABLE:
            raise ProviderFailure(f"it exists, but its data is not found ({_why(thing)}). Choose another name, or delete it first.", record=thing)
        if not self._task["replace_failed"]:
            raise ProviderFailure(f"it exists and has failed ({_why(thing)}). Delete it, or set replace_failed to have that done first.", record=thing)

    def judge(self, thing: Record) -> None:
        if thing.status == FAILED:
            raise ProviderFailure(f"PX-Backup ended it as {_why(thing)}.", record=thing)
        if thing.status == PARTIAL:
            if not self._task["accept_partial"]:
                raise ProviderFailure(f"it is only partial ({_why(thing)}), and accept_partial is false. It is left as it is.", record=thing)
            self._task.warn(f'{self._kind.one.capitalize()} "{thing.name}" is only partial: {_why(thing)}. Look at its resources before relying on it.')

    def prepare(self) -> Wanted:
        if self._request is None:
            raise RuntimeError("plan_create says what the request is")
        wanted = self._request()
        status = {"status": "Success" if self._task["wait"] else "Pending"}
        after = record_of(self._shape, {"metadata": {"uid": "", **wanted.body["metadata"]}, self._shape.info_key: {**wanted.echo, "status": status}})
        return Wanted(wanted.body, after)

    def create(self, request: Wire) -> Record:
        made = record_of(self._shape, self._client.create(self._kind, request))
        self.catalog.known = (made.name, made.uid)
        return made

    def is_taken(self, error: Conflict) -> bool:
        return True

    def relabel(self, thing: Record) -> None:
        """Set the labels given. The API replaces all of them, so that the others are sent along."""
        metadata = thing.wire["metadata"]
        kept = {key: metadata[key] for key in ("name", "uid", "org_id", "owner", "ownership") if metadata.get(key)}
        body: dict[str, Any] = {"metadata": {**without_none(kept), "labels": {**thing.tags, **self.tags}}}
        credential = without_none(thing.wire[self._shape.info_key].get("cloud_credential_ref"))
        self._client.update(self._kind, {**body, "cloud_credential_ref": credential} if credential else body)

    def delete(self, thing: Record) -> None:
        self._client.delete(self._kind, thing.name, thing.uid, self._delete_query(thing))

    def finish(self) -> None:
        """The API knows no operations: the object itself shows how it ends."""


def _why(record: Record) -> str:
    """The provider's status and its reason."""
    word, reason = record.details["provider_status"] or "pending", record.details["reason"]
    return f"{word}: {reason}" if reason else word
