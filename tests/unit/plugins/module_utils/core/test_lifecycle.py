# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one named resource: what is sent, what is waited for, what is refused, and what is concluded from reads that lag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
    WaitTimeout,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.lifecycle import Lifecycle
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import DELETING, FAILED, PENDING, RUNNING, SUCCEEDED, UNFINISHED, Record
from ansible_collections.multicloud.recovery.plugins.module_utils.core.outcome import Outcome
from ansible_collections.multicloud.recovery.plugins.module_utils.core.plan import Plan
from ansible_collections.multicloud.recovery.plugins.module_utils.core.resource import Wanted, Words, different
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import perform
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

from tests.unit.fakes import FakeClock, fake_task

LOST = OutcomeUnknown("no whole answer came.", http_status=504)
TAKEN = Conflict("already exists.", http_status=409, code="alreadyExists")
BAD_LOOK = ProviderFailure("HTTP 503", transient=True)
GONE, HIDDEN = "gone", "hidden"
CREATED = "2026-01-02T03:04:05Z"


def thing(status: str = SUCCEEDED, uid: str = "u-1", size: int = 1, created_at: str | None = CREATED, **tags: str) -> Record:
    return Record("one", uid, "fake", status, created_at, tags, {"size": size, "provider_status": status.upper()})


@dataclass
class Box:
    """One resource in memory: what there is, what the next looks see, and every request.

    ``looks``: a status that it takes on with a look, GONE, HIDDEN (this look shows nothing), a Record that the look shows instead, or an
    error; afterwards it is shown as it is. ``on`` is called at a request, by its word, before it is carried out, and may raise. ``end`` is what
    the end of an operation raises.
    """

    words: Words = field(default_factory=lambda: Words("box", "The provider", stuck={"DELETING": "Look at its lock."}))
    tags: Mapping[str, str] = field(default_factory=dict)
    there: Record | None = None
    size: int = 1
    replaces: bool = False
    answers: bool = True
    makes: list[Any] = field(default_factory=lambda: [PENDING, RUNNING, SUCCEEDED])
    ends_gone: list[Any] = field(default_factory=lambda: [DELETING, GONE])
    looks: list[Any] = field(default_factory=list)
    on: dict[str, Callable[[], None]] = field(default_factory=dict)
    end: RecoveryError | None = None
    sent: list[str] = field(default_factory=list)
    known: str = ""
    wait: bool = True
    forgotten: str = ""
    acted: bool = False

    # -- reading

    def record_of(self, thing: Record) -> Record:
        return thing

    def look(self) -> Record | None:
        coming = next(iter(self.looks), None)
        del self.looks[:1]
        if isinstance(coming, Exception):
            raise coming
        if isinstance(coming, Record):
            return self._known(coming)
        if coming == HIDDEN:
            return None
        if coming == GONE:
            self.there = None
        elif coming and self.there:
            self.there = replace(self.there, status=coming, details={**self.there.details, "provider_status": coming.upper()})
        return self._known(self.there)

    def _known(self, seen: Record | None) -> Record | None:
        if seen is None or seen.uid == self.forgotten or self.known not in ("", seen.uid):
            return None
        self.known = seen.uid
        return seen

    def forget(self) -> None:
        self.forgotten, self.known = self.known, ""

    # -- comparing

    def differences(self, thing: Record) -> Iterable[str]:
        return [different("size", self.size, thing.details["size"])] if thing.details["size"] != self.size else []

    def label_changes(self, thing: Record) -> Mapping[str, str]:
        return {key: value for key, value in self.tags.items() if thing.tags.get(key) != value}

    def relabelled(self, thing: Record) -> Record:
        return replace(thing, tags={**thing.tags, **self.tags})

    def refuse_failed(self, thing: Record) -> None:
        if not self.replaces:
            raise ProviderFailure("it exists and has failed.", record=thing)

    def judge(self, thing: Record) -> None:
        if thing.status == FAILED:
            raise ProviderFailure("the provider ended it as FAILED.", record=thing)

    def prepare(self) -> Wanted:
        self._send("prepare")
        self.sent.pop()
        return Wanted(self.size, thing(SUCCEEDED if self.wait else PENDING, "", self.size, None, **self.tags))

    # -- requests

    def _send(self, word: str) -> None:
        self.sent.append(word)
        try:
            self.on.get(word, lambda: None)()
        except OutcomeUnknown:
            self.acted = True
            raise
        self.acted = self.acted or word != "prepare"

    def create(self, request: Any) -> Record | None:
        self._send("create")
        self.make(request)
        return self.there if self.answers else None

    def make(self, size: int = 1, uid: str = "new") -> None:
        self.there = thing(PENDING, uid, size, **self.tags)
        self.known = uid if self.answers else ""
        self.looks += self.makes

    def is_taken(self, error: Conflict) -> bool:
        return error.code == "alreadyExists"

    def relabel(self, thing: Record) -> None:
        self._send("relabel")
        assert self.there
        self.there = self.relabelled(self.there)

    def delete(self, thing: Record) -> None:
        self._send("delete")
        self.looks += self.ends_gone

    def finish(self) -> None:
        if self.end:
            end, self.end = self.end, None
            raise end


