# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked up and refused before a restore or backup is asked for, and the request that is sent then."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup.records import BACKUP_SHAPE
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import AmbiguousName, InvalidRequest, NotFound, RecoveryError

from tests.unit.plugins.module_utils.backends.px_backup.bench import ABSENT, Bench, Wire, wire


def refused(bench: Bench, error: type[RecoveryError], **options: Any) -> str:
    """The message with which a CREATE is refused; the same in check mode, and nothing is sent in either."""
    with pytest.raises(error) as checked:
        bench.create(check_mode=True, **options)
    with pytest.raises(error) as raised:
        bench.create(**options)
    assert bench.client.changes == []
    assert checked.value.message == raised.value.message
    return raised.value.message


def set_status(bench: Bench, path: str, uid: str, info: str, status: str, reason: str = "") -> None:
    bench.client.one(path, uid)[info]["status"] = {"status": status, "reason": reason}


def no_backup(bench: Bench) -> str:
    return refused(bench, NotFound, backup_ref={"name": "weekly"})


def no_cluster(bench: Bench) -> str:
    return refused(bench, NotFound, cluster_ref={"name": "nowhere"})


def cluster_offline(bench: Bench) -> str:
    set_status(bench, "cluster", "c-1", "clusterInfo", "Offline", "no route")
    return refused(bench, InvalidRequest)


def two_backups(bench: Bench) -> str:
    bench.client.put("backup", wire("backup", "nightly", "b-2", "Success"))
    return refused(bench, AmbiguousName)


def two_clusters(bench: Bench) -> str:
    bench.client.put("cluster", wire("cluster", "production", "c-9", "Online"))
    return refused(bench, AmbiguousName)


def strange_namespace(bench: Bench) -> str:
    return refused(bench, InvalidRequest, namespace_mapping={"shop": "a", "bakery": "b"})


def uid_of_another(bench: Bench) -> str:
    return refused(bench, InvalidRequest, backup_ref={"name": "nightly", "uid": "b-9"})


REFUSALS: list[tuple[Callable[[Bench], str], list[str]]] = [
    (no_backup, ["backup_ref", '"weekly"', "default"]),
    (no_cluster, ["cluster_ref", '"nowhere"', "default"]),
    (cluster_offline, ["cluster_ref", '"production"', "Offline", "no route", "Nothing was changed"]),
    (two_backups, ["backup_ref", '"nightly"', "b-1, b-2"]),
    (two_clusters, ["cluster_ref", '"production"', "c-1, c-9"]),
    (strange_namespace, ["namespace_mapping", '"nightly"', "bakery", "front, shop"]),
    (uid_of_another, ["backup_ref", '"nightly"', "b-9", "b-1"]),
]


@pytest.mark.parametrize(("refuse", "words"), REFUSALS, ids=[refuse.__name__ for refuse, _words in REFUSALS])
def test_restore_is_refused_with_a_message_that_names_the_thing(restores: Bench, refuse: Callable[[Bench], str], words: list[str]) -> None:
    message = refuse(restores)
    for word in words:
        assert word in message


@pytest.mark.parametrize("status", [word for word in BACKUP_SHAPE.statuses if word not in ("Success", "PartialSuccess")])
def test_backup_that_cannot_be_restored_is_named_with_its_status(restores: Bench, status: str) -> None:
    set_status(restores, "backup", "b-1", "backup_info", status, "bucket is gone")
    message = refused(restores, InvalidRequest)
    for word in ("backup_ref", '"nightly"', f"status is {status}", "bucket is gone"):
        assert word in message


@pytest.mark.parametrize("status", [{}, None, {"status": ""}, {"status": "Archived"}])
def test_backup_whose_status_says_nothing_good_is_not_restored(restores: Bench, status: Any) -> None:
    restores.client.one("backup", "b-1")["backup_info"]["status"] = status
    assert '"nightly"' in refused(restores, InvalidRequest)


