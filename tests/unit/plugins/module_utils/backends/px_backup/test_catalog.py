# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding one, listing many: filters, statuses, names and uids."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup.records import BACKUP_SHAPE, RESTORE_SHAPE, provider_words
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.px_backup.client import LONGEST_PAGE
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import AmbiguousName, InvalidRequest, NotFound

from tests.unit.plugins.module_utils.backends.px_backup.bench import Bench


def listing(bench: Bench) -> list[tuple[str, str]]:
    """The options of the last enumeration."""
    return [list(call[2]) for call in bench.client.calls if call[0] == "enumerate"][-1]


# -- INSPECT_ONE


@pytest.mark.parametrize("by", [{"name": "shop"}, {"uid": "u-1"}, {"name": "shop", "uid": "u-1"}])
def test_inspect_one_by_name_uid_or_both(both: Bench, by: dict[str, str]) -> None:
    both.there()
    both.there(name="shop-2", uid="u-2")
    outcome = both.run("INSPECT_ONE", **by)
    assert not outcome.changed
    assert outcome.record is not None
    assert (outcome.record.name, outcome.record.uid) == ("shop", "u-1")
    assert outcome.message == f"Successfully retrieved {both.path} details"


@pytest.mark.parametrize("by", [{"name": "none"}, {"uid": "none"}, {"name": "none", "uid": "none"}, {"name": "sho"}])
def test_inspect_one_of_absent_is_not_found(both: Bench, by: dict[str, str]) -> None:
    both.there()
    with pytest.raises(NotFound):
        both.run("INSPECT_ONE", **by)


def test_part_of_a_name_is_no_match(both: Bench) -> None:
    both.there(name="shop-nightly")
    assert not both.delete().changed
    assert both.client.changes == []


def test_two_matches_list_their_uids(both: Bench) -> None:
    both.there()
    both.there(uid="u-2")
    for operation in ("INSPECT_ONE", "DELETE", "CREATE"):
        with pytest.raises(AmbiguousName, match=r'2 \w+ have the name "shop".*u-1, u-2'):
            both.run(operation, name="shop", **(both.options if operation == "CREATE" else {}))


def test_uid_says_which_of_two_is_meant(both: Bench) -> None:
    both.there()
    both.there(uid="u-2")
    outcome = both.run("INSPECT_ONE", name="shop", uid="u-2")
    assert outcome.record is not None
    assert outcome.record.uid == "u-2"
    assert both.client.calls[-1] == ("inspect", both.path, "shop", "u-2")


@pytest.mark.parametrize(
    ("operation", "by", "said"),
    [
        ("INSPECT_ONE", {"name": "shop", "uid": "u-2"}, "u-1"),
        ("DELETE", {"name": "shop", "uid": "u-2"}, "u-1"),
        ("INSPECT_ONE", {"name": "other", "uid": "u-1"}, '"shop"'),
        ("DELETE", {"name": "other", "uid": "u-1"}, '"shop"'),
        ("CREATE", {"name": "other", "uid": "u-1"}, '"shop"'),
    ],
)
def test_name_and_uid_that_do_not_agree_are_refused(both: Bench, operation: str, by: dict[str, str], said: str) -> None:
    both.there()
    with pytest.raises(InvalidRequest, match="do not agree") as raised:
        both.run(operation, **by, **(both.options if operation == "CREATE" else {}))
    assert said in raised.value.message
    assert both.client.changes == []


def test_create_finds_again_what_the_server_gave_another_uid(both: Bench) -> None:
    both.there()
    outcome = both.create(uid="u-2")
    assert not outcome.changed
    assert "u-1" in both.warnings
    assert "u-2" in both.warnings


def test_one_that_vanishes_between_list_and_look_is_absent(both: Bench) -> None:
    both.there()
    both.client.progress["u-1"] = ["gone"]
    with pytest.raises(NotFound):
        both.run("INSPECT_ONE", name="shop")


# -- INSPECT_ALL


def test_inspect_all_of_nothing_is_empty(restores: Bench) -> None:
    outcome = restores.run("INSPECT_ALL")
    assert (outcome.records, outcome.changed, outcome.message) == ([], False, "Found 0 restores")