@dataclass
class Bench:
    """A back end for one box."""

    box: Box = field(default_factory=Box)
    clock: FakeClock = field(default_factory=FakeClock)
    report: Report = field(default_factory=Report)
    waiter: Waiter | None = None

    def validate(self, operation: str) -> None: ...

    def targets(self) -> tuple[str, ...]:
        return ()

    def for_target(self, name: str, waiter: Waiter) -> Bench:
        raise NotImplementedError

    def list_all(self) -> Any:
        return iter(())

    def find(self) -> Record | None:
        found = self.box.there
        self.box.known = found.uid if found else ""
        return found

    def plan_create(self, found: Record | None) -> Plan:
        return self.life.plan_create(found)

    def plan_delete(self, found: Record | None) -> Plan:
        return self.life.plan_delete(found)

    def acted(self) -> bool:
        return self.box.acted

    def run(self, operation: str, *, check_mode: bool = False, **options: Any) -> Outcome:
        task = fake_task(operation, check_mode=check_mode, **options)
        self.box.wait, self.box.acted = task["wait"], False
        self.waiter = self.clock.waiter(task["wait_timeout"])
        self.life = Lifecycle[Record](self.box, task, self.waiter)
        self.report = Report()
        return perform(self, task, self.waiter, self.report)

    def create(self, **options: Any) -> Outcome:
        return self.run("CREATE", **options)

    def delete(self, **options: Any) -> Outcome:
        return self.run("DELETE", **options)

    @property
    def seconds(self) -> float:
        return self.clock.now - 1000


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(params=["the answer tells of it", "the answer tells of nothing"])
def both(request: pytest.FixtureRequest) -> Bench:
    """A provider whose answer to a create is the resource, and then one whose answer is an operation."""
    return Bench(Box(answers=request.param == "the answer tells of it"))


def raising(error: RecoveryError) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


# -- A new one


def test_create_on_nothing_sends_one_request_and_waits_for_success(both: Bench) -> None:
    outcome = both.create()
    assert both.box.sent == ["create"]
    assert outcome.changed
    assert outcome.record is not None
    assert (outcome.record.uid, outcome.record.status) == ("new", SUCCEEDED)
    assert outcome.message == "Restore created successfully"
    assert both.seconds > 0


def test_create_without_wait_ends_when_the_request_is_accepted(both: Bench) -> None:
    outcome = both.create(wait=False)
    assert outcome.changed
    assert outcome.record is not None
    assert (outcome.record.uid, outcome.record.status, both.seconds) == ("new", PENDING, 0)
    assert "its end was not waited for" in outcome.message


def test_success_that_was_seen_is_not_looked_at_again(bench: Bench) -> None:
    bench.box.makes = [SUCCEEDED, AuthenticationFailed("expired")]
    assert bench.create().changed


def test_end_without_success_is_a_failure_and_leaves_what_there_is(both: Bench) -> None:
    both.box.makes = [RUNNING, FAILED]
    with pytest.raises(ProviderFailure, match="ended it as FAILED"):
        both.create()
    assert (both.box.sent, both.report.changed) == (["create"], True)


def test_operation_that_fails_is_no_success(bench: Bench) -> None:
    bench.box.end = ProviderFailure("internal error")
    with pytest.raises(ProviderFailure, match="internal error"):
        bench.create()


def test_check_mode_sends_nothing_and_predicts(bench: Bench) -> None:
    outcome = bench.create(check_mode=True)
    assert (outcome.changed, bench.box.sent) == (True, [])
    assert outcome.record is not None
    assert (outcome.record.status, outcome.record.uid) == (SUCCEEDED, "")


