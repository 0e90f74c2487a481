# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every operation does, whatever the back end; "rule N" is the list "Behaviour every operation keeps" in STYLE.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, NotFound, WaitTimeout
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import CREATE, DELETE, FAILED, INSPECT_ALL, INSPECT_ONE, PENDING, SUCCEEDED
from ansible_collections.multicloud.recovery.plugins.module_utils.core.outcome import Outcome, result_of
from ansible_collections.multicloud.recovery.plugins.module_utils.core.plan import Plan, Step
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import perform
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report

from tests.unit.fakes import FakeBackend, FakeClock, World, backend_of, fake_task, record


def act(world: World, operation: str, *, check_mode: bool = False, report: Report | None = None, **options: Any) -> Outcome:
    task, waiter = fake_task(operation, check_mode=check_mode, **options), FakeClock().waiter()
    return perform(backend_of(world)(task, waiter), task, waiter, report or Report())


def result(world: World, operation: str, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """The result without going through Ansible."""
    return result_of(fake_task(operation, check_mode=check_mode, **options), act(world, operation, check_mode=check_mode, **options))


def world_with(status: str) -> World:
    """A world where "one" exists."""
    return World({"one": record("one", status=status)})


# Rule 1


def test_creating_twice_changes_nothing_the_second_time() -> None:
    world = World()
    first, second = act(world, CREATE), act(world, CREATE)
    assert (first.changed, second.changed) == (True, False)
    assert world.sent == ["create one"]
    assert first.record == second.record == record("one")


def test_deleting_twice_changes_nothing_the_second_time() -> None:
    world = world_with(SUCCEEDED)
    first, second = act(world, DELETE), act(world, DELETE)
    assert (first.changed, second.changed) == (True, False)
    assert world.sent == ["delete one"]


# Rule 2


def test_create_on_something_equal_is_unchanged_and_says_since_when() -> None:
    world = world_with(SUCCEEDED)
    outcome = act(world, CREATE)
    assert not outcome.changed
    assert outcome.message == "Exists since 2026-01-02T03:04:05Z"
    assert outcome.record == record("one")
    assert world.sent == []


def test_create_on_something_that_the_provider_still_makes_waits() -> None:
    world = world_with(PENDING)
    outcome = act(world, CREATE)
    assert not outcome.changed
    assert outcome.record
    assert outcome.record.status == SUCCEEDED
    assert outcome.message == "Exists since 2026-01-02T03:04:05Z"
    assert world.sent == []


def test_create_on_something_failed_fails() -> None:
    with pytest.raises(Conflict, match="it has failed"):
        act(world_with(FAILED), CREATE)


def test_create_on_something_different_fails_and_names_the_field() -> None:
    world = world_with(SUCCEEDED)
    with pytest.raises(Conflict, match="another size"):
        act(world, CREATE, size=5)
    assert world.sent == []


# Rule 3


def test_delete_of_absent_is_unchanged() -> None:
    world = World()
    outcome = act(world, DELETE)
    assert not outcome.changed
    assert outcome.message == "It is already absent"
    assert world.sent == []
    assert result(world, DELETE)["restore"] == {}


# Rule 4


@pytest.mark.parametrize("operation", [INSPECT_ONE, INSPECT_ALL])
@pytest.mark.parametrize("check_mode", [False, True])
def test_inspecting_never_reports_a_change(operation: str, check_mode: bool) -> None:
    world = world_with(PENDING)
    assert act(world, operation, check_mode=check_mode).changed is False
    assert world.sent == []


def test_inspect_one_gives_the_record() -> None:
    outcome = act(world_with(SUCCEEDED), INSPECT_ONE)
    assert outcome.record == record("one")
    assert outcome.message == "Successfully retrieved restore details"


def test_inspect_one_of_absent_fails_with_not_found() -> None:
    with pytest.raises(NotFound, match="does not exist"):
        act(World(), INSPECT_ONE)


def test_inspect_all_reads_to_the_end() -> None:
    world = World({f"r{number}": record(f"r{number}") for number in range(450)})
    outcome = act(world, INSPECT_ALL)
    assert outcome.records == list(world.records.values())
    assert outcome.message == "Found 450 restores"


def test_inspect_all_of_nothing_gives_an_empty_list() -> None:
    assert result(World(), INSPECT_ALL)["restores"] == []


# Rule 5

SITUATIONS: list[tuple[str, World, dict[str, Any]]] = [
    (CREATE, World(), {}),
    (CREATE, World(slow=True), {}),
    (CREATE, World(), {"wait": False}),
    (CREATE, world_with(SUCCEEDED), {}),
    (CREATE, world_with(PENDING), {}),
    (DELETE, World(), {}),
    (DELETE, world_with(SUCCEEDED), {}),
    (INSPECT_ONE, world_with(SUCCEEDED), {}),
    (INSPECT_ALL, world_with(SUCCEEDED), {}),
]


def _shape(value: Any) -> Any:
    """The keys of a result and of everything in it."""
    if isinstance(value, dict):
        return {key: _shape(entry) for key, entry in value.items()}
    return [_shape(entry) for entry in value] if isinstance(value, list) else None


@pytest.mark.parametrize(("operation", "world", "options"), SITUATIONS)
def test_check_mode_sends_nothing_and_has_the_same_keys(operation: str, world: World, options: dict[str, Any]) -> None:
    before = dict(world.records)
    checked = result(world, operation, check_mode=True, **options)
    assert (world.sent, world.records) == ([], before)
    real = result(World(dict(before), slow=world.slow), operation, **options)
    assert _shape(checked) == _shape(real)
    assert checked["changed"] == real["changed"]
    assert checked["diff"] == real["diff"]


def test_check_mode_says_what_would_happen() -> None:
    assert act(World(), CREATE, check_mode=True).message == "Restore would be created"
    assert act(world_with(SUCCEEDED), DELETE, check_mode=True).message == "Restore would be deleted"
    assert act(world_with(SUCCEEDED), CREATE, check_mode=True).message == "Exists since 2026-01-02T03:04:05Z"


@pytest.mark.parametrize(("world", "error"), [(world_with(FAILED), Conflict), (world_with(SUCCEEDED), Conflict)])
def test_check_mode_compares_and_fails_as_the_real_run_would(world: World, error: type[Exception]) -> None:
    with pytest.raises(error):
        act(world, CREATE, check_mode=True, size=5)


def test_check_mode_does_not_wait() -> None:
    world = world_with(PENDING)
    act(world, CREATE, check_mode=True)
    assert world.records["one"].status == PENDING


# Rule 6

BEFORE, AFTER, NOTHING = record("one", status=PENDING).as_result(), record("one").as_result(), dict[str, Any]()


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("operation", "status", "before", "after"),
    [
        (CREATE, None, NOTHING, AFTER),
        (CREATE, SUCCEEDED, AFTER, AFTER),
        (CREATE, PENDING, BEFORE, AFTER),
        (DELETE, SUCCEEDED, AFTER, NOTHING),
        (DELETE, None, NOTHING, NOTHING),
        (INSPECT_ONE, SUCCEEDED, AFTER, AFTER),
    ],
)
def test_diff_is_between_records(operation: str, status: str | None, before: dict[str, Any], after: dict[str, Any], check_mode: bool) -> None:
    world = world_with(status) if status else World()
    assert result(world, operation, check_mode=check_mode)["diff"] == {"before": before, "after": after}


