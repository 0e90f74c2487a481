# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE and DELETE of restores and backups: what is sent, what is waited for, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AmbiguousName,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
    Unsupported,
    WaitTimeout,
)

from tests.unit.plugins.module_utils.backends.px_backup.bench import GONE, Bench, Wire

LOST = OutcomeUnknown("PX-Backup gave no whole answer.", http_status=504)
TAKEN = Conflict("PX-Backup answered HTTP 409: already exists.", http_status=409, code="AlreadyExists")


def lose_answer(bench: Bench, error: RecoveryError, seen_after: int | None, **other: Any) -> None:
    """The create raises ``error``; what it made is listed from the ``seen_after``-th look on, with ``other`` values (None: never)."""

    def on_create(path: str, made: Wire) -> None:
        made[f"{path}_info"].update(other)
        if seen_after is not None:
            bench.client.listings = [lambda: None] * (seen_after - 1) + [lambda: bench.client.put(path, made)]
        raise error

    bench.client.on_create = on_create


# -- CREATE


def test_create_on_nothing_sends_one_create_and_waits_for_success(both: Bench) -> None:
    outcome = both.create()
    assert both.client.words == [f"create {both.path}"]
    assert outcome.changed
    assert outcome.record is not None
    assert (outcome.record.uid, outcome.record.status) == ("new-uid", "succeeded")
    assert outcome.message == f"{both.path.capitalize()} created successfully"
    assert both.clock.now > 1000


def test_create_on_equal_looks_up_nothing_else(both: Bench) -> None:
    both.there()
    both.create()
    assert {call[1] for call in both.client.calls} == {both.path}


def test_second_run_is_unchanged_after_the_first(both: Bench) -> None:
    both.create(tags={"purpose": "drill"})
    outcome = both.create(tags={"purpose": "drill"})
    assert (outcome.changed, len(both.client.changes)) == (False, 1)


@pytest.mark.parametrize("status", ["Pending", "InProgress", None])
def test_create_on_unfinished_waits_and_is_unchanged(both: Bench, status: str | None) -> None:
    both.there(status)
    both.client.progress["u-1"] = [status, "InProgress", "InProgress", "Success"]
    outcome = both.create()
    assert not outcome.changed
    assert both.client.changes == []
    assert outcome.record is not None
    assert outcome.record.status == "succeeded"
    assert both.clock.now > 1000


def test_create_on_pending_that_then_fails_is_a_failure_with_its_reason(both: Bench) -> None:
    both.there("Pending", reason="no space left")
    both.client.progress["u-1"] = ["Pending", "Failed"]
    with pytest.raises(ProviderFailure, match="Failed: no space left") as raised:
        both.create()
    assert raised.value.record is not None
    assert raised.value.record.status == "failed"


@pytest.mark.parametrize("status", ["Failed", "Aborted", "Invalid"])
def test_create_on_failed_fails_with_the_reason_and_says_what_to_do(both: Bench, status: str) -> None:
    both.there(status, reason="no space left")
    with pytest.raises(ProviderFailure, match=rf"{status}: no space left.*replace_failed") as raised:
        both.create()
    assert both.client.changes == []
    assert raised.value.record is not None
    assert not raised.value.transient


def test_replace_failed_deletes_waits_and_creates(both: Bench) -> None:
    both.there("Failed")
    outcome = both.create(replace_failed=True)
    assert both.client.words == [f"delete {both.path}", f"create {both.path}"]
    assert outcome.record is not None
    assert outcome.record.uid == "new-uid"
    # The old one was seen to be gone before the new one was asked for.
    calls = [call[0] for call in both.client.calls]
    assert "inspect" in calls[calls.index("delete") : calls.index("create")]


def test_replace_failed_resolves_everything_before_it_deletes(both: Bench) -> None:
    both.there("Failed")
    both.create(replace_failed=True)
    calls = both.client.calls
    deleted = next(number for number, call in enumerate(calls) if call[0] == "delete")
    read_after = {call[1] for call in calls[deleted:] if call[0] == "enumerate"}
    assert {"cluster", "backup" if both.path == "restore" else "backuplocation"} <= {call[1] for call in calls[:deleted]}
    assert read_after <= {both.path}


@pytest.mark.parametrize("spoil", ["cluster missing", "cluster offline", "other missing"])
def test_replace_failed_deletes_nothing_when_the_new_one_could_not_be_made(both: Bench, spoil: str) -> None:
    both.there("Failed")
    other = "backup" if both.path == "restore" else "backuplocation"
    if spoil == "cluster missing":
        both.client.objects["cluster"] = []
    elif spoil == "cluster offline":
        both.client.one("cluster", "c-1")["clusterInfo"]["status"]["status"] = "Offline"
    else:
        both.client.objects[other] = [item for item in both.client.objects[other] if item["metadata"]["uid"] == "u-1"]
    with pytest.raises((NotFound, InvalidRequest)):
        both.create(replace_failed=True)
    assert both.client.changes == []