# -- One that exists


def test_equal_one_is_unchanged_and_the_message_says_since_when(bench: Bench) -> None:
    bench.box.there = thing()
    outcome = bench.create()
    assert (outcome.changed, bench.box.sent) == (False, [])
    assert outcome.message == f'Box "one" exists since {CREATED} and is as asked for'


def test_equal_one_of_unknown_age_exists_already(bench: Bench) -> None:
    bench.box.there = thing(created_at=None)
    assert "exists already and is as asked for" in bench.create().message


def test_different_one_is_a_conflict_that_names_option_and_values(bench: Bench) -> None:
    bench.box.there = thing(size=2)
    with pytest.raises(Conflict) as raised:
        bench.create()
    assert raised.value.message == (
        "it exists with other values, and only its labels can be changed: size (asked for: 1, there is: 2). Choose another name, or delete it first."
    )
    assert raised.value.record is not None
    assert bench.box.sent == []


@pytest.mark.parametrize("status", UNFINISHED)
def test_unfinished_one_is_waited_for_and_unchanged(bench: Bench, status: str) -> None:
    bench.box.there = thing(status)
    bench.box.looks = [status, RUNNING, SUCCEEDED]
    outcome = bench.create()
    assert (outcome.changed, bench.box.sent) == (False, [])
    assert outcome.record is not None
    assert outcome.record.status == SUCCEEDED


@pytest.mark.parametrize("options", [{"wait": False}, {"check_mode": True}])
def test_unfinished_one_is_not_waited_for_where_that_is_not_asked_for(bench: Bench, options: dict[str, Any]) -> None:
    bench.box.there = thing(PENDING)
    assert not bench.create(**options).changed
    assert bench.seconds == 0


def test_unfinished_one_that_then_fails_is_a_failure(bench: Bench) -> None:
    bench.box.there = thing(PENDING)
    bench.box.looks = [PENDING, FAILED]
    with pytest.raises(ProviderFailure) as raised:
        bench.create()
    assert raised.value.record is not None
    assert raised.value.record.status == FAILED


def test_failed_one_is_a_failure(bench: Bench) -> None:
    bench.box.there = thing(FAILED)
    with pytest.raises(ProviderFailure, match="exists and has failed"):
        bench.create()
    assert bench.box.sent == []


def test_failed_one_is_deleted_seen_to_be_gone_and_made_again_where_that_is_asked_for(both: Bench) -> None:
    both.box.there, both.box.replaces = thing(FAILED), True
    outcome = both.create()
    assert both.box.sent == ["delete", "create"]
    assert outcome.record is not None
    assert outcome.record.uid == "new"


def test_failed_one_is_deleted_only_when_the_new_one_can_be_made(bench: Bench) -> None:
    bench.box.there, bench.box.replaces = thing(FAILED), True
    bench.box.on["prepare"] = raising(InvalidRequest("the cluster is offline."))
    with pytest.raises(InvalidRequest):
        bench.create()
    assert bench.box.sent == ["prepare"]


def test_one_that_is_being_deleted_is_waited_for_and_made_again(both: Bench) -> None:
    both.box.there = thing(DELETING)
    both.box.looks = [DELETING, DELETING, GONE]
    outcome = both.create()
    assert both.box.sent == ["create"]
    assert outcome.record is not None
    assert outcome.record.uid == "new"


def test_one_that_is_being_deleted_is_a_conflict_without_wait(bench: Bench) -> None:
    bench.box.there = thing(DELETING)
    with pytest.raises(Conflict, match="the one of this name is being deleted; with wait it would be made again as soon as that is done"):
        bench.create(wait=False)
    assert bench.box.sent == []


# -- Reads that lag


@pytest.mark.parametrize("looks", [[HIDDEN] * 4, [HIDDEN] * 8], ids=["some seconds", "a minute"])
def test_new_one_that_does_not_show_yet_is_waited_for(both: Bench, looks: list[Any]) -> None:
    both.box.makes = [*looks, PENDING, SUCCEEDED]
    outcome = both.create()
    assert outcome.record is not None
    assert outcome.record.uid == "new"


def test_stale_reads_after_it_was_seen_do_not_make_it_gone(both: Bench) -> None:
    both.box.makes = [PENDING, HIDDEN, HIDDEN, HIDDEN, SUCCEEDED]
    assert both.create().changed