def test_filters_go_to_the_server_with_repeated_keys(both: Bench) -> None:
    both.list_all(
        name_filter="sho",
        cluster_name_filter="prod",
        cluster_uid_filter="c-1",
        owners=["alice", "bob"],
        status=["Success", "Failed"],
        backup_object_type={"type": "VirtualMachine"},
        include_detailed_resources=True,
    )
    assert sorted(listing(both)) == sorted(
        [
            ("name_filter", "sho"),
            ("cluster_name_filter", "prod"),
            ("cluster_uid_filter", "c-1"),
            ("owners", "alice"),
            ("owners", "bob"),
            ("status", "Success"),
            ("status", "Failed"),
            ("backup_object_type", "VirtualMachine"),
            ("include_detailed_resources", "true"),
        ]
    )


def test_without_filters_only_the_details_are_chosen(both: Bench) -> None:
    both.list_all()
    assert listing(both) == [("include_detailed_resources", "false")]


@pytest.mark.parametrize("shape", [RESTORE_SHAPE, BACKUP_SHAPE])
def test_every_word_of_the_provider_is_a_status(shape: Any) -> None:
    for word in shape.statuses:
        assert provider_words(shape, [word]) == [word]


@pytest.mark.parametrize(
    ("shape", "common", "theirs"),
    [
        (RESTORE_SHAPE, "succeeded", {"Success", "Retained"}),
        (RESTORE_SHAPE, "failed", {"Invalid", "Aborted", "Failed"}),
        (RESTORE_SHAPE, "running", {"InProgress"}),
        (RESTORE_SHAPE, "pending", {"Pending"}),
        (RESTORE_SHAPE, "partial", {"PartialSuccess"}),
        (RESTORE_SHAPE, "deleting", {"Deleting"}),
        (BACKUP_SHAPE, "succeeded", {"Success"}),
        (BACKUP_SHAPE, "failed", {"Invalid", "Aborted", "Failed", "CloudBackupMissing"}),
        (BACKUP_SHAPE, "running", {"InProgress", "Captured"}),
        (BACKUP_SHAPE, "deleting", {"Deleting", "DeletePending"}),
    ],
)
def test_common_words_are_the_providers_words(shape: Any, common: str, theirs: set[str]) -> None:
    assert set(provider_words(shape, [common])) == theirs


def test_status_given_twice_is_sent_once(restores: Bench) -> None:
    restores.list_all(status=["succeeded", "Success"])
    assert listing(restores).count(("status", "Success")) == 1


@pytest.mark.parametrize("word", ["success", "Captured", "done"])
def test_unknown_status_is_refused_before_any_request(restores: Bench, word: str) -> None:
    with pytest.raises(InvalidRequest, match=f'status "{word}".*PartialSuccess'):
        restores.list_all(status=[word])
    assert restores.client.calls == []


def test_tags_let_through_what_carries_all_of_them(both: Bench) -> None:
    both.client.objects[both.path] = []
    both.there(name="a", uid="1", labels={"env": "prod", "team": "shop"})
    both.there(name="b", uid="2", labels={"env": "prod"})
    both.there(name="c", uid="3")
    assert both.list_all(tags={"env": "prod", "team": "shop"}) == ["a"]
    assert both.list_all(labels={"env": "prod"}) == ["a", "b"]


def five(bench: Bench) -> None:
    bench.client.objects[bench.path] = []
    for number in range(5):
        bench.there(name=f"n{number}", uid=str(number), labels={"odd": str(number % 2)})


@pytest.mark.parametrize(("limit", "names"), [(1, ["n0"]), (3, ["n0", "n1", "n2"]), (5, ["n0", "n1", "n2", "n3", "n4"]), (9, ["n0", "n1", "n2", "n3", "n4"])])
def test_max_objects_is_a_cap_on_the_total(both: Bench, limit: int, names: list[str]) -> None:
    five(both)
    assert both.list_all(max_objects=limit) == names
    assert both.client.read == len(names)
    assert both.client.page_sizes == [min(limit, LONGEST_PAGE)]


