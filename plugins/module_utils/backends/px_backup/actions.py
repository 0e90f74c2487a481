# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the steps of a plan do with a backup or restore: create, relabel, delete, and wait for each to be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...clients.px_backup.client import PxBackupClient, Wire
from ...core.arguments import Task
from ...core.errors import AuthenticationFailed, Cancelled, Conflict, NotFound, OutcomeUnknown, ProviderFailure, RecoveryError, WaitTimeout
from ...core.model import DELETING, FAILED, PARTIAL, UNFINISHED, Record
from ...core.waiter import Waiter
from ...transport.http import Query
from .catalog import Catalog
from .records import Shape, record_of
from .references import part_of
from .values import ECHOED_LATER, differences, without_none

# How long a create whose answer was lost is looked for before it counts as not done, and how long a new object may stay unseen.
_LOOK_AGAIN_S = 10.0
_GOES_ON = "PX-Backup goes on with it: run the task again to keep waiting."


class Actions:
    """The requests that change something, each followed by looking until the change is seen."""

    def __init__(self, shape: Shape, client: PxBackupClient, task: Task, waiter: Waiter, catalog: Catalog) -> None:
        self._shape, self._kind = shape, shape.kind
        self._client, self._task, self._waiter, self._catalog = client, task, waiter, catalog
        self._seen: Record | None = None

    def result(self) -> Record | None:
        """The object as it was seen last. Raises ProviderFailure when that is an end without success."""
        if self._seen and self._seen.status not in UNFINISHED:
            self.judge(self._seen)
        return self._seen

    def create(self, body: Wire, given: Mapping[str, Any]) -> None:
        """Make the object. An answer that is lost, or a name that is taken, is looked into: an equal object is ours."""
        try:
            made = self._client.create(self._kind, body)
        except (OutcomeUnknown, Conflict) as error:
            made = self._look_for_lost(error, given)
        self._catalog.known = (part_of(made, "name"), part_of(made, "uid"))
        self._seen = record_of(self._shape, made)

    def _look_for_lost(self, error: OutcomeUnknown | Conflict, given: Mapping[str, Any]) -> Wire:
        """The object that a create without an answer may have made after all. Raises ``error`` with advice when there is none."""

        def look() -> Wire | None:
            return self._catalog.search(self._task["name"], self._task["uid"])

        facts: dict[str, Any] = {"code": error.code, "http_status": error.http_status, "request_id": error.request_id}
        again = "Run the task again: it looks first, and makes none twice."
        if isinstance(error, Conflict):
            again = "It may belong to somebody whose objects these credentials do not show: choose another name."
        try:
            made = self._waiter.shorter(_LOOK_AGAIN_S).wait_until(look, bool, lambda _seen: f"None of this name was seen afterwards. {again}")
        except RecoveryError as trouble:
            if isinstance(error, Conflict) and not isinstance(trouble, WaitTimeout):
                raise
            seen = trouble.message if isinstance(trouble, WaitTimeout) else f"Looking for it afterwards failed: {trouble.message} {again}"
            raise type(error)(f"{error.message} {seen}", **facts) from trouble
        wire = made or {}
        self.refuse_differences(record_of(self._shape, wire), given)
        return wire

    def refuse_differences(self, found: Record, given: Mapping[str, Any]) -> None:
        """Raise Conflict naming the options in which ``found`` is not what was asked for."""
        there = {**found.wire[self._shape.info_key], **found.details, "ownership": found.wire["metadata"].get("ownership")}
        there["cluster"] = found.details["cluster_ref"]
        for option in ECHOED_LATER:
            if option in given and option not in there:
                self._task.warn(f"The server does not give {option} back, so what exists could not be compared with it.")
        different = differences(given, there)
        if different:
            raise Conflict(
                f"it exists with other values, and only its labels can be changed: {'; '.join(different)}. Choose another name, or delete it first.",
                record=found,
            )

    def relabel(self, tags: Mapping[str, str]) -> None:
        """Set the labels given. The API replaces all of them, so they are read again right before, and the others sent along."""
        found = self._catalog.look()
        if found is None:
            raise NotFound("it disappeared before its labels were updated.")
        metadata = found.wire["metadata"]
        kept = {key: metadata[key] for key in ("name", "uid", "org_id", "owner", "ownership") if metadata.get(key)}
        body: dict[str, Any] = {"metadata": {**without_none(kept), "labels": {**found.tags, **tags}}}
        credential = without_none(found.wire[self._shape.info_key].get("cloud_credential_ref"))
        self._client.update(self._kind, {**body, "cloud_credential_ref": credential} if credential else body)

    def wait_for_labels(self, tags: Mapping[str, str]) -> None:
        def as_sent(seen: Record | None) -> bool:
            return seen is not None and all(seen.tags.get(key) == value for key, value in tags.items())

        self._seen = self._waiter.wait_until(self._catalog.look, as_sent, lambda _seen: "the labels were accepted but are not seen.")

    def delete(self, found: Record, query: Query) -> None:
        """Ask for the deletion; one that somebody else has brought about is as good."""
        try:
            self._client.delete(self._kind, found.name, found.uid, query)
        except NotFound:
            # The server says "not found" of a missing cluster as well.
            if self._catalog.look() is not None:
                raise

    def wait_until_done(self) -> None:
        """Wait for a full or partial success. Raises ProviderFailure for another end, WaitTimeout at the deadline."""
        patience = self._waiter.shorter(_LOOK_AGAIN_S)
        was_seen = False

        def finished(record: Record | None) -> bool:
            nonlocal was_seen
            was_seen = was_seen or record is not None
            # What was made a moment ago may not be visible yet.
            return record.status not in UNFINISHED if record else was_seen or patience.remaining_s <= 0

        def unfinished(seen: Record | None) -> str:
            word = seen.details["provider_status"] or "pending" if seen else "unknown"
            return f"it is not finished before the deadline of {self._task['wait_timeout']} s: its status is {word}, its uid {self._uid}. {_GOES_ON}"

        try:
            seen = self._waiter.wait_until(self._catalog.look, finished, unfinished)
        except Cancelled as error:
            raise Cancelled(f"{error.message} Its uid is {self._uid}. {_GOES_ON}", record=error.record) from error
        except AuthenticationFailed as error:
            facts: dict[str, Any] = {"code": error.code, "http_status": error.http_status, "request_id": error.request_id}
            raise AuthenticationFailed(f"it was started, but can no longer be looked at: {error.message} {_GOES_ON}", **facts) from error
        if seen is None or seen.status == DELETING:
            raise NotFound("it disappeared while it was waited for: somebody is deleting it.", record=seen)
        self._seen = seen
        self.judge(seen)

    def wait_until_gone(self) -> None:
        """Wait until it is not found. Raises WaitTimeout at the deadline, with what keeps it."""

        def unfinished(seen: Record | None) -> str:
            word = seen.details["provider_status"] if seen else "unknown"
            text = f"it is still there at the deadline of {self._task['wait_timeout']} s: its status is {word}."
            if word == "DeletePending":
                text += " PX-Backup deletes it when its cluster and its backup location can be reached again; check that both are online."
            return f"{text} The deletion was accepted and goes on: run the task again to keep waiting."

        try:
            self._waiter.wait_until(self._catalog.look, lambda record: record is None, unfinished)
        except Cancelled as error:
            raise Cancelled(f"{error.message} The deletion was accepted and goes on: run the task again to see it end.", record=error.record) from error
        self._catalog.known = None

    @property
    def _uid(self) -> str:
        return self._catalog.known[1] if self._catalog.known else "unknown"

    def judge(self, record: Record) -> None:
        """Warn or raise about an end that is not a full success."""
        if record.status == FAILED:
            raise ProviderFailure(f"PX-Backup ended it as {why(record)}.", record=record)
        if record.status == PARTIAL:
            if not self._task["accept_partial"]:
                raise ProviderFailure(f"it is only partial ({why(record)}), and accept_partial is false. It is left as it is.", record=record)
            self._task.warn(f'{self._kind.one.capitalize()} "{record.name}" is only partial: {why(record)}. Look at its resources before relying on it.')


def why(record: Record) -> str:
    """The provider's status and its reason."""
    word, reason = record.details["provider_status"] or "pending", record.details["reason"]
    return f"{word}: {reason}" if reason else word
