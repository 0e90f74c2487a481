# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a backup or restore of PX-Backup comes to be as asked for, or to be gone: the plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...clients.px_backup.client import PxBackupClient, Wire
from ...core.arguments import Task
from ...core.errors import Conflict, ProviderFailure
from ...core.model import DELETING, FAILED, UNFINISHED, Record
from ...core.plan import Plan, Step
from ...core.waiter import Waiter
from ...transport.http import Query
from .actions import Actions, why
from .catalog import Catalog
from .records import Shape, record_of
from .values import without_none

# What PX-Backup itself gave up. CloudBackupMissing is not among them: the data may be whole, and only out of reach.
_REPLACEABLE = ("Failed", "Aborted", "Invalid")


@dataclass(frozen=True)
class Wanted:
    """A create request: ``body`` as the API takes it, and ``echo``, the info that the finished object will carry."""

    body: Wire
    echo: Wire


class Objects:
    """The plans for a backup, or a restore; ``delete_query`` gives what the API wants to know beside name and uid."""

    def __init__(self, shape: Shape, client: PxBackupClient, task: Task, waiter: Waiter, delete_query: Callable[[Record], Query] = lambda _found: ()) -> None:
        self.catalog = Catalog(shape, client, task)
        self._shape, self._kind, self._task = shape, shape.kind, task
        self._actions = Actions(shape, client, task, waiter, self.catalog)
        self._delete_query = delete_query

    def plan_create(self, found: Record | None, given: Mapping[str, Any], prepare: Callable[[], Wanted]) -> Plan:
        """The way to an object with the options ``given``; ``prepare`` resolves and checks what a new one needs.

        Raises Conflict when what exists is different or in the way, ProviderFailure when it failed.
        """
        if found and found.status == FAILED:
            self._refuse_failed(found)
        elif found and found.status != DELETING:
            return self._plan_existing(found, given)
        clearing = self._steps_to_clear(found)
        wanted = prepare()
        create = Step(
            f"create {self._kind.one}",
            do=lambda: self._actions.create(wanted.body, given),
            wait=self._actions.wait_until_done if self._task["wait"] else None,
            needs=tuple(step.name for step in clearing),
        )
        return Plan((*clearing, create), after=self._prediction(wanted), seen=self._actions.result)

    def _refuse_failed(self, found: Record) -> None:
        if found.details["provider_status"] not in _REPLACEABLE:
            raise ProviderFailure(f"it exists, but its data is not found ({why(found)}). Choose another name, or delete it first.", record=found)
        if not self._task["replace_failed"]:
            raise ProviderFailure(f"it exists and has failed ({why(found)}). Delete it, or set replace_failed to have that done first.", record=found)

    def _plan_existing(self, found: Record, given: Mapping[str, Any]) -> Plan:
        self._actions.refuse_differences(found, given)
        waiting = self._task["wait"] and found.status in UNFINISHED
        if not waiting:
            self._actions.judge(found)
        since = f"since {found.created_at}" if found.created_at else "already"
        unchanged = f'{self._kind.one.capitalize()} "{found.name}" exists {since} and is as asked for'
        wait = Step(f"wait for {self._kind.one}", wait=self._actions.wait_until_done)
        tags = self.catalog.tags
        labels = {**found.tags, **tags}
        if labels == found.tags:
            return Plan((wait,) if waiting else (), after=found, why_unchanged=unchanged, seen=self._actions.result)
        relabel = Step("update labels", do=lambda: self._actions.relabel(tags), wait=lambda: self._actions.wait_for_labels(tags))
        after = replace(found, tags=labels, wire={**found.wire, "metadata": {**found.wire["metadata"], "labels": labels}})
        return Plan((relabel, wait) if waiting else (relabel,), after=after, verb="updated", seen=self._actions.result)

    def plan_delete(self, found: Record | None) -> Plan:
        """The way to its absence. Raises Conflict when it does not carry the labels given."""
        absent = f'{self._kind.one.capitalize()} "{self._task["name"] or self._task["uid"]}" is already absent'
        if found is None:
            return Plan(why_unchanged=absent)
        if any(found.tags.get(key) != value for key, value in self.catalog.tags.items()):
            raise Conflict(f"it does not carry the labels {self.catalog.tags}, so it is not what was meant to be deleted. It is untouched.", record=found)
        wait = self._actions.wait_until_gone if self._task["wait"] else None
        if found.status == DELETING:
            return Plan((Step("wait for the deletion", wait=wait),) if wait else (), why_unchanged=f"{absent}, or about to be")
        return Plan((Step(f"delete {self._kind.one}", do=lambda: self._delete(found), wait=wait),), verb="deleted")

    def _steps_to_clear(self, found: Record | None) -> list[Step]:
        if not found:
            return []
        if found.status == DELETING:
            if not self._task["wait"]:
                raise Conflict("the one of this name is being deleted; with wait it would be made again as soon as that is done.", record=found)
            return [Step("wait for the deletion", wait=self._actions.wait_until_gone)]
        return [Step(f"delete failed {self._kind.one}", do=lambda: self._delete(found), wait=self._actions.wait_until_gone)]

    def _delete(self, found: Record) -> None:
        self._actions.delete(found, self._delete_query(found))

    def _prediction(self, wanted: Wanted) -> Record:
        status = {"status": "Success" if self._task["wait"] else "Pending"}
        return record_of(self._shape, {"metadata": {"uid": "", **wanted.body["metadata"]}, self._shape.info_key: {**wanted.echo, "status": status}})

    def metadata(self) -> dict[str, Any]:
        """The metadata of a create request."""
        task = self._task
        optional = {"uid": task["uid"], "labels": self.catalog.tags, "ownership": without_none(task["ownership"])}
        return {"name": task["name"], "org_id": task["org_id"], **{key: value for key, value in optional.items() if value}}