def test_stale_reads_late_in_a_long_wait_do_not_make_it_gone(bench: Bench) -> None:
    bench.box.makes = [RUNNING] * 20 + [HIDDEN] * 3 + [SUCCEEDED]
    assert bench.create(wait_timeout=3600).changed
    assert bench.seconds > 120


def test_one_that_never_shows_is_no_success_and_is_not_said_to_be_deleted_by_somebody(both: Bench) -> None:
    both.box.makes = [HIDDEN] * 100
    with pytest.raises(NotFound) as raised:
        both.create()
    assert raised.value.message == "it was accepted, but is not seen. Run the task again: it looks first, and makes none twice."
    assert both.seconds >= 60


@pytest.mark.parametrize("looks", [[RUNNING, GONE], [RUNNING, DELETING]])
def test_one_that_vanishes_is_no_success(both: Bench, looks: list[Any]) -> None:
    both.box.makes = looks
    with pytest.raises(NotFound, match="it disappeared while it was waited for: somebody is deleting it"):
        both.create()


def test_stale_read_of_the_former_one_is_not_taken_for_the_new_one(both: Bench) -> None:
    former = thing(DELETING)
    both.box.there = former
    both.box.looks = [DELETING, GONE]
    both.box.makes = [former, former, PENDING, SUCCEEDED]
    outcome = both.create()
    assert outcome.record is not None
    assert (outcome.record.uid, outcome.record.status) == ("new", SUCCEEDED)


def test_without_wait_the_new_one_is_still_looked_for_until_it_shows(bench: Bench) -> None:
    bench.box.answers, bench.box.makes = False, [HIDDEN, HIDDEN, PENDING]
    outcome = bench.create(wait=False)
    assert outcome.record is not None
    assert outcome.record.uid == "new"


def test_without_wait_what_does_not_show_is_predicted(bench: Bench) -> None:
    bench.box.answers, bench.box.makes = False, [HIDDEN] * 100
    outcome = bench.create(wait=False)
    assert outcome.record is not None
    assert (outcome.record.name, outcome.record.uid, outcome.record.status) == ("one", "", PENDING)
    assert 10 <= bench.seconds < 15


def test_stale_reads_after_a_change_of_labels_are_read_again(bench: Bench) -> None:
    before = thing(env="test")
    bench.box.there, bench.box.tags = before, {"env": "prod"}
    bench.box.looks = [before, before, before, before]
    outcome = bench.create()
    assert outcome.record is not None
    assert outcome.record.tags == {"env": "prod"}
    assert bench.box.sent == ["relabel"]


def test_one_that_hides_before_its_labels_are_set_has_not_disappeared(bench: Bench) -> None:
    bench.box.there, bench.box.tags, bench.box.looks = thing(), {"a": "b"}, [HIDDEN, HIDDEN]
    assert bench.create().changed
    assert bench.box.sent == ["relabel"]


def test_stale_reads_after_a_deletion_are_read_again(bench: Bench) -> None:
    before = thing()
    bench.box.there, bench.box.ends_gone = before, [before, before, before, GONE]
    outcome = bench.delete()
    assert (outcome.changed, bench.box.there) == (True, None)


def test_stale_read_does_not_make_a_deletion_of_somebody_else_a_failure(bench: Bench) -> None:
    before = bench.box.there = thing()
    bench.box.looks, bench.box.ends_gone = [before, before], []
    bench.box.on["delete"] = raising(NotFound("not found.", http_status=404))
    bench.box.looks = [before, before, GONE]
    deleted = bench.delete()
    assert (deleted.changed, deleted.message) == (False, "Restore was deleted by another run already")


# -- Lost answers


def lose(bench: Bench, error: RecoveryError, *looks: Any, size: int | None = 1) -> None:
    """A create raises ``error``; before the box shows, the next looks see ``looks``. ``size`` None: nothing was made."""

    def act() -> None:
        if size is not None:
            bench.box.there = thing(PENDING, "new", size)
        bench.box.looks += [*looks, *(bench.box.makes if size is not None else ())]
        raise error

    bench.box.on["create"] = act


