# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one named resource on any provider: looked at first, made, relabelled or deleted, and each end seen before it is called a success."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Generic

from .arguments import Task
from .errors import AuthenticationFailed, Cancelled, Conflict, NotFound, OutcomeUnknown, RecoveryError, WaitTimeout
from .model import DELETING, FAILED, UNFINISHED, Record
from .plan import Plan, Step
from .resource import AGAIN, Resource, T
from .waiter import Waiter

# How long a create whose answer was lost, or whose name is taken, is looked for before it counts as not done, in seconds.
_LOOK_AGAIN_S = 10.0
# How long reads may lag behind what the provider has accepted: what they do not show is looked for so long before anything is concluded.
_LAG_S = 60.0


class Lifecycle(Generic[T]):
    """The plans for one resource, and what their steps do."""

    def __init__(self, resource: Resource[T], task: Task, waiter: Waiter) -> None:
        self._resource, self._words, self._task, self._waiter = resource, resource.words, task, waiter
        # As it was seen last.
        self._seen: T | None = None

    # --- plans

    def plan_create(self, found: T | None) -> Plan:
        """The way to the resource as asked for. Raises Conflict for one that is different or in the way, ProviderFailure for one that failed."""
        if found is not None and self._status(found) == FAILED:
            self._resource.refuse_failed(found)
        elif found is not None and self._status(found) != DELETING:
            return self._plan_existing(found)
        clearing = self._clearing(found)
        wanted = self._resource.prepare()
        create = Step(
            f"create {self._words.one}",
            do=lambda: self._create(wanted.request),
            wait=self._see_done if self._task["wait"] else None,
            needs=tuple(step.name for step in clearing),
        )
        return Plan((*clearing, create), after=wanted.after, seen=lambda: self.result() or wanted.after)

    def _clearing(self, found: T | None) -> list[Step]:
        """The steps that take away what is in the way."""
        if found is None:
            return []
        if self._status(found) == DELETING:
            if not self._task["wait"]:
                raise Conflict("the one of this name is being deleted; with wait it would be made again as soon as that is done.", record=self._record(found))
            return [Step("wait for the deletion", wait=self._see_gone)]
        return [Step(f"delete failed {self._words.one}", do=lambda: self._delete(found), wait=self._see_gone)]

    def _plan_existing(self, found: T) -> Plan:
        self._refuse_differences(found)
        record, one = self._resource.record_of(found), self._words.one
        waits = [Step(f"wait for {one}", wait=self._see_done)] if self._task["wait"] and record.status in UNFINISHED else []
        if not waits:
            self._resource.judge(found)
        self._seen = found
        since = f"since {record.created_at}" if record.created_at else "already"
        unchanged = f'{one.capitalize()} "{record.name}" exists {since} and is as asked for'
        if not self._resource.label_changes(found):
            return Plan(tuple(waits), after=record, why_unchanged=unchanged, seen=self.result)
        relabel = Step("update labels", do=self._relabel, wait=self._see_labels)
        first, *second = [*waits, relabel] if self._words.labelled_last else [relabel, *waits]
        after = self._resource.record_of(self._resource.relabelled(found))
        return Plan((first, *[replace(step, needs=(first.name,)) for step in second]), after=after, verb="updated", seen=self.result)

    def plan_delete(self, found: T | None) -> Plan:
        """The way to its absence. Raises Conflict when it does not carry the labels given."""
        one, tags = self._words.one, self._resource.tags
        absent = f'{one.capitalize()} "{self._task["name"] or self._task["uid"]}" is already absent'
        if found is None:
            return Plan(why_unchanged=absent)
        record = self._resource.record_of(found)
        if any(record.tags.get(key) != value for key, value in tags.items()):
            raise Conflict(f"it does not carry the labels {tags}, so it is not what was meant to be deleted. It is untouched.", record=record)
        if record.status == DELETING:
            steps = (self.deletion(found, "wait for the deletion"),) if self._task["wait"] else ()
            return Plan(steps, why_unchanged=f"{absent}, or about to be")
        return Plan((self.deletion(found, f"delete {one}"),), verb="deleted")

    def deletion(self, found: T, name: str) -> Step:
        """The step that deletes it; where somebody has asked for that already, it only sees the end."""
        going = self._status(found) == DELETING
        return Step(name, do=None if going else lambda: self._delete(found), wait=self._see_gone if self._task["wait"] else None)

    def result(self) -> Record | None:
        """The record of what was seen last. Raises ProviderFailure when that is an end without success."""
        if self._seen is not None and self._status(self._seen) not in UNFINISHED:
            self._resource.judge(self._seen)
        return self._record(self._seen)

    # --- creating

    def _create(self, request: Any) -> None:
        """Ask for it. An answer that is lost, or a name that is taken, is looked into: what is as asked for is ours."""
        try:
            self._seen = self._resource.create(request)
        except (OutcomeUnknown, Conflict) as error:
            if isinstance(error, Conflict) and not self._resource.is_taken(error):
                raise
            self._seen = self._look_for_lost(error)
            self._refuse_differences(self._seen)
        if self._seen is None and not self._task["wait"]:
            self._shown()

    def _look_for_lost(self, error: OutcomeUnknown | Conflict) -> T:
        """What a create without a good answer may have made after all. Raises ``error`` with advice when nothing shows."""
        again = self._words.taken if isinstance(error, Conflict) else AGAIN
        try:
            made = self._waiter.shorter(_LOOK_AGAIN_S).wait_until(self._look, bool, lambda _seen: f"None of this name was seen afterwards. {again}")
        except RecoveryError as trouble:
            if isinstance(error, Conflict) and not isinstance(trouble, WaitTimeout):
                raise
            seen = trouble.message if isinstance(trouble, WaitTimeout) else f"Looking for it afterwards failed: {trouble.message} {again}"
            raise type(error)(f"{error.message} {seen}", **_facts(error)) from trouble
        if made is None:
            raise error
        return made

    def _refuse_differences(self, found: T) -> None:
        """Raise Conflict naming the options in which it is not what was asked for."""
        differences = list(self._resource.differences(found))
        if differences:
            raise Conflict(
                f"it exists with other values, and {self._words.only_labels}: {'; '.join(differences)}. Choose another name, or delete it first.",
                record=self._record(found),
            )

    # --- labels

    def _relabel(self) -> None:
        found = self._shown()
        if found is None:
            raise NotFound("it disappeared before its labels were updated.")
        self._resource.relabel(found)

    def _see_labels(self) -> None:
        def as_sent(seen: T | None) -> bool:
            return seen is not None and not self._resource.label_changes(seen)

        self._waiter.wait_until(self._look, as_sent, lambda _seen: "the labels were accepted but are not seen.")

    # --- deleting

    def _delete(self, found: T) -> None:
        """Ask for the deletion. One that somebody else has brought about is as good, and a lost answer is looked into."""
        try:
            self._resource.delete(found)
        except (NotFound, OutcomeUnknown):
            # "Not found" may be said of something around it, such as its cluster.
            if not self._leaves():
                raise

    def _leaves(self) -> bool:
        """Whether it is gone or being deleted, or shows so within some seconds."""
        try:
            self._waiter.shorter(_LOOK_AGAIN_S).wait_until(self._look, lambda seen: seen is None or self._status(seen) == DELETING, lambda _seen: "")
        except WaitTimeout:
            return False
        return True

    def _see_gone(self) -> None:
        """Wait until it is not found. Raises WaitTimeout at the deadline, with what keeps it."""

        def unfinished(seen: T | None) -> str:
            word = self._word(seen)
            advice = f" {self._words.stuck[word]}" if word in self._words.stuck else ""
            return f"it is still there at the deadline of {self._task['wait_timeout']} s: its status is {word}.{advice}"

        try:
            with suppress(NotFound):
                self._resource.finish()
            self._waiter.wait_until(self._look, lambda seen: seen is None, unfinished)
        except (WaitTimeout, Cancelled) as error:
            aim = "keep waiting" if isinstance(error, WaitTimeout) else "see it end"
            raise self._left(error, f"The deletion was accepted and goes on: run the task again to {aim}.") from error
        self._resource.forget()
        self._seen = None

    # --- seeing

    def _look(self) -> T | None:
        seen = self._resource.look()
        self._seen = self._seen if seen is None else seen
        return seen

    def _shown(self) -> T | None:
        """It, as soon as it shows; None when it did not within some seconds, which reads may lag behind."""
        try:
            return self._waiter.shorter(_LOOK_AGAIN_S).wait_until(self._look, bool, lambda _seen: "it is not seen.")
        except WaitTimeout as error:
            if error.__cause__:
                raise
            return None

    def _see_done(self) -> None:
        """Wait for a full or partial success. Raises ProviderFailure for another end, WaitTimeout at the deadline."""
        goes_on = f"{self._words.provider} goes on with it: run the task again to keep waiting."
        try:
            self._resource.finish()
            seen = self._until_done(goes_on)
        except Cancelled as error:
            record = self._glance()
            raise self._left(error, f"Its uid is {record.uid if record else 'unknown'}. {goes_on}") from error
        except WaitTimeout as error:
            raise self._left(error, goes_on) from error
        self._resource.judge(seen)

    def _until_done(self, goes_on: str) -> T:
        patience, showed = self._waiter.shorter(_LAG_S), False

        def finished(seen: T | None) -> bool:
            nonlocal patience, showed
            if seen is None:
                # Whether it is absent is not known when the task's own deadline cuts the patience short.
                return patience.remaining_s <= 0 < self._waiter.remaining_s
            patience, showed = self._waiter.shorter(_LAG_S), True
            return self._status(seen) not in UNFINISHED

        def unfinished(seen: T | None) -> str:
            last = self._record(self._seen)
            uid = last.uid if last else "unknown"
            return f"it is not finished before the deadline of {self._task['wait_timeout']} s: its status is {self._word(seen)}, its uid {uid}."

        try:
            seen = self._waiter.wait_until(self._look, finished, unfinished)
        except AuthenticationFailed as error:
            raise AuthenticationFailed(f"it was started, but can no longer be looked at: {error.message} {goes_on}", **_facts(error)) from error
        if seen is None and not showed:
            raise NotFound(f"it was accepted, but is not seen. {AGAIN}")
        if seen is None or self._status(seen) == DELETING:
            raise NotFound("it disappeared while it was waited for: somebody is deleting it.", record=self._record(seen))
        return seen

    def _glance(self) -> Record | None:
        """The record to go with a failure, if it can be had."""
        if self._seen is None:
            with suppress(RecoveryError):
                self._look()
        return self._record(self._seen)

    def _left(self, error: RecoveryError, text: str) -> RecoveryError:
        """The same error, of work that the provider goes on with."""
        return type(error)(f"{error.message} {text}", request_id=error.request_id, record=error.record or self._glance())

    def _record(self, thing: T | None) -> Record | None:
        return None if thing is None else self._resource.record_of(thing)

    def _status(self, thing: T) -> str:
        return self._resource.record_of(thing).status

    def _word(self, thing: T | None) -> str:
        """The provider's word for its status."""
        return "unknown" if thing is None else self._resource.record_of(thing).details["provider_status"] or "pending"


def _facts(error: RecoveryError) -> dict[str, Any]:
    return {"code": error.code, "http_status": error.http_status, "request_id": error.request_id}