def test_partial_backup_is_restored_with_a_warning(restores: Bench) -> None:
    set_status(restores, "backup", "b-1", "backup_info", "PartialSuccess", "one volume failed")
    assert restores.create().changed
    assert '"nightly" is only partial (one volume failed)' in restores.warnings


@pytest.mark.parametrize("held", [["*"], [], None, ABSENT])
def test_namespaces_that_the_backup_does_not_list_are_not_guessed(restores: Bench, held: Any) -> None:
    info = restores.client.one("backup", "b-1")["backup_info"]
    if held is ABSENT:
        del info["namespaces"]
    else:
        info["namespaces"] = held
    assert restores.create(namespace_mapping={"bakery": "b"}).changed


@pytest.mark.parametrize("status", ["Offline", "DeletePending", "Pending", "Failed"])
def test_cluster_that_is_not_online_is_refused(both: Bench, status: str) -> None:
    set_status(both, "cluster", "c-1", "clusterInfo", status)
    assert status in refused(both, InvalidRequest)


@pytest.mark.parametrize("status", ["Online", "Success"])
def test_cluster_that_is_online_is_taken_without_a_warning(both: Bench, status: str) -> None:
    set_status(both, "cluster", "c-1", "clusterInfo", status)
    both.create()
    assert both.warnings == ""


@pytest.mark.parametrize("info", [{}, {"status": None}, {"status": {"status": "Invalid"}}, None])
def test_cluster_that_does_not_say_is_taken_with_a_warning(both: Bench, info: Any) -> None:
    both.client.one("cluster", "c-1")["clusterInfo"] = info
    assert both.create().changed
    assert '"production"' in both.warnings


@pytest.mark.parametrize("status", ["ValidationFailed", "DeletePending"])
def test_backup_location_that_cannot_be_used_is_refused(backups: Bench, status: str) -> None:
    set_status(backups, "backuplocation", "l-1", "backup_location_info", status, "access denied")
    message = refused(backups, InvalidRequest)
    for word in ("backup_location_ref", '"objects"', status, "access denied"):
        assert word in message


@pytest.mark.parametrize("status", ["Valid", "ValidationInProgress", "LimitedAvailability", "Invalid", ""])
def test_backup_location_that_may_do_is_taken(backups: Bench, status: str) -> None:
    set_status(backups, "backuplocation", "l-1", "backup_location_info", status)
    assert backups.create().changed


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("backup_location_ref", "backup location"),
        ("cluster_ref", "cluster"),
        ("pre_exec_rule_ref", "rule"),
        ("post_exec_rule_ref", "rule"),
    ],
)
def test_reference_of_a_backup_to_nothing_names_option_kind_and_name(backups: Bench, option: str, words: str) -> None:
    message = refused(backups, NotFound, **{option: {"name": "nothing"}})
    assert f'{option}: the organization default has no {words} with name "nothing"' in message


def test_all_refusals_read_differently(restores: Bench) -> None:
    inventory = deepcopy(restores.client.objects)
    messages = set()
    for refuse, _words in REFUSALS:
        restores.client.objects = deepcopy(inventory)
        messages.add(refuse(restores))
    assert len(messages) == len(REFUSALS)


# -- References


@pytest.mark.parametrize("ref", [{"name": "production"}, {"uid": "c-1"}, {"name": "production", "uid": "c-1"}])
def test_cluster_is_found_by_name_uid_or_both(both: Bench, ref: dict[str, str]) -> None:
    both.create(cluster_ref=ref)
    assert both.client.changes[0][2]["cluster_ref"] == {"name": "production", "uid": "c-1"}


@pytest.mark.parametrize("word", ["production", "c-1"])
def test_cluster_option_is_a_name_or_a_uid(both: Bench, word: str) -> None:
    both.create(cluster_ref=None, cluster=word)
    body = both.client.changes[0][2]
    assert body["cluster_ref"] == {"name": "production", "uid": "c-1"}
    assert body["cluster"] == word


def test_cluster_option_that_is_one_clusters_name_and_anothers_uid_is_ambiguous(both: Bench) -> None:
    both.client.put("cluster", wire("cluster", "c-1", "c-7", "Online"))
    assert "c-1, c-7" in refused(both, AmbiguousName, cluster_ref=None, cluster="c-1")


