# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``run``: what the controller reads after a module ended, as Ansible itself prints it."""

from __future__ import annotations

import json
import signal
import threading
import traceback
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, MissingLibrary, OutcomeUnknown, ProviderFailure
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import CREATE, DELETE, INSPECT_ALL, INSPECT_ONE
from ansible_collections.multicloud.recovery.plugins.module_utils.core.outcome import with_undo_errors
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import run
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

from tests.unit.fakes import PATIENCE_S, Controller, Crowd, Ended, World, backend_of, record


@pytest.fixture
def controller(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Controller:
    for variable in ("FAKE_TOKEN", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    return Controller(capsys)


def failing(error: Exception, on: str = "create one") -> World:
    def fail(what: str) -> None:
        if what == on:
            raise error

    return World(before_sending=fail)


def warnings_of(ended: Ended) -> list[str]:
    """The warnings of a result, in whichever form this version of Ansible writes them."""
    return [warning if isinstance(warning, str) else json.dumps(warning) for warning in ended.result.get("warnings", [])]


# Success


def test_result_of_a_success(controller: Controller) -> None:
    ended = controller.run({"fake": backend_of(World())}, operation=CREATE, name="one")
    assert ended.exit_code == 0
    del ended.result["invocation"]
    assert ended.result == {
        "changed": True,
        "operation": CREATE,
        "provider": "fake",
        "message": "Restore created successfully",
        "restore": record("one").as_result(),
    }


def test_second_run_is_unchanged(controller: Controller) -> None:
    world = World()
    runs = [controller.run({"fake": backend_of(world)}, operation=CREATE, name="one").result["changed"] for _run in range(2)]
    assert runs == [True, False]


def test_default_provider_needs_not_be_given(controller: Controller) -> None:
    assert controller.run({"fake": backend_of(World())}, "fake", operation=INSPECT_ALL).result["provider"] == "fake"


def test_inspect_all_lists_under_the_plural(controller: Controller) -> None:
    world = World({"a": record("a"), "b": record("b")})
    result = controller.run({"fake": backend_of(world)}, operation=INSPECT_ALL, resource="backup").result
    assert [entry["name"] for entry in result["backups"]] == ["a", "b"]
    assert "backup" not in result
    assert result["message"] == "Found 2 backups"


def test_diff_is_in_the_result_only_when_asked_for(controller: Controller) -> None:
    backends = {"fake": backend_of(World())}
    assert "diff" not in controller.run(backends, operation=CREATE, name="one").result
    ended = controller.run(backends, operation=DELETE, name="one", _ansible_diff=True)
    assert ended.result["diff"] == {"before": record("one").as_result(), "after": {}}


def test_check_mode_sends_nothing_and_has_the_same_keys(controller: Controller) -> None:
    world = World()
    checked = controller.run({"fake": backend_of(world)}, operation=CREATE, name="one", _ansible_check_mode=True).result
    assert world.sent == []
    real = controller.run({"fake": backend_of(world)}, operation=CREATE, name="one").result
    assert set(checked) == set(real)
    assert checked["changed"] is True
    assert checked["restore"] == real["restore"]


def test_warnings_reach_the_result(controller: Controller) -> None:
    ended = controller.run({"fake": backend_of(World({"one": record("one")}))}, operation=DELETE, name="one", size=3)
    assert ended.exit_code == 0
    assert len(warnings_of(ended)) == 1
    assert "does not use the option size" in warnings_of(ended)[0]


def test_warnings_reach_the_result_of_a_failure(controller: Controller) -> None:
    ended = controller.run({"fake": backend_of(World())}, operation=INSPECT_ONE, name="one", size=3)
    assert ended.exit_code == 1
    assert "does not use the option size" in warnings_of(ended)[0]


# Failure


def test_failure_is_structured(controller: Controller) -> None:
    error = ProviderFailure("quota exceeded (HTTP 403)", code="QUOTA", http_status=403, request_id="r-1")
    ended = controller.run({"fake": backend_of(failing(error))}, operation=CREATE, name="one")
    assert ended.exit_code == 1
    assert ended.result["failed"] is True
    assert ended.result["error"] == {"kind": "ProviderFailure", "code": "QUOTA", "http_status": 403, "request_id": "r-1"}
    assert ended.result["msg"] == ended.result["message"] == 'Failed to create restore "one": quota exceeded (HTTP 403)'
    assert (ended.result["operation"], ended.result["provider"], ended.result["changed"]) == (CREATE, "fake", False)


@pytest.mark.parametrize(
    ("params", "start"),
    [
        ({"operation": INSPECT_ONE, "name": "two"}, 'Failed to inspect restore "two": '),
        ({"operation": INSPECT_ONE, "uid": "u-2"}, 'Failed to inspect restore "u-2": '),
        ({"operation": CREATE, "name": "two", "size": 13}, 'Failed to create restore "two": '),
        ({"operation": DELETE, "name": "two", "size": 13}, 'Failed to delete restore "two": '),
        ({"operation": INSPECT_ALL, "size": 13, "name": "two"}, "Failed to enumerate restores: "),
    ],
)
def test_message_says_what_was_attempted_on_what(controller: Controller, params: dict[str, Any], start: str) -> None:
    ended = controller.run({"fake": backend_of(World())}, **params)
    assert ended.result["msg"].startswith(start)


def test_resource_of_two_words_is_written_as_words(controller: Controller) -> None:
    ended = controller.run({"fake": backend_of(World())}, operation=INSPECT_ONE, name="one", resource="image_convert")
    assert ended.result["msg"].startswith('Failed to inspect image convert "one"')


def test_record_seen_last_is_in_the_failure(controller: Controller) -> None:
    world = World({"one": record("one", size=1)})
    ended = controller.run({"fake": backend_of(world)}, operation=CREATE, name="one", size=2)
    assert ended.result["restore"] == record("one", size=1).as_result()
    assert ended.result["error"]["kind"] == "Conflict"


def test_invalid_options_fail_before_anything_is_asked(controller: Controller) -> None:
    asked: list[str] = []
    ended = controller.run({"fake": backend_of(World(before_finding=asked.append))}, operation=CREATE, name="")
    assert ended.result["error"]["kind"] == "InvalidRequest"
    assert ended.result["msg"] == "Failed to create restore: name must not be empty."
    assert asked == []


def test_validation_of_the_back_end_comes_before_any_request(controller: Controller) -> None:
    asked: list[str] = []
    ended = controller.run({"fake": backend_of(World(before_finding=asked.append))}, operation=CREATE, name="one", size=13)
    assert ended.result["error"]["kind"] == "InvalidRequest"
    assert asked == []


def test_alias_and_option_both_spelled_out_is_an_error(controller: Controller) -> None:
    """Ansible itself takes one of them in silence; only the parameters as they came tell."""
    ended = controller.run({"fake": backend_of(World())}, operation=CREATE, name="one", tags={"a": "b"}, labels={"a": "b"})
    assert "tags and labels are one option" in ended.result["msg"]


def test_steps_are_in_the_failure_only_when_something_was_done(controller: Controller) -> None:
    refused = controller.run({"fake": backend_of(failing(Conflict("taken")))}, operation=CREATE, name="one")
    assert "steps" not in refused.result
    lost = controller.run({"fake": backend_of(failing(OutcomeUnknown("no answer")))}, operation=CREATE, name="one")
    assert lost.result["steps"] == [{"name": "create", "status": "failed"}]
    assert lost.result["changed"] is True


def test_what_could_not_be_put_back_is_in_the_message(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.multicloud.recovery.plugins.module_utils.core.plan import Plan, Step

    def fail() -> None:
        raise Conflict("taken")

    def refuse() -> None:
        raise Conflict("still in use")

    backend = backend_of(World())
    plan = Plan((Step("attach", do=lambda: None, undo=refuse), Step("start", do=fail, needs=("attach",))))
    monkeypatch.setattr(backend, "plan_create", lambda _self, _found: plan)
    monkeypatch.setattr(backend, "acted", lambda _self: True)
    ended = controller.run({"fake": backend}, operation=CREATE, name="one")
    assert ended.result["msg"] == 'Failed to create restore "one": taken Not everything could be put back: attach: still in use.'
    assert ended.result["steps"] == [{"name": "attach", "status": "not undone"}, {"name": "start", "status": "failed"}]


def test_reason_for_which_everything_fails_is_told_once() -> None:
    """The provider is out of reach, and so each undo fails in the same words."""
    gone, used = "create disks: the network is gone.", "attach: it is in use."
    assert with_undo_errors("the network is gone.", [gone, used, "releasing the lock: the network is gone."]) == (
        "the network is gone. Not everything could be put back: create disks, releasing the lock: for the same reason; attach: it is in use."
    )
    assert with_undo_errors("it failed.", ["the lock is lost; this run stops here."]) == (
        "it failed. Not everything could be put back: the lock is lost; this run stops here."
    )
    assert with_undo_errors("it failed.", []) == "it failed."


def test_missing_library_is_named_with_its_traceback(controller: Controller) -> None:
    trace = ""
    try:
        import no_such_library_as_this  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        trace = traceback.format_exc()

    def miss(_task: Task) -> None:
        raise MissingLibrary("it talks to the provider", library="google-cloud-compute", trace=trace)

    ended = controller.run({"fake": backend_of(World(before_validating=miss))}, operation=CREATE, name="one", _ansible_tracebacks_for=["error"])
    assert ended.exit_code == 1
    assert "google-cloud-compute" in ended.result["msg"]
    assert "no_such_library_as_this" in str(ended.result["exception"])
    assert ended.result["error"]["kind"] == "MissingLibrary"


def test_bug_is_not_caught(capsys: pytest.CaptureFixture[str]) -> None:
    def stumble(_what: str) -> None:
        raise ZeroDivisionError

    params = {"provider": "fake", "operation": CREATE, "name": "one"}
    with patch_module_args(params), pytest.raises(ZeroDivisionError):
        run("restore", {"fake": backend_of(World(before_sending=stumble))})
    assert capsys.readouterr().out == ""


# Secrets

SECRET = "s3cr+t/of a-kind"
FORMS = ["s3cr+t/of a-kind", "s3cr%2Bt%2Fof%20a-kind", "s3cr%2bt%2fof+a-kind", "s3cr+t\\/of a-kind", "czNjcit0L29mIGEta2luZA=="]


@pytest.mark.parametrize("source", ["option", "environment", "met on the way"])
@pytest.mark.parametrize("form", FORMS)
def test_secret_is_masked_in_the_message_of_a_failure(controller: Controller, monkeypatch: pytest.MonkeyPatch, source: str, form: str) -> None:
    world = failing(ProviderFailure(f"the server said <{form}>", code=f"<{form}>", request_id=form))
    params: dict[str, Any] = {"token": SECRET} if source == "option" else {}
    if source == "environment":
        monkeypatch.setenv("FAKE_TOKEN", SECRET)
    if source == "met on the way":
        world.before_validating = lambda task: task.hide(SECRET)
    ended = controller.run({"fake": backend_of(world)}, operation=CREATE, name="one", **params)
    assert "the server said <********>" in ended.result["msg"]
    assert form not in ended.printed.replace('"token": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"', "")
    assert json.dumps(form)[1:-1] not in ended.printed


@pytest.mark.parametrize("form", FORMS)
def test_secret_is_masked_in_records_and_diffs(controller: Controller, form: str) -> None:
    world = World({"one": record("one", url=f"https://server/?token={form}", list=[{"deep": form}])})
    ended = controller.run({"fake": backend_of(world)}, operation=DELETE, name="one", token=SECRET, _ansible_diff=True)
    assert ended.result["diff"]["before"]["url"] == "https://server/?token=********"
    assert json.dumps(form)[1:-1] not in ended.printed


@pytest.mark.parametrize("operation", [CREATE, INSPECT_ONE])
def test_secret_is_masked_in_warnings(controller: Controller, operation: str) -> None:
    """Ansible masks the result but, from 2.19 on, not the warnings that it adds to it."""
    world = World(before_validating=lambda task: task.warn(f"the server said <{SECRET}>"))
    ended = controller.run({"fake": backend_of(world)}, operation=operation, name="one", token=SECRET)
    assert "the server said <" in ended.printed
    assert SECRET not in ended.printed


def test_long_message_is_cut(controller: Controller) -> None:
    ended = controller.run({"fake": backend_of(failing(Conflict("x" * 100_000)))}, operation=CREATE, name="one")
    assert 1000 < len(ended.result["msg"]) < 5000


@pytest.mark.parametrize("length", range(3900, 4001, 5))
def test_no_part_of_a_secret_is_left_where_a_long_message_is_cut(controller: Controller, length: int) -> None:
    world = failing(Conflict("x" * length + SECRET))
    ended = controller.run({"fake": backend_of(world)}, operation=CREATE, name="one", token=SECRET)
    assert SECRET[:4] not in ended.printed


def test_secret_of_a_provider_that_was_not_chosen_is_masked_too(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variable is set all the same, and a message may quote the environment."""
    monkeypatch.setenv("FAKE_TOKEN", SECRET)
    other = type("Other", (backend_of(failing(Conflict(f"said <{SECRET}>"))),), {"OPTIONS": {}})
    backend = type("Plain", (other,), {"OPTIONS": {name: option for name, option in backend_of(World()).OPTIONS.items() if name != "token"}})
    ended = controller.run({"fake": backend, "other": backend_of(World())}, operation=CREATE, name="one")
    assert "said <********>" in ended.result["msg"]


def test_password_of_the_proxy_is_masked(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:pr%2Fxy-pass@proxy.example:3128")
    world = failing(ProviderFailure("no way through http://user:pr%2Fxy-pass@proxy.example:3128 (pr/xy-pass)"))
    ended = controller.run({"fake": backend_of(world)}, operation=CREATE, name="one")
    assert "pr%2Fxy-pass" not in ended.printed
    assert "pr/xy-pass" not in ended.printed


def test_cause_of_an_error_is_not_shown(controller: Controller) -> None:
    """It may quote what was sent; our own message says what there is to say."""

    def fail(_what: str) -> None:
        try:
            raise ValueError("POST /v1 Authorization: Bearer unknown-to-us")
        except ValueError as cause:
            raise ProviderFailure("the server gave no answer") from cause

    ended = controller.run({"fake": backend_of(World(before_sending=fail))}, operation=CREATE, name="one", _ansible_tracebacks_for=["error"])
    assert "unknown-to-us" not in ended.printed


# Many targets

NAMES = ["a", "b", "c"]


def test_many_targets_are_listed_under_the_plural(controller: Controller) -> None:
    world = World({"b": record("b")})
    ended = controller.run({"fake": backend_of(world)}, operation=CREATE, vm_names=NAMES, _ansible_diff=True)
    assert ended.exit_code == 0
    assert ended.result["changed"] is True
    assert [entry["name"] for entry in ended.result["restores"]] == NAMES
    assert [entry["before"] for entry in ended.result["diff"]] == [{}, record("b").as_result(), {}]
    assert sorted(world.sent) == ["create a", "create c"]
    assert "errors" not in ended.result


def test_many_targets_unchanged_are_unchanged(controller: Controller) -> None:
    world = World({name: record(name) for name in NAMES})
    assert controller.run({"fake": backend_of(world)}, operation=CREATE, vm_names=NAMES).result["changed"] is False


def test_partial_failure_of_many_targets_lists_errors_and_fails(controller: Controller) -> None:
    world = failing(ProviderFailure("quota", code="Q", http_status=403), on="create b")
    ended = controller.run({"fake": backend_of(world)}, operation=CREATE, vm_names=NAMES)
    assert ended.exit_code == 1
    assert ended.result["failed"] is True
    assert ended.result["changed"] is True
    assert [entry["name"] for entry in ended.result["restores"]] == ["a", "c"]
    error = {"message": "quota", "kind": "ProviderFailure", "code": "Q", "http_status": 403, "request_id": None}
    assert ended.result["errors"] == [{"name": "b", "error": error, "steps": [{"name": "create", "status": "failed"}]}]
    assert "2 of 3" in ended.result["msg"]


def test_failure_of_all_targets_is_a_failure_without_a_change(controller: Controller) -> None:
    def refuse(what: str) -> None:
        raise Conflict(what)

    ended = controller.run({"fake": backend_of(World(before_sending=refuse))}, operation=CREATE, vm_names=NAMES)
    assert ended.exit_code == 1
    assert ended.result["changed"] is False
    assert [entry["name"] for entry in ended.result["errors"]] == NAMES
    assert ended.result["restores"] == []


def test_failed_target_that_has_changed_something_counts_as_a_change(controller: Controller) -> None:
    ended = controller.run({"fake": backend_of(failing(OutcomeUnknown("no answer"), on="create a"))}, operation=CREATE, vm_names=["a"])
    assert ended.result["changed"] is True


def test_many_targets_in_check_mode_send_nothing_and_have_the_same_keys(controller: Controller) -> None:
    world = World()
    checked = controller.run({"fake": backend_of(world)}, operation=CREATE, vm_names=NAMES, _ansible_check_mode=True).result
    assert world.sent == []
    real = controller.run({"fake": backend_of(world)}, operation=CREATE, vm_names=NAMES).result
    assert set(checked) == set(real)
    assert checked["restores"] == real["restores"]


def test_so_many_targets_at_once_as_max_parallel_says(controller: Controller) -> None:
    crowd = Crowd(2)
    ended = controller.run({"fake": backend_of(World(before_sending=crowd.work))}, operation=CREATE, vm_names=["a", "b", "c", "d"], max_parallel=2)
    assert ended.exit_code == 0
    assert not crowd.overfull


def test_bug_in_one_target_is_not_caught(capsys: pytest.CaptureFixture[str]) -> None:
    def stumble(what: str) -> None:
        if what == "create b":
            raise ZeroDivisionError

    world = World(before_sending=stumble)
    with patch_module_args({"provider": "fake", "operation": CREATE, "vm_names": NAMES}), pytest.raises(ZeroDivisionError):
        run("restore", {"fake": backend_of(world)})
    assert sorted(world.sent) == ["create a", "create c"]


# Cancellation


def _ask_to_stop() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def test_sigterm_ends_the_task_with_a_result(controller: Controller) -> None:
    world = World(before_finding=lambda _name: signal.raise_signal(signal.SIGTERM))
    ended = controller.run({"fake": backend_of(world)}, operation=CREATE, name="one")
    assert ended.exit_code == 1
    assert ended.result["error"]["kind"] == "Cancelled"
    assert world.sent == []


def test_sigterm_lets_no_further_target_begin(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more targets than run at once, those that have not begun have no waiter yet that could be cancelled."""
    cancelled, read = threading.Event(), list[str]()
    cancel = Waiter.cancel

    def cancel_and_tell(waiter: Waiter) -> None:
        cancel(waiter)
        cancelled.set()

    def stop_at_first(name: str) -> None:
        read.append(name)
        if name == "a":
            _ask_to_stop()
            assert cancelled.wait(PATIENCE_S)

    monkeypatch.setattr(Waiter, "cancel", cancel_and_tell)
    world = World(before_finding=stop_at_first)
    ended = controller.run({"fake": backend_of(world)}, operation=CREATE, vm_names=["a", "b", "c"], max_parallel=1)
    assert not {"create b", "create c"} & set(world.sent)
    assert read == ["a"]
    assert ended.exit_code == 1
    assert [(entry["name"], entry["error"]["kind"], entry["steps"]) for entry in ended.result["errors"][-2:]] == [
        ("b", "Cancelled", []),
        ("c", "Cancelled", []),
    ]