def test_replace_failed_leaves_one_that_has_not_failed(both: Bench) -> None:
    both.there("Success")
    assert not both.create(replace_failed=True).changed
    assert both.client.changes == []


def test_replace_failed_sends_the_cluster_along_as_delete_does(backups: Bench) -> None:
    backups.there("Failed")
    backups.create(replace_failed=True)
    backups.client.objects["backup"].pop()
    backups.there("Failed", uid="u-2")
    backups.delete()
    queries = [dict(call[4]) for call in backups.client.changes if call[0] == "delete"]
    assert queries[0] == queries[1] == {"cluster_ref.name": "production", "cluster_ref.uid": "c-1"}


def test_create_that_ends_partial_is_accepted_with_a_warning(both: Bench) -> None:
    both.client.on_create = lambda _path, _made: both.client.progress.update({"new-uid": ["InProgress", "PartialSuccess"]})
    outcome = both.create()
    assert outcome.record is not None
    assert outcome.record.status == "partial"
    assert "only partial" in both.warnings


def test_create_that_ends_partial_fails_when_that_is_not_accepted_and_leaves_it(both: Bench) -> None:
    both.client.on_create = lambda _path, _made: both.client.progress.update({"new-uid": ["InProgress", "PartialSuccess"]})
    with pytest.raises(ProviderFailure, match="accept_partial is false") as raised:
        both.create(accept_partial=False)
    assert both.client.words == [f"create {both.path}"]
    assert both.report.changed
    assert raised.value.record is not None


def test_existing_partial_is_judged_as_a_new_one_is(both: Bench) -> None:
    both.there("PartialSuccess")
    both.create()
    assert "only partial" in both.warnings
    with pytest.raises(ProviderFailure, match="accept_partial is false"):
        both.create(accept_partial=False)
    assert both.client.changes == []


def test_create_that_fails_is_a_failure_and_leaves_what_there_is(both: Bench) -> None:
    both.client.on_create = lambda _path, made: (
        made[f"{both.path}_info"]["status"].update(reason="quota"),
        both.client.progress.update({"new-uid": ["Failed"]}),
    )[0]
    with pytest.raises(ProviderFailure, match="Failed: quota"):
        both.create()
    assert both.client.words == [f"create {both.path}"]
    assert both.report.changed


def test_deadline_of_create_names_the_uid_and_says_to_run_it_again(both: Bench) -> None:
    both.client.on_create = lambda _path, _made: both.client.progress.update({"new-uid": ["InProgress"]})
    with pytest.raises(WaitTimeout) as raised:
        both.create(wait_timeout=120)
    for words in ("120 s", "InProgress", "new-uid", "run the task again", "goes on"):
        assert words in raised.value.message
    assert both.client.words == [f"create {both.path}"]
    assert both.report.changed
    assert both.report.as_result()[-1]["status"] == "left"
    assert 1119 <= both.clock.now <= 1121


# -- Labels


def test_labels_that_differ_are_one_update_that_keeps_the_others_and_the_ownership(both: Bench) -> None:
    ownership = {"owner": "alice", "groups": [{"id": "g", "access": "Read"}]}
    both.there(labels={"team": "shop", "purpose": "old"}, ownership=ownership)
    outcome = both.create(labels={"purpose": "drill", "new": "1"})
    assert both.client.words == [f"update {both.path}"]
    metadata = both.client.changes[0][2]["metadata"]
    assert metadata == {
        "name": "shop",
        "uid": "u-1",
        "org_id": "default",
        "ownership": ownership,
        "labels": {"team": "shop", "purpose": "drill", "new": "1"},
    }
    assert outcome.changed
    assert outcome.record is not None
    assert outcome.record.tags == {"team": "shop", "purpose": "drill", "new": "1"}
    assert "updated" in outcome.message


def test_label_that_is_a_number_equals_its_text(both: Bench) -> None:
    both.there(labels={"retention": "30"})
    assert not both.create(labels={"retention": 30}).changed


def test_relabelling_a_backup_keeps_its_cloud_credential(backups: Bench) -> None:
    backups.there(cloud_credential_ref={"name": "s3", "uid": "cred-1"})
    backups.create(labels={"a": "b"})
    assert backups.client.changes[0][2]["cloud_credential_ref"] == {"name": "s3", "uid": "cred-1"}


def test_check_mode_of_a_label_change_sends_nothing_and_predicts_the_labels(both: Bench) -> None:
    both.there(labels={"team": "shop"})
    outcome = both.create(labels={"a": "b"}, check_mode=True)
    assert (outcome.changed, both.client.changes) == (True, [])
    assert outcome.record is not None
    assert outcome.record.as_result()["metadata"]["labels"] == {"team": "shop", "a": "b"}