@pytest.mark.parametrize("error", [LOST, TAKEN], ids=["lost", "taken"])
@pytest.mark.parametrize("looks", [[], [HIDDEN] * 3, [BAD_LOOK, BAD_LOOK]], ids=["at once", "later", "after looks that fail"])
def test_create_without_an_answer_is_found_again_and_waited_for(bench: Bench, error: RecoveryError, looks: list[Any]) -> None:
    lose(bench, error, *looks)
    outcome = bench.create()
    assert bench.box.sent == ["create"]
    # When the name was taken, another run has made it.
    assert outcome.changed is (error is LOST)
    assert outcome.record is not None
    assert (outcome.record.uid, outcome.record.status) == ("new", SUCCEEDED)


@pytest.mark.parametrize("error", [LOST, TAKEN], ids=["lost", "taken"])
def test_different_one_found_after_a_lost_create_is_a_conflict(bench: Bench, error: RecoveryError) -> None:
    lose(bench, error, HIDDEN, size=2)
    with pytest.raises(Conflict, match=r"exists with other values.*size"):
        bench.create()
    assert bench.box.sent == ["create"]


@pytest.mark.parametrize(("error", "advice"), [(LOST, "Run the task again: it looks first"), (TAKEN, "choose another name")], ids=["lost", "taken"])
def test_create_never_seen_within_ten_seconds_fails_with_advice(bench: Bench, error: RecoveryError, advice: str) -> None:
    bench.box.words = replace(bench.box.words, taken="It is somebody else's: choose another name.")
    lose(bench, error, size=None)
    with pytest.raises(type(error)) as raised:
        bench.create()
    assert 10 <= bench.seconds < 15
    assert raised.value.message.startswith(f"{error.message} None of this name was seen afterwards. ")
    assert advice in raised.value.message
    assert raised.value.http_status == error.http_status
    assert bench.report.changed is isinstance(error, OutcomeUnknown)


def test_lost_create_that_cannot_be_looked_for_may_have_changed_something(bench: Bench) -> None:
    lose(bench, LOST, AuthenticationFailed("the token has expired."), size=None)
    with pytest.raises(OutcomeUnknown, match="Looking for it afterwards failed: the token has expired"):
        bench.create()
    assert bench.report.changed


def test_taken_name_that_cannot_be_looked_for_says_why(bench: Bench) -> None:
    lose(bench, TAKEN, AuthenticationFailed("the token has expired."), size=None)
    with pytest.raises(AuthenticationFailed):
        bench.create()


def test_lost_create_is_not_looked_for_past_the_deadline_of_the_task(bench: Bench) -> None:
    lose(bench, LOST, size=None)
    with pytest.raises(OutcomeUnknown):
        bench.create(wait_timeout=4)
    assert bench.seconds <= 4


@pytest.mark.parametrize("error", [InvalidRequest("bad name."), Conflict("the disk is not ready.", code="resourceNotReady")])
def test_refused_create_is_raised_as_it_is(bench: Bench, error: RecoveryError) -> None:
    lose(bench, error, size=None)
    with pytest.raises(type(error)) as raised:
        bench.create()
    assert raised.value is error
    assert (bench.seconds, bench.report.changed) == (0, False)


# -- Deadline and cancellation


def test_deadline_of_a_create_tells_status_and_uid_and_that_the_provider_goes_on(bench: Bench) -> None:
    bench.box.makes = [RUNNING]
    with pytest.raises(WaitTimeout) as raised:
        bench.create(wait_timeout=120)
    assert raised.value.message == (
        "it is not finished before the deadline of 120 s: its status is RUNNING, its uid new. The provider goes on with it: run the task again to keep waiting."
    )
    assert raised.value.record is not None
    assert (raised.value.record.uid, raised.value.record.status) == ("new", RUNNING)
    assert (bench.box.sent, bench.report.changed, bench.report.as_result()[-1]["status"]) == (["create"], True, "left")


def test_deadline_of_an_operation_carries_its_id_and_the_record(bench: Bench) -> None:
    bench.box.answers, bench.box.end = False, WaitTimeout("the operation op-1 is still RUNNING.", request_id="op-1")
    with pytest.raises(WaitTimeout, match=r"op-1 is still RUNNING\. The provider goes on with it") as raised:
        bench.create()
    assert raised.value.request_id == "op-1"
    assert raised.value.record is not None
    assert raised.value.record.uid == "new"


def test_deadline_while_nothing_shows_does_not_say_that_it_is_gone(bench: Bench) -> None:
    bench.box.makes = [HIDDEN] * 100
    with pytest.raises(WaitTimeout, match="its status is unknown"):
        bench.create(wait_timeout=20)


