# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the steps of a plan do with a snapshot: create, relabel, delete, and wait for each to be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Operation, Snapshot, Wire
from ...core.arguments import Task
from ...core.errors import Cancelled, Conflict, NotFound, OutcomeUnknown, ProviderFailure, RecoveryError, WaitTimeout
from ...core.model import DELETING, FAILED, UNFINISHED, Record
from ...core.plan import Progress
from ...core.waiter import Waiter
from .snapshot_labels import set_labels
from .snapshot_records import record_of, status_of

# How long a create whose answer was lost is looked for before it counts as not done, and how long a new snapshot may stay unseen.
_LOOK_AGAIN_S = 10.0
_GOES_ON = "Compute Engine goes on with it: run the task again to keep waiting."


class Actions:
    """The requests for one snapshot. ``seen`` is it as it was seen last."""

    def __init__(self, client: GceClient, task: Task, waiter: Waiter) -> None:
        self._client, self._task, self._waiter = client, task, waiter
        self._operation: Operation | None = None
        self.seen: Snapshot | None = None

    def result(self) -> Record | None:
        """The record of what was seen last. Raises ProviderFailure when that is no success."""
        if self.seen:
            refuse_failed(self.seen)
        return record_of(self.seen) if self.seen else None

    def create(self, body: Wire, judge: Callable[[Snapshot], None]) -> None:
        """Ask for it. An answer that is lost, or a name that is taken, is looked into: what ``judge`` lets pass is ours."""
        try:
            self._operation = self._client.insert_snapshot(body)
        except (OutcomeUnknown, Conflict) as error:
            # A conflict for another reason, such as a disk that is not ready, made nothing that could be found.
            self.seen = self._look_for_lost(body["name"], error)
            judge(self.seen)
            return
        if not self._task["wait"]:
            self.seen = self._client.get_snapshot(body["name"])

    def _look_for_lost(self, name: str, error: RecoveryError) -> Snapshot:
        def unseen(_seen: Snapshot | None) -> str:
            return f"{error.message} No snapshot of this name was seen afterwards. Run the task again: it looks first, and makes none twice."

        patience = self._waiter.shorter(_LOOK_AGAIN_S if isinstance(error, OutcomeUnknown) else 0.0)
        try:
            found = patience.wait_until(lambda: self._client.get_snapshot(name), bool, unseen)
        except RecoveryError as trouble:
            if isinstance(trouble, WaitTimeout) and isinstance(error, Conflict):
                raise error from trouble
            if isinstance(trouble, Cancelled) and isinstance(error, Conflict):
                raise
            facts: dict[str, Any] = {"code": error.code, "http_status": error.http_status, "request_id": error.request_id}
            seen = trouble.message if isinstance(trouble, WaitTimeout) else f"{error.message} Looking for it afterwards failed: {trouble.message}"
            raise type(error)(seen, **facts) from trouble
        if found is None:
            raise error
        return found

    def wait_until_ready(self, name: str) -> None:
        """Wait until the operation has ended well and the snapshot is seen READY. Raises ProviderFailure for another end."""
        operation, self._operation = self._operation, None
        patience = self._waiter.shorter(_LOOK_AGAIN_S)

        def unfinished(seen: Snapshot | None) -> str:
            return f"it is not finished before the deadline of {self._task['wait_timeout']} s: its status is {seen.status if seen else 'unknown'}."

        def finished(seen: Snapshot | None) -> bool:
            # What was made a moment ago may not be visible yet.
            return status_of(seen) not in UNFINISHED if seen else self.seen is not None or patience.remaining_s <= 0

        try:
            if operation:
                self._client.wait(operation, f'create snapshot "{name}"')
                patience = self._waiter.shorter(_LOOK_AGAIN_S)
            seen = self._waiter.wait_until(lambda: self._client.get_snapshot(name), finished, unfinished)
        except (WaitTimeout, Cancelled) as error:
            raise type(error)(f"{error.message} {_GOES_ON}", request_id=error.request_id, record=self._glance(name)) from error
        if seen is None or status_of(seen) == DELETING:
            raise NotFound("it disappeared while it was waited for: somebody is deleting it.", record=record_of(seen) if seen else None)
        self.seen = seen
        refuse_failed(seen)

    def _glance(self, name: str) -> Record | None:
        """The record to go with a failure, if it can be had."""
        with suppress(RecoveryError):
            self.seen = self._client.get_snapshot(name) or self.seen
        return record_of(self.seen) if self.seen else None

    def relabel(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Set the labels by compare-and-swap, and see them set."""
        changed = set_labels(
            lambda: self._client.get_snapshot(name),
            lambda labels, fingerprint: self._client.set_snapshot_labels(name, labels, fingerprint),
            lambda operation: self._client.wait(operation, f'set the labels of snapshot "{name}"'),
            changes,
        )
        if not isinstance(changed, Snapshot):
            raise TypeError("set_labels gives what was read, which is a snapshot")
        self.seen = changed


class Deletion:
    """One snapshot on its way to absence."""

    def __init__(self, client: GceClient, task: Task, waiter: Waiter, snapshot: Snapshot) -> None:
        self._client, self._task, self._waiter, self._snapshot = client, task, waiter, snapshot
        self._operation: Operation | None = None

    def done(self) -> Progress:
        return Progress.IN_FLIGHT if self._snapshot.status == "DELETING" else Progress.NO

    def begin(self) -> None:
        """Ask for it; that somebody else was faster is as good, and a lost answer is looked into."""
        try:
            self._operation = self._client.delete_snapshot(self._snapshot.name)
        except NotFound:
            return
        except OutcomeUnknown:
            seen = self._look()
            if seen and seen.status != "DELETING":
                raise

    def finish(self) -> None:
        """Wait until it is gone. Raises what made the deletion fail, WaitTimeout at the deadline."""
        name = self._snapshot.name
        try:
            if self._operation:
                self._client.wait(self._operation, f'delete snapshot "{name}"')
            else:
                self._waiter.wait_until(self._look, lambda seen: seen is None, lambda _seen: f'the snapshot "{name}" is still there at the deadline.')
        except NotFound:
            return
        except (WaitTimeout, Cancelled) as error:
            raise type(error)(
                f"{error.message} The deletion was accepted and goes on: run the task again to see it end.", request_id=error.request_id
            ) from error

    def _look(self) -> Snapshot | None:
        """The very snapshot; None when it is gone, also when another has taken its name."""
        seen = self._client.get_snapshot(self._snapshot.name)
        return seen if seen and seen.uid == self._snapshot.uid else None


def refuse_failed(snapshot: Snapshot) -> None:
    """Raise ProviderFailure for a snapshot that failed."""
    if status_of(snapshot) == FAILED:
        raise ProviderFailure("Compute Engine could not make it: its status is FAILED. Delete it, then run the task again.", record=record_of(snapshot))