# -- Lost answers


@pytest.mark.parametrize("error", [LOST, TAKEN], ids=["lost", "taken"])
@pytest.mark.parametrize("seen_after", [1, 3])
def test_create_without_an_answer_is_found_again_and_waited_for(both: Bench, error: RecoveryError, seen_after: int) -> None:
    lose_answer(both, error, seen_after)
    outcome = both.create()
    assert both.client.words == [f"create {both.path}"]
    assert outcome.record is not None
    assert (outcome.record.uid, outcome.record.status) == ("new-uid", "succeeded")
    # When the name was taken, another run has made it.
    assert outcome.changed is (error is LOST)


@pytest.mark.parametrize("error", [LOST, TAKEN], ids=["lost", "taken"])
def test_other_object_found_after_a_lost_create_is_a_conflict(both: Bench, error: RecoveryError) -> None:
    lose_answer(both, error, 2, cluster_ref={"name": "drill", "uid": "c-2"})
    with pytest.raises(Conflict, match="exists with other values.*cluster_ref"):
        both.create()
    assert both.client.words == [f"create {both.path}"]


@pytest.mark.parametrize(("error", "advice"), [(LOST, "Run the task again"), (TAKEN, "choose another name")], ids=["lost", "taken"])
def test_create_never_seen_within_ten_seconds_fails_with_advice(both: Bench, error: RecoveryError, advice: str) -> None:
    lose_answer(both, error, None)
    with pytest.raises(type(error)) as raised:
        both.create()
    assert 1010 <= both.clock.now < 1015
    assert "None of this name was seen afterwards" in raised.value.message
    assert advice in raised.value.message
    assert error.message in raised.value.message
    assert raised.value.http_status == error.http_status
    assert both.client.words == [f"create {both.path}"]


# -- Check mode


def test_check_mode_of_create_checks_everything_and_sends_nothing(both: Bench) -> None:
    outcome = both.create(check_mode=True)
    assert (outcome.changed, both.client.changes) == (True, [])
    assert "cluster" in {call[1] for call in both.client.calls}


@pytest.mark.parametrize("wait", [True, False])
def test_prediction_of_check_mode_is_the_real_result_but_for_what_the_server_chooses(both: Bench, wait: bool) -> None:
    predicted = both.create(check_mode=True, wait=wait, labels={"a": "b"}, backup_object_type="VirtualMachine").record
    real = both.create(wait=wait, labels={"a": "b"}, backup_object_type="VirtualMachine").record
    assert predicted is not None
    assert real is not None
    servers = ("uid", "created_at")
    assert {key: value for key, value in predicted.as_diff().items() if key not in servers} == {
        key: value for key, value in real.as_diff().items() if key not in servers
    }
    assert predicted.as_result().keys() == real.as_result().keys()


# -- DELETE


def test_delete_asks_once_and_waits_until_it_is_gone(both: Bench) -> None:
    both.there()
    both.client.progress["u-1 deleted"] = ["Deleting", "Deleting", GONE]
    outcome = both.delete()
    assert both.client.words == [f"delete {both.path}"]
    assert both.client.changes[0][2:4] == ("shop", "u-1")
    assert (outcome.changed, outcome.record) == (True, None)
    assert outcome.message == f"{both.path.capitalize()} deleted successfully"
    assert both.clock.now > 1000


@pytest.mark.parametrize("by", [{"name": "shop"}, {"name": None, "uid": "u-1"}, {"name": "shop", "uid": "u-1"}])
def test_delete_of_absent_is_unchanged(both: Bench, by: dict[str, Any]) -> None:
    outcome = both.delete(**by)
    assert (outcome.changed, outcome.record, both.client.changes) == (False, None, [])
    assert "is already absent" in outcome.message


def test_delete_by_uid_alone_deletes_that_one(both: Bench) -> None:
    both.there()
    both.there(uid="u-2")
    both.delete(name=None, uid="u-2")
    assert [call[2:4] for call in both.client.changes] == [("shop", "u-2")]


def test_not_found_while_deleting_is_success(both: Bench) -> None:
    both.there()

    def vanish(path: str, item: Wire) -> None:
        both.client.objects[path].remove(item)
        raise NotFound("object not found", http_status=404)

    both.client.on_delete = vanish
    assert both.delete().record is None


def test_not_found_of_something_else_while_deleting_is_no_success(both: Bench) -> None:
    both.there()

    def refuse(_path: str, item: Wire) -> None:
        item[f"{both.path}_info"]["status"]["status"] = "Success"
        both.client.progress["u-1"] = ["Success"]
        raise NotFound("failed to retrieve cluster [production]: object not found", http_status=500)

    both.client.on_delete = refuse
    with pytest.raises(RecoveryError, match="failed to retrieve cluster"):
        both.delete(wait=False)