def test_bad_looks_do_not_end_the_wait(bench: Bench) -> None:
    bench.box.makes = [RUNNING, BAD_LOOK, BAD_LOOK, SUCCEEDED]
    assert bench.create().changed


@pytest.mark.parametrize("operation", ["CREATE", "DELETE"])
def test_cancelled_wait_says_that_the_provider_goes_on(bench: Bench, operation: str) -> None:
    bench.box.there = None if operation == "CREATE" else thing()
    bench.box.makes, bench.box.ends_gone = [RUNNING] * 100, [DELETING] * 100
    look = bench.box.look

    def cancelling() -> Record | None:
        assert bench.waiter is not None
        if bench.box.sent:
            bench.waiter.cancel()
        return look()

    bench.box.look = cancelling  # type: ignore[method-assign]
    with pytest.raises(Cancelled, match="run the task again to") as raised:
        bench.run(operation)
    assert raised.value.record is not None
    assert ("Its uid is new. The provider goes on with it" if operation == "CREATE" else "The deletion was accepted and goes on") in raised.value.message


def test_credentials_that_expire_while_it_is_made_leave_it_to_the_provider(bench: Bench) -> None:
    bench.box.makes = [RUNNING, AuthenticationFailed("the token has expired.", http_status=401)]
    with pytest.raises(AuthenticationFailed) as raised:
        bench.create()
    assert raised.value.message.startswith("it was started, but can no longer be looked at: the token has expired. The provider goes on with it")
    assert raised.value.http_status == 401


# -- Labels


def test_labels_that_differ_are_one_request_that_is_seen(bench: Bench) -> None:
    bench.box.there, bench.box.tags = thing(team="shop", purpose="old"), {"purpose": "drill"}
    outcome = bench.create()
    assert (bench.box.sent, outcome.changed, outcome.message) == (["relabel"], True, "Restore updated successfully")
    assert outcome.record is not None
    assert outcome.record.tags == {"team": "shop", "purpose": "drill"}
    assert not bench.create().changed


def test_check_mode_of_labels_sends_nothing_and_predicts_them(bench: Bench) -> None:
    bench.box.there, bench.box.tags = thing(team="shop"), {"a": "b"}
    outcome = bench.create(check_mode=True)
    assert (outcome.changed, bench.box.sent) == (True, [])
    assert outcome.record is not None
    assert outcome.record.tags == {"team": "shop", "a": "b"}


@pytest.mark.parametrize(("last", "status"), [(False, RUNNING), (True, SUCCEEDED)])
def test_labels_of_an_unfinished_one_are_set_at_once_or_when_it_is_done(bench: Bench, last: bool, status: str) -> None:
    bench.box.words = replace(bench.box.words, labelled_last=last)
    bench.box.there, bench.box.tags = thing(RUNNING), {"a": "b"}
    bench.box.looks = [RUNNING, SUCCEEDED] if last else [RUNNING, RUNNING, RUNNING, SUCCEEDED]
    at: list[str] = []
    bench.box.on["relabel"] = lambda: at.append(bench.box.there.status if bench.box.there else "")
    outcome = bench.create()
    assert at == [status]
    assert outcome.record is not None
    assert (outcome.record.status, outcome.record.tags) == (SUCCEEDED, {"a": "b"})


def test_one_that_disappears_before_its_labels_are_set_is_not_found(bench: Bench) -> None:
    bench.box.there, bench.box.tags, bench.box.looks = thing(), {"a": "b"}, [GONE]
    with pytest.raises(NotFound, match="disappeared before its labels were updated"):
        bench.create()
    assert bench.box.sent == []


def test_labels_that_never_show_are_no_success(bench: Bench) -> None:
    before = bench.box.there = thing()
    bench.box.tags, bench.box.looks = {"a": "b"}, [before] * 100
    with pytest.raises(WaitTimeout, match="the labels were accepted but are not seen"):
        bench.create(wait_timeout=60)


# -- Deletion


def test_delete_asks_once_and_waits_until_it_is_gone(bench: Bench) -> None:
    bench.box.there, bench.box.ends_gone = thing(), [DELETING, DELETING, GONE]
    outcome = bench.delete()
    assert (bench.box.sent, outcome.changed, outcome.record) == (["delete"], True, None)
    assert outcome.message == "Restore deleted successfully"
    assert outcome.before is not None