def test_missing_cluster_is_named_in_the_users_words(both: Bench) -> None:
    message = refused(both, NotFound, cluster_ref=None, cluster="nowhere")
    assert '"nowhere"' in message
    assert "either" not in message


@pytest.mark.parametrize("ref", [{"name": "nightly", "uid": "b-2"}, {"uid": "b-2"}])
def test_uid_says_which_of_two_backups_is_meant(restores: Bench, ref: dict[str, str]) -> None:
    restores.client.put("backup", wire("backup", "nightly", "b-2", "Success"))
    restores.create(backup_ref=ref)
    assert restores.client.changes[0][2]["backup_ref"] == {"name": "nightly", "uid": "b-2"}


def test_names_that_contain_the_name_do_not_count(restores: Bench) -> None:
    restores.client.put("backup", wire("backup", "nightly-2", "b-2", "Success"), wire("backup", "not-nightly", "b-3", "Success"))
    restores.create()
    assert restores.client.changes[0][2]["backup_ref"]["uid"] == "b-1"


# -- What is sent


def test_request_for_a_restore(restores: Bench) -> None:
    resource = {"name": "settings", "namespace": "shop", "group": "", "kind": "ConfigMap", "version": "v1"}
    restores.create(
        labels={"a": 1},
        ownership={"owner": "alice", "groups": [{"id": "g"}]},
        namespace_mapping={"shop": "drill"},
        storage_class_mapping={"fast": "slow"},
        rancher_project_mapping={"key": "p:1", "value": "p:2"},
        rancher_project_name_mapping={"key": "", "value": ""},
        include_resources=[resource],
        replace_policy="Delete",
        backup_object_type="VirtualMachine",
    )
    assert restores.client.changes == [
        (
            "create",
            "restore",
            {
                "metadata": {"name": "shop", "org_id": "default", "labels": {"a": "1"}, "ownership": {"owner": "alice", "groups": [{"id": "g"}]}},
                "backup": "nightly",
                "backup_ref": {"name": "nightly", "uid": "b-1"},
                "cluster_ref": {"name": "production", "uid": "c-1"},
                "namespace_mapping": {"shop": "drill"},
                "storage_class_mapping": {"fast": "slow"},
                "rancher_project_mapping": {"p:1": "p:2"},
                "include_resources": [resource],
                "replace_policy": "Delete",
                "backup_object_type": {"type": "VirtualMachine"},
            },
        )
    ]


def test_request_for_a_restore_holds_nothing_that_was_not_given(restores: Bench) -> None:
    restores.create(replace_policy="Invalid", backup_object_type="Invalid", namespace_mapping={}, include_resources=[])
    assert set(restores.client.changes[0][2]) == {"metadata", "backup", "backup_ref", "cluster_ref"}


def test_request_for_a_backup(backups: Bench) -> None:
    backups.create(
        pre_exec_rule_ref={"name": "flush"},
        post_exec_rule_ref={"uid": "rule-2"},
        volume_resource_only_policy_ref={"name": "lean"},
        resource_types=["Deployment"],
        label_selectors={"tier": ""},
        ns_label_selectors="env=prod",
        direct_kdmp=False,
        skip_vm_auto_exec_rules=True,
        include_resources=[{"name": "settings", "kind": "ConfigMap"}],
        backup_object_type={"type": "All"},
    )
    assert backups.client.changes == [
        (
            "create",
            "backup",
            {
                "metadata": {"name": "shop", "org_id": "default"},
                "backup_location_ref": {"name": "objects", "uid": "l-1"},
                "cluster_ref": {"name": "production", "uid": "c-1"},
                "pre_exec_rule_ref": {"name": "flush", "uid": "rule-1"},
                "post_exec_rule_ref": {"name": "thaw", "uid": "rule-2"},
                "volume_resource_only_policy_ref": {"name": "lean"},
                "namespaces": ["shop"],
                "resource_types": ["Deployment"],
                "label_selectors": {"tier": ""},
                "ns_label_selectors": "env=prod",
                "direct_kdmp": False,
                "skip_vm_auto_exec_rules": True,
                "include_resources": [{"name": "settings", "kind": "ConfigMap"}],
                "backup_object_type": {"type": "All"},
                "backup_type": "Normal",
            },
        )
    ]


