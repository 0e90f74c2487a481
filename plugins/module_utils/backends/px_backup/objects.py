# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How backups and restores of PX-Backup are created, relabelled and deleted, and how each of these is waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ...clients.px_backup import PxBackupClient, Wire
from ...core.arguments import Task
from ...core.errors import Conflict, NotFound, OutcomeUnknown, ProviderFailure, WaitTimeout
from ...core.model import DELETING, FAILED, PARTIAL, UNFINISHED, Record
from ...core.steps import Plan, Step
from ...core.waiter import Waiter
from ...transport.http import Query
from .catalog import Catalog
from .records import Shape, record_of
from .references import part_of
from .values import differences

# How long a create whose answer was lost is looked for before it counts as not done.
_LOOK_AGAIN_S = 10.0


@dataclass(frozen=True)
class Wanted:
    """A create request: ``body`` as the API takes it, and ``echo``, the info that the finished object will carry."""

    body: Wire
    echo: Wire


class Objects:
    """The plans for a backup, or a restore, and the requests that they consist of."""

    def __init__(self, shape: Shape, client: PxBackupClient, task: Task, waiter: Waiter) -> None:
        self.catalog = Catalog(shape, client, task)
        self._shape, self._kind = shape, shape.kind
        self._client, self._task, self._waiter = client, task, waiter

    def plan_create(self, found: Record | None, given: Mapping[str, Any], prepare: Callable[[], Wanted]) -> Plan:
        """The way to an object with the options ``given``; ``prepare`` resolves and checks what a new one needs.

        Raises Conflict when what exists is different or in the way, ProviderFailure when it failed.
        """
        if found and found.status == FAILED and not self._task["replace_failed"]:
            raise ProviderFailure(
                f"it exists and has failed ({_why(found)}). Delete it, or set replace_failed to have it deleted and made again.", record=found
            )
        if found and found.status not in (FAILED, DELETING):
            return self._plan_existing(found, given)
        clearing = self._steps_to_clear(found)
        wanted = prepare()
        needs = tuple(step.name for step in clearing)
        create = Step(
            f"create {self._kind.one}", do=lambda: self._create(wanted, given), wait=self._wait_until_done if self._task["wait"] else None, needs=needs
        )
        return Plan((*clearing, create), after=self._prediction(wanted))

    def _plan_existing(self, found: Record, given: Mapping[str, Any]) -> Plan:
        self._refuse_differences(found, given)
        waiting = self._task["wait"] and found.status in UNFINISHED
        if not waiting:
            self._judge(found)
        since = f"since {found.created_at}" if found.created_at else "already"
        unchanged = f'{self._kind.one.capitalize()} "{found.name}" exists {since} and is as asked for'
        wait = Step(f"wait for {self._kind.one}", wait=self._wait_until_done)
        labels = {**found.tags, **self.catalog.tags}
        if labels == found.tags:
            return Plan((wait,) if waiting else (), after=found, why_unchanged=unchanged)
        relabel = Step("update labels", do=lambda: self._relabel(found, labels), wait=lambda: self._wait_for_labels(labels))
        wire = {**found.wire, "metadata": {**found.wire["metadata"], "labels": labels}}
        after = replace(found, tags=labels, wire=wire)
        return Plan((relabel, wait) if waiting else (relabel,), after=after, verb="updated")

    def plan_delete(self, found: Record | None, query: Query = ()) -> Plan:
        """The way to its absence; ``query`` is what the API wants to know beside name and uid."""
        absent = f'{self._kind.one.capitalize()} "{self._task["name"] or self._task["uid"]}" is already absent'
        if found is None:
            return Plan(why_unchanged=absent)
        if any(found.tags.get(key) != value for key, value in self.catalog.tags.items()):
            raise Conflict(f"it does not carry the labels {self.catalog.tags}, so it is not what was meant to be deleted. It is untouched.", record=found)
        wait = self._wait_until_gone if self._task["wait"] else None
        if found.status == DELETING:
            return Plan((Step("wait for the deletion", wait=wait),) if wait else (), why_unchanged=f"{absent}, or about to be")
        step = Step(f"delete {self._kind.one}", do=lambda: self._delete(found, query), wait=wait)
        return Plan((step,), verb="deleted")

    def _steps_to_clear(self, found: Record | None) -> list[Step]:
        if not found:
            return []
        if found.status == DELETING:
            if not self._task["wait"]:
                raise Conflict("the one of this name is being deleted; with wait it would be made again as soon as that is done.", record=found)
            return [Step("wait for the deletion", wait=self._wait_until_gone)]
        return [Step(f"delete failed {self._kind.one}", do=lambda: self._delete(found, ()), wait=self._wait_until_gone)]

    def _create(self, wanted: Wanted, given: Mapping[str, Any]) -> None:
        try:
            made = self._client.create(self._kind, wanted.body)
        except (OutcomeUnknown, Conflict) as error:
            made = self._look_for_lost(error, given)
        self.catalog.known = (part_of(made, "name"), part_of(made, "uid"))

    def _look_for_lost(self, error: OutcomeUnknown | Conflict, given: Mapping[str, Any]) -> Wire:
        """The object that a create without an answer may have made after all. Raises ``error`` with advice when there is none."""

        def look() -> Wire | None:
            return self.catalog.search(self._task["name"], self._task["uid"])

        def unseen(_seen: Wire | None) -> str:
            return f"{error.message} None of this name was seen afterwards. Run the task again: it looks first, and makes none twice."

        try:
            made = self._waiter.shorter(_LOOK_AGAIN_S).wait_until(look, lambda seen: seen is not None, unseen)
        except WaitTimeout as timeout:
            raise type(error)(timeout.message, code=error.code, http_status=error.http_status, request_id=error.request_id) from error
        self._refuse_differences(record_of(self._shape, made or {}), given)
        return made or {}

    def _relabel(self, found: Record, labels: Mapping[str, str]) -> None:
        metadata = found.wire["metadata"]
        kept = {key: metadata[key] for key in ("name", "uid", "org_id", "owner", "ownership") if metadata.get(key)}
        body: dict[str, Any] = {"metadata": {**kept, "labels": dict(labels)}}
        credential = found.wire[self._shape.info_key].get("cloud_credential_ref")
        self._client.update(self._kind, {**body, "cloud_credential_ref": credential} if credential else body)

    def _delete(self, found: Record, query: Query) -> None:
        with suppress(NotFound):  # Someone was faster; the goal is reached.
            self._client.delete(self._kind, found.name, found.uid, query)

    def _wait_for_labels(self, labels: Mapping[str, str]) -> None:
        def as_sent(seen: Record | None) -> bool:
            return seen is not None and seen.tags == labels

        self._waiter.wait_until(self.catalog.look, as_sent, lambda _seen: "the labels were accepted but are not seen.")

    def _wait_until_done(self) -> None:
        def unfinished(seen: Record | None) -> str:
            word = seen.details["provider_status"] or "pending" if seen else "unknown"
            return (
                f"it is not finished before the deadline of {self._task['wait_timeout']} s: its status is {word}, its uid"
                f" {self.catalog.known[1] if self.catalog.known else 'unknown'}. PX-Backup goes on with it: run the task again to keep waiting."
            )

        seen = self._waiter.wait_until(self.catalog.look, lambda record: record is None or record.status not in UNFINISHED, unfinished)
        if seen is None or seen.status == DELETING:
            raise NotFound("it disappeared while it was waited for: somebody is deleting it.", record=seen)
        self._judge(seen)

    def _wait_until_gone(self) -> None:
        def unfinished(seen: Record | None) -> str:
            word = seen.details["provider_status"] if seen else "unknown"
            text = f"it is still there at the deadline of {self._task['wait_timeout']} s: its status is {word}."
            if word == "DeletePending":
                text += " PX-Backup deletes it when its cluster and its backup location can be reached again; check that both are online."
            return f"{text} The deletion was accepted and goes on: run the task again to keep waiting."

        self._waiter.wait_until(self.catalog.look, lambda record: record is None, unfinished)
        self.catalog.known = None

    def _judge(self, record: Record) -> None:
        """Warn or raise about an end that is not a full success."""
        if record.status == FAILED:
            raise ProviderFailure(f"PX-Backup ended it as {_why(record)}.", record=record)
        if record.status == PARTIAL:
            if not self._task["accept_partial"]:
                raise ProviderFailure(f"it is only partial ({_why(record)}), and accept_partial is false. It is left as it is.", record=record)
            self._task.warn(f'{self._kind.one.capitalize()} "{record.name}" is only partial: {_why(record)}. Look at its resources before relying on it.')

    def _refuse_differences(self, found: Record, given: Mapping[str, Any]) -> None:
        there = {**found.wire[self._shape.info_key], "ownership": found.wire["metadata"].get("ownership")}
        # Older servers echo names only, in fields of their own.
        for name in ("cluster", "backup", "backup_location"):
            there.setdefault(f"{name}_ref", {"name": there[name]} if there.get(name) else None)
        found_differences = differences(given, there)
        if found_differences:
            raise Conflict(
                f"it exists with other values, and only its labels can be changed: {'; '.join(found_differences)}. Choose another name, or delete it first.",
                record=found,
            )

    def _prediction(self, wanted: Wanted) -> Record:
        status = {"status": "Success" if self._task["wait"] else "Pending"}
        return record_of(self._shape, {"metadata": {"uid": "", **wanted.body["metadata"]}, self._shape.info_key: {**wanted.echo, "status": status}})

    def metadata(self) -> dict[str, Any]:
        """The metadata of a create request."""
        task = self._task
        optional = {"uid": task["uid"], "labels": self.catalog.tags, "ownership": _dense(task["ownership"])}
        return {"name": task["name"], "org_id": task["org_id"], **{key: value for key, value in optional.items() if value}}


def _dense(value: Any) -> Any:
    """Suboptions that were not given are None, which the API must not see."""
    if isinstance(value, Mapping):
        return {key: _dense(entry) for key, entry in value.items() if entry is not None}
    return [_dense(entry) for entry in value] if isinstance(value, list) else value


def _why(record: Record) -> str:
    word, reason = record.details["provider_status"] or "pending", record.details["reason"]
    return f"{word}: {reason}" if reason else word