def test_delete_without_wait_ends_when_the_request_is_accepted(bench: Bench) -> None:
    bench.box.there = thing()
    outcome = bench.delete(wait=False)
    assert (outcome.changed, bench.seconds) == (True, 0)
    assert "its end was not waited for" in outcome.message


@pytest.mark.parametrize("options", [{}, {"name": None, "uid": "u-1"}])
def test_delete_of_absent_is_unchanged(bench: Bench, options: dict[str, Any]) -> None:
    outcome = bench.delete(**options)
    assert (outcome.changed, outcome.message, bench.box.sent) == (False, f'Box "{options.get("uid", "one")}" is already absent', [])


def test_check_mode_of_delete_sends_nothing(bench: Bench) -> None:
    bench.box.there = thing()
    outcome = bench.delete(check_mode=True)
    assert (outcome.changed, outcome.message, bench.box.sent) == (True, "Restore would be deleted", [])


@pytest.mark.parametrize("tags", [{"purpose": "other"}, {"missing": "x"}])
def test_delete_spares_what_does_not_carry_the_labels(bench: Bench, tags: dict[str, str]) -> None:
    bench.box.there, bench.box.tags = thing(purpose="drill"), tags
    with pytest.raises(Conflict) as raised:
        bench.delete()
    assert raised.value.message == f"it does not carry the labels {tags}, so it is not what was meant to be deleted. It is untouched."
    assert bench.box.sent == []


def test_delete_removes_what_carries_the_labels(bench: Bench) -> None:
    bench.box.there, bench.box.tags = thing(purpose="drill", more="1"), {"purpose": "drill"}
    assert bench.delete().changed


@pytest.mark.parametrize("wait", [True, False])
def test_delete_of_one_that_is_going_away_is_unchanged_and_waited_for_where_asked(bench: Bench, wait: bool) -> None:
    bench.box.there = thing(DELETING)
    bench.box.looks = [DELETING, DELETING, GONE]
    outcome = bench.delete(wait=wait)
    assert (outcome.changed, bench.box.sent, bench.box.there is None) == (False, [], wait)
    assert outcome.message == 'Box "one" is already absent, or about to be'


@pytest.mark.parametrize("error", [NotFound("not found.", http_status=404), LOST])
@pytest.mark.parametrize("looks", [[GONE], [DELETING, DELETING, GONE], [HIDDEN, GONE]])
def test_deletion_that_was_brought_about_somehow_is_as_good(bench: Bench, error: RecoveryError, looks: list[Any]) -> None:
    bench.box.there, bench.box.looks = thing(), list(looks)
    bench.box.on["delete"] = raising(error)
    assert bench.delete().changed is (error is LOST)


@pytest.mark.parametrize("error", [NotFound("the cluster was not found.", http_status=500), LOST])
def test_deletion_that_was_not_brought_about_is_no_success(bench: Bench, error: RecoveryError) -> None:
    bench.box.there = thing()
    bench.box.on["delete"] = raising(error)
    with pytest.raises(type(error)) as raised:
        bench.delete(wait=False)
    assert raised.value is error


def test_operation_that_finds_nothing_to_delete_is_as_good(bench: Bench) -> None:
    bench.box.there, bench.box.ends_gone, bench.box.end = thing(), [GONE], NotFound("not found.")
    assert bench.delete().changed


def test_operation_that_ends_without_the_deletion_is_no_success(bench: Bench) -> None:
    bench.box.there, bench.box.ends_gone, bench.box.end = thing(), [], ProviderFailure("internal error")
    with pytest.raises(ProviderFailure, match="internal error"):
        bench.delete()


def test_another_one_that_has_taken_the_name_is_not_waited_for(bench: Bench) -> None:
    bench.box.there, bench.box.ends_gone = thing(), []
    bench.box.on["delete"] = lambda: setattr(bench.box, "there", thing(uid="u-2"))
    assert bench.delete().changed
    assert bench.box.sent == ["delete"]


def test_deadline_of_a_deletion_says_what_keeps_it_and_that_it_goes_on(bench: Bench) -> None:
    bench.box.there, bench.box.ends_gone = thing(), [DELETING]
    with pytest.raises(WaitTimeout) as raised:
        bench.delete(wait_timeout=60)
    assert raised.value.message == (
        "it is still there at the deadline of 60 s: its status is DELETING. Look at its lock."
        " The deletion was accepted and goes on: run the task again to keep waiting."
    )
    assert raised.value.record is not None