@pytest.mark.parametrize("option", [{"parallel_backup": True}, {"cloud_credential_ref": {"name": "x"}}, {"backup_share": {"groups": []}}])
def test_options_that_the_api_does_not_have_are_accepted_with_a_warning_and_not_sent(backups: Bench, option: dict[str, Any]) -> None:
    backups.create(**option)
    name = next(iter(option))
    assert name in backups.warnings
    assert name not in backups.client.changes[0][2]


# -- What protects a backup


def running_restore(status: str | None, **info: Any) -> Wire:
    return wire("restore", "drill", "r-1", status, **{"backup_ref": {"name": "shop", "uid": "u-1"}, **info})


@pytest.mark.parametrize("status", ["Pending", "InProgress"])
@pytest.mark.parametrize("ref", [{"backup_ref": {"name": "shop", "uid": "u-1"}}, {"backup_ref": {"name": "shop"}}, {"backup_ref": None, "backup": "shop"}])
def test_backup_that_is_being_restored_is_not_deleted(backups: Bench, status: str, ref: dict[str, Any]) -> None:
    backups.there()
    backups.client.put("restore", running_restore(status, **ref))
    for check_mode in (True, False):
        with pytest.raises(RecoveryError, match="being restored by drill"):
            backups.delete(check_mode=check_mode)
    assert backups.client.changes == []


def test_backup_of_a_restore_that_has_no_status_yet_is_not_deleted(backups: Bench) -> None:
    backups.there()
    backups.client.put("restore", running_restore(None))
    with pytest.raises(RecoveryError, match="being restored by drill"):
        backups.delete()
    assert backups.client.changes == []


@pytest.mark.parametrize("status", ["Success", "Failed", "Deleting"])
def test_backup_whose_restores_have_ended_is_deleted(backups: Bench, status: str) -> None:
    backups.there()
    backups.client.put("restore", running_restore(status))
    assert backups.delete().changed


@pytest.mark.parametrize("ref", [{"backup_ref": {"name": "shop", "uid": "u-9"}}, {"backup_ref": {"name": "other", "uid": "u-8"}}, {"backup_ref": None}])
def test_restore_of_another_backup_protects_nothing(backups: Bench, ref: dict[str, Any]) -> None:
    backups.there()
    backups.client.put("restore", running_restore("InProgress", **ref))
    assert backups.delete().changed


def test_deletion_that_is_under_way_is_unchanged_whoever_restores(backups: Bench) -> None:
    backups.there("Deleting")
    backups.client.progress["u-1"] = ["Deleting", "gone"]
    backups.client.put("restore", running_restore("InProgress"))
    assert not backups.delete().changed


def test_delete_sends_the_cluster_that_the_backup_names(backups: Bench) -> None:
    backups.there()
    backups.delete()
    assert backups.client.changes[0][4] == (("cluster_ref.name", "production"), ("cluster_ref.uid", "c-1"))


@pytest.mark.parametrize("ref", [{"name": "drill"}, {"uid": "c-2"}, {"name": "production", "uid": "c-2"}])
def test_delete_spares_a_backup_of_another_cluster_than_named(backups: Bench, ref: dict[str, str]) -> None:
    backups.there()
    with pytest.raises(RecoveryError, match="cluster"):
        backups.delete(cluster_ref=ref)
    assert backups.client.changes == []


@pytest.mark.parametrize("zero", [ABSENT, None, {}])
def test_delete_with_the_cluster_that_an_older_server_echoes_by_name_only(backups: Bench, zero: Any) -> None:
    backups.there(cluster_ref=zero, cluster="production")
    assert backups.delete(cluster_ref={"name": "production"}).changed