@pytest.mark.parametrize("check_mode", [False, True])
def test_diff_never_shows_the_raw_answer_and_the_result_does(check_mode: bool) -> None:
    raw = replace(record("one"), wire={"metadata": {"name": "one"}})
    shown = result(World({"one": raw}), INSPECT_ONE, check_mode=check_mode)
    assert shown["diff"] == {"before": AFTER, "after": AFTER}
    assert shown["restore"] == {**AFTER, "metadata": {"name": "one"}}


# Messages and the rest of a result


@pytest.mark.parametrize(
    ("operation", "world", "message"),
    [(CREATE, World(), "Restore created successfully"), (DELETE, world_with(SUCCEEDED), "Restore deleted successfully")],
)
def test_success_is_said_in_the_words_of_the_px_backup_collection(operation: str, world: World, message: str) -> None:
    assert act(world, operation).message == message


def test_message_without_waiting_says_that_the_end_was_not_waited_for() -> None:
    assert act(World(), CREATE, wait=False).message.startswith("Restore created successfully, as far as the request goes")
    assert act(world_with(SUCCEEDED), DELETE, wait=False).message.startswith("Restore deleted successfully, as far as the request goes")


def test_message_without_waiting_is_the_usual_one_when_the_end_was_seen() -> None:
    class Fast(FakeBackend):
        world = World()

        def _create(self, wanted: Any) -> None:
            self._acted = True
            self.world.records[wanted.name] = wanted

    task, waiter = fake_task(CREATE, wait=False), FakeClock().waiter()
    assert perform(Fast(task, waiter), task, waiter, Report()).message == "Restore created successfully"


def test_record_after_creation_is_read_anew() -> None:
    """What the provider made counts, not what was predicted."""

    class Other(FakeBackend):
        world = World()

        def _create(self, wanted: Any) -> None:
            self.world.records[wanted.name] = record("one", uid="given by the provider")

    task, waiter = fake_task(CREATE), FakeClock().waiter()
    outcome = perform(Other(task, waiter), task, waiter, Report())
    assert outcome.record
    assert outcome.record.uid == "given by the provider"


def test_result_carries_operation_provider_message_and_the_resource_under_its_name() -> None:
    expected = {
        "changed": True,
        "operation": CREATE,
        "provider": "fake",
        "message": "Restore created successfully",
        "restore": AFTER,
        "diff": {"before": {}, "after": AFTER},
    }
    assert result(World(), CREATE) == expected


def test_record_begins_with_the_common_keys() -> None:
    assert list(record("one", zone="z").as_result()) == ["name", "uid", "provider", "status", "created_at", "tags", "size", "zone"]


def test_detail_does_not_replace_a_common_key() -> None:
    assert record("one", provider_status="Success", name_of_vm="x").as_result()["provider_status"] == "Success"
    clashing = record("one")
    assert type(clashing)("one", "u", "fake", PENDING, details={"status": "other", "size": 1}).as_result()["status"] == PENDING


def test_report_tells_what_was_done_before_an_error() -> None:
    report = Report()

    class Late(FakeBackend):
        world = World()

        def _finish(self) -> None:
            raise WaitTimeout("still running")

    task, waiter = fake_task(CREATE), FakeClock().waiter()
    with pytest.raises(WaitTimeout):
        perform(Late(task, waiter), task, waiter, report)
    assert report.changed
    assert report.as_result() == [{"name": "create", "status": "left"}]


def test_undoing_is_given_the_undo_timeout_of_the_task() -> None:
    clock = FakeClock()
    waiter, budgets = clock.waiter(), list[float]()

    class Undoing(FakeBackend):
        world = World()

        def plan_create(self, found: Any) -> Plan:
            def fail() -> None:
                raise Conflict("x")

            return Plan((Step("create", do=fail, undo=lambda: budgets.append(waiter.remaining_s)),))

    task = fake_task(CREATE, undo_timeout=77)
    with pytest.raises(Conflict):
        perform(Undoing(task, waiter), task, waiter, Report())
    assert budgets == [77]