def test_max_objects_counts_what_the_tags_let_through(both: Bench) -> None:
    five(both)
    assert both.list_all(max_objects=2, tags={"odd": "1"}) == ["n1", "n3"]
    assert both.client.read == 4


def test_max_objects_does_not_shrink_pages_that_are_filtered_here(both: Bench) -> None:
    """With pages of one, the newest backup with a label costs a request for each backup that there is."""
    five(both)
    both.list_all(max_objects=1, tags={"odd": "1"})
    assert both.client.page_sizes == [LONGEST_PAGE]


def test_inspect_all_never_changes_anything(both: Bench) -> None:
    five(both)
    assert not both.run("INSPECT_ALL", check_mode=True).changed
    assert both.client.changes == []


# -- Backups: order and schedules


def three_backups(bench: Bench) -> None:
    bench.client.objects["backup"] = []
    facts = [("b", "2026-03-02T00:00:00Z", "east", "900"), ("c", "2026-03-01T00:00:00Z", "west", "1000"), ("a", "2026-03-03T00:00:00.5Z", "north", "20")]
    for name, created, cluster, size in facts:
        schedule = {"name": f"every-{name}", "uid": f"s-{name}"}
        item = bench.there(name=name, uid=f"u-{name}", cluster_ref={"name": cluster, "uid": "x"}, total_size=size, backup_schedule=schedule)
        item["metadata"]["create_time"] = created
    for name, policy in (("a", "daily"), ("b", "daily"), ("c", "weekly")):
        wire = {
            "metadata": {"name": f"every-{name}", "uid": f"s-{name}"},
            "backup_schedule_info": {"schedule_policy_ref": {"name": policy, "uid": f"p-{policy}"}},
        }
        bench.client.put("backupschedule", wire)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ({}, ["a", "b", "c"]),
        ({"sort_by": "CreationTimestamp", "sort_order": "Ascending"}, ["c", "b", "a"]),
        ({"sort_by": "Name", "sort_order": "Ascending"}, ["a", "b", "c"]),
        ({"sort_by": "RestoreBackupName"}, ["c", "b", "a"]),
        ({"sort_by": "ClusterName", "sort_order": "Ascending"}, ["b", "a", "c"]),
        ({"sort_by": "Size"}, ["c", "b", "a"]),
    ],
)
def test_backups_are_sorted_also_for_servers_that_cannot(backups: Bench, sort: dict[str, str], names: list[str]) -> None:
    three_backups(backups)
    assert backups.list_all(sort_option=sort) == names


def test_max_objects_is_applied_after_sorting(backups: Bench) -> None:
    three_backups(backups)
    assert backups.list_all(sort_option={"sort_by": "CreationTimestamp"}, max_objects=1) == ["a"]
    assert LONGEST_PAGE in backups.client.page_sizes


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"backup_schedule_ref": [{"name": "every-a"}]}, ["a"]),
        ({"backup_schedule_ref": [{"name": "every-a"}, {"name": "every-c", "uid": "s-c"}]}, ["c", "a"]),
        ({"backup_schedule_ref": [{"name": "every-a", "uid": "s-c"}]}, []),
        ({"schedule_policy_ref": [{"name": "daily"}]}, ["b", "a"]),
        ({"schedule_policy_ref": [{"name": "daily"}], "backup_schedule_ref": [{"name": "every-b"}, {"name": "every-c"}]}, ["b"]),
        ({"schedule_policy_ref": [{"name": "none"}]}, []),
    ],
)
def test_backups_of_schedules_and_policies(backups: Bench, options: dict[str, Any], names: list[str]) -> None:
    three_backups(backups)
    assert backups.list_all(**options) == names


def test_backup_without_a_schedule_is_of_no_schedule(backups: Bench) -> None:
    three_backups(backups)
    backups.there(name="by-hand", uid="u-h")
    assert backups.list_all(schedule_policy_ref=[{"name": "weekly"}]) == ["c"]


def test_max_objects_counts_backups_of_the_schedule(backups: Bench) -> None:
    three_backups(backups)
    assert backups.list_all(backup_schedule_ref=[{"name": "every-a"}], max_objects=1) == ["a"]