def test_delete_of_one_that_is_going_away_waits_and_is_unchanged(both: Bench) -> None:
    both.there("Deleting")
    both.client.progress["u-1"] = ["Deleting", "Deleting", GONE]
    outcome = both.delete()
    assert (outcome.changed, both.client.changes) == (False, [])
    assert both.clock.now > 1000


def test_delete_pending_at_the_deadline_is_explained(backups: Bench) -> None:
    backups.there()
    backups.client.progress["u-1 deleted"] = ["DeletePending"]
    with pytest.raises(WaitTimeout) as raised:
        backups.delete(wait_timeout=60)
    for words in ("60 s", "DeletePending", "cluster", "online", "run the task again"):
        assert words in raised.value.message
    assert backups.client.words == ["delete backup"]


@pytest.mark.parametrize("option", [{"name_filter": "shop"}, {"status": ["failed"]}, {"max_objects": 1}, {"cluster_name_filter": "p"}])
def test_delete_refuses_a_filter_before_any_request(both: Bench, option: dict[str, Any]) -> None:
    both.there()
    with pytest.raises(InvalidRequest, match=next(iter(option))):
        both.delete(**option)
    assert both.client.calls == []


def test_delete_of_an_ambiguous_name_lists_the_uids_and_deletes_neither(both: Bench) -> None:
    both.there()
    both.there(uid="u-2")
    with pytest.raises(AmbiguousName, match="u-1, u-2"):
        both.delete()
    assert both.client.changes == []


@pytest.mark.parametrize("ignores_uid", [False, True])
def test_delete_never_takes_one_that_has_taken_the_name(both: Bench, ignores_uid: bool) -> None:
    both.there()
    both.client.ignores_uid = ignores_uid

    def replaced(path: str, item: Wire) -> None:
        both.client.objects[path].remove(item)
        both.there(uid="u-2")

    both.client.on_delete = replaced
    both.client.progress["u-1 deleted"] = ["Success"]
    both.delete()
    assert len(both.client.changes) == 1
    assert both.client.one(both.path, "u-2")


CASES: list[Callable[[Bench], object]] = [lambda bench: bench.create(name="a/b"), lambda bench: bench.delete(name=".."), lambda bench: bench.delete(name="a/b")]


@pytest.mark.parametrize("attempt", CASES)
def test_name_that_no_path_can_carry_is_refused_before_any_request(both: Bench, attempt: Callable[[Bench], object]) -> None:
    with pytest.raises(InvalidRequest, match="name must not contain"):
        attempt(both)
    assert both.client.calls == []


# -- What success is said of


def test_not_found_in_the_words_of_an_internal_error_is_no_absence(both: Bench) -> None:
    """The server says "not found" of a missing cluster or secret as well; the object is listed all the same."""
    both.there("Deleting")
    both.client.progress["u-1"] = [NotFound("user store: secret not found", code="NotFound", http_status=500), "Deleting", GONE]
    with pytest.raises(ProviderFailure, match="secret not found"):
        both.run("INSPECT_ONE", name="shop")
    both.client.progress["u-1"] = ["Deleting", NotFound("user store: secret not found", code="NotFound", http_status=500), "Deleting", GONE]
    outcome = both.delete()
    assert not outcome.changed
    assert "shop" not in [item["metadata"]["name"] for item in both.client.objects[both.path]]


def test_create_without_waiting_tells_what_the_answer_said(both: Bench) -> None:
    outcome = both.create(wait=False)
    assert outcome.record is not None
    assert outcome.record.status == "pending"
    assert not [call for call in both.client.calls if call[0] == "inspect"]


def test_partial_end_is_in_the_message(both: Bench) -> None:
    both.there("PartialSuccess")
    assert both.create().message.endswith("but only in part")


def test_labels_are_sent_without_what_the_server_writes_out_as_null(both: Bench) -> None:
    both.there(ownership={"owner": "alice", "public": None, "groups": [{"id": "g", "access": None}]})
    both.create(tags={"a": "1"})
    (sent,) = [call for call in both.client.calls if call[0] == "update"]
    assert "None" not in str(sent)


@pytest.mark.parametrize(
    ("option", "value"), [("keep_cr_status", True), ("advanced_resource_label_selector", "a=b"), ("volume_resource_only_policy_ref", {"name": "x"})]
)
def test_option_that_the_server_is_too_old_for_is_refused(backups: Bench, option: str, value: Any) -> None:
    """It would be ignored, and something else backed up."""
    backups.client.server_version = (2, 8, 1)
    with pytest.raises(Unsupported, match=f"{option} needs PX-Backup 2"):
        backups.create(**{option: value})
    assert backups.client.changes == []
