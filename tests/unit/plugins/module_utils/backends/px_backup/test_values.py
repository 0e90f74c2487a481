# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists is compared with the options given: every option, in every spelling that means the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup.values import (
    cluster_option,
    filled_map,
    object_type,
    rancher_map,
    text_map,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import COMMON

from tests.unit.plugins.module_utils.backends.px_backup.bench import ABSENT, CONNECTION, Bench, bench, differing


@dataclass(frozen=True)
class Case:
    """A value of an option, the echoes that mean the same, and those that mean something else; ``echo`` is where it is echoed."""

    option: str
    given: Any
    same: tuple[Any, ...]
    other: tuple[Any, ...]
    echo: str = ""


def reference(option: str, uid: str, name: str) -> list[Case]:
    other = ({"name": "another", "uid": "x-9"}, ABSENT, None, {"name": "", "uid": ""})
    both = {"name": name, "uid": uid}
    return [
        Case(option, {"name": name}, (both, {"name": name}, {"name": name, "uid": ""}), other),
        Case(option, both, (both, {"name": name}, {"name": name, "uid": ""}), (*other, {"name": name, "uid": "x-9"})),
        Case(option, {"uid": uid}, (both, {"uid": uid}), other),
    ]


CONFIG_MAP = {"name": "settings", "namespace": "shop", "group": "", "kind": "ConfigMap", "version": "v1"}
CORE = {**CONFIG_MAP, "group": "core"}
CLUSTER_ROLE = {"name": "admin", "namespace": "", "group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "version": "v1"}
NO_ZEROS = {key: value for key, value in CONFIG_MAP.items() if value}
ROLE_NO_ZEROS = {key: value for key, value in CLUSTER_ROLE.items() if value}
GROUPS = [{"id": "g1", "access": "Read"}, {"id": "g2", "access": "Admin"}]

COMMON_CASES = [
    *reference("cluster_ref", "c-1", "production"),
    Case("cluster", "production", ({"name": "production", "uid": "c-1"}, {"name": "production"}), ({"name": "drill", "uid": "c-2"}, ABSENT), "cluster_ref"),
    Case("cluster", "c-1", ({"name": "production", "uid": "c-1"},), ({"name": "production", "uid": "c-9"},), "cluster_ref"),
    Case(
        "include_resources",
        [CONFIG_MAP, CLUSTER_ROLE],
        ([CONFIG_MAP, CLUSTER_ROLE], [CLUSTER_ROLE, CONFIG_MAP], [CLUSTER_ROLE, CORE], [NO_ZEROS, ROLE_NO_ZEROS]),
        ([CONFIG_MAP], [CONFIG_MAP, CLUSTER_ROLE, {**CONFIG_MAP, "name": "more"}], [CONFIG_MAP, {**CLUSTER_ROLE, "group": "core"}], [], ABSENT, None),
    ),
    Case("include_resources", [CORE], ([CONFIG_MAP], [NO_ZEROS], [CORE]), ([{**CORE, "group": "apps"}], ABSENT)),
    Case("backup_object_type", "All", ("All", {"type": "All"}, {"type": "Invalid"}, {"type": ""}, {}, ABSENT, None), ({"type": "VirtualMachine"},)),
    Case("backup_object_type", {"type": "VirtualMachine"}, ({"type": "VirtualMachine"}, "VirtualMachine"), ({"type": "All"}, ABSENT, None, {})),
    Case("ownership", {"owner": "alice"}, ({"owner": "alice"}, {"owner": "alice", "groups": []}), ({"owner": "bob"}, {}, ABSENT, None)),
    Case(
        "ownership",
        {"groups": GROUPS},
        ({"owner": "alice", "groups": GROUPS}, {"groups": [GROUPS[1], GROUPS[0]], "collaborators": []}),
        ({"groups": GROUPS[:1]}, {"groups": [GROUPS[0], {"id": "g2", "access": "Read"}]}, {"owner": "alice"}),
    ),
    Case("ownership", {"public": {"type": "Read"}}, ({"public": {"type": "Read"}},), ({"public": {"type": "Write"}}, {"public": None}, {})),
]


def text_maps(option: str) -> list[Case]:
    return [
        Case(option, {"a": "1", "b": "2"}, ({"b": "2", "a": "1"},), ({"a": "1"}, {"a": "1", "b": "3"}, {"a": "1", "b": "2", "c": "3"}, {}, ABSENT, None)),
        Case(option, {"a": 1}, ({"a": "1"},), ({"a": "2"},)),
    ]


RESTORE_CASES = [
    *COMMON_CASES,
    *reference("backup_ref", "b-1", "nightly"),
    *(case for option in ("namespace_mapping", "storage_class_mapping") for case in text_maps(option)),
    *(
        case
        for option in ("rancher_project_mapping", "rancher_project_name_mapping")
        for case in (*text_maps(option), Case(option, {"key": "from", "value": "to"}, ({"from": "to"},), ({"key": "from", "value": "to"}, ABSENT)))
    ),
    Case("replace_policy", "Retain", ("Retain", "Invalid", "", ABSENT, None), ("Delete",)),
    Case("replace_policy", "Delete", ("Delete",), ("Retain", "Invalid", ABSENT, None)),
]
BACKUP_CASES = [
    *COMMON_CASES,
    *reference("backup_location_ref", "l-1", "objects"),
    *reference("pre_exec_rule_ref", "rule-1", "flush"),
    *reference("post_exec_rule_ref", "rule-2", "thaw"),
    *reference("volume_resource_only_policy_ref", "policy-1", "lean"),
    *(
        Case(option, ["b", "a"], (["b", "a"], ["a", "b"]), (["a"], ["a", "b", "c"], [], ABSENT, None))
        for option in ("namespaces", "resource_types", "exclude_resource_types")
    ),
    *(Case(option, "env=prod", ("env=prod",), ("env=test", "", ABSENT, None)) for option in ("ns_label_selectors", "advanced_resource_label_selector")),
    *(case for option in ("label_selectors", "volume_snapshot_class_mapping") for case in text_maps(option)),
    Case("label_selectors", {"app": "shop", "tier": ""}, ({"tier": "", "app": "shop"},), ({"app": "shop"},)),
    Case("backup_type", "Normal", ({"type": "Normal"}, "Normal", {"type": "Invalid"}, {}, ABSENT, None), ({"type": "Generic"},)),
    Case("backup_type", "Generic", ({"type": "Generic"},), ({"type": "Normal"}, ABSENT)),
    *(
        case
        for option in ("skip_vm_auto_exec_rules", "direct_kdmp", "keep_cr_status")
        for case in (Case(option, True, (True,), (False, ABSENT, None)), Case(option, False, (False, ABSENT, None), (True,)))
    ),
]
# Not every server gives these back: what it leaves out cannot be called different.
NOT_ALWAYS_ECHOED = ("keep_cr_status", "advanced_resource_label_selector", "volume_resource_only_policy_ref")


def as_echoed(case: Case) -> Case:
    if case.option not in NOT_ALWAYS_ECHOED:
        return case
    seen = tuple(echo for echo in case.other if echo is not ABSENT)
    return replace(case, same=(*case.same, ABSENT), other=seen)


TABLE = {"restore": RESTORE_CASES, "backup": [as_echoed(case) for case in BACKUP_CASES]}

# Options of CREATE that are no property of what is made, or are updated instead of compared.
NOT_COMPARED = {*COMMON, *CONNECTION, "auth_url", "username", "password", "ssl_config", "accept_partial", "replace_failed"}


def rows(part: str) -> Iterator[Any]:
    for path, cases in TABLE.items():
        for number, case in enumerate(cases):
            for echo in getattr(case, part):
                shown = "absent" if echo is ABSENT else str(echo)[:40]
                yield pytest.param(path, case, echo, id=f"{path}-{case.option}-{number}-{shown}")


def attempt(made: Bench, case: Case, echo: Any) -> Any:
    made.there(**{case.echo or case.option: echo})
    cluster_ref = {"cluster_ref": None} if case.option == "cluster" else {}
    return made.create(**{**cluster_ref, case.option: case.given})


@pytest.mark.parametrize("path", TABLE)
def test_every_option_of_create_is_in_the_table(path: str) -> None:
    options = {name for name, option in bench(path).backend.OPTIONS.items() if "CREATE" in option.operations}
    assert options - NOT_COMPARED == {case.option for case in TABLE[path]}


@pytest.mark.parametrize(("path", "case", "echo"), list(rows("same")))
def test_equal_in_another_spelling_is_unchanged(path: str, case: Case, echo: Any) -> None:
    made = bench(path)
    assert not attempt(made, case, echo).changed
    assert made.client.changes == []


@pytest.mark.parametrize(("path", "case", "echo"), list(rows("other")))
def test_difference_is_a_conflict_that_names_exactly_that_option(path: str, case: Case, echo: Any) -> None:
    made = bench(path)
    with pytest.raises(Conflict) as raised:
        attempt(made, case, echo)
    assert differing(raised.value.message) == [case.option]
    assert made.client.changes == []
    assert raised.value.record is not None
    assert raised.value.record.uid == "u-1"


def test_all_differences_are_named_at_once(restores: Bench) -> None:
    restores.there(replace_policy="Retain", cluster_ref={"name": "drill"}, storage_class_mapping={"a": "b"})
    with pytest.raises(Conflict) as raised:
        restores.create(replace_policy="Delete", storage_class_mapping={"a": "c"})
    assert sorted(differing(raised.value.message)) == ["cluster_ref", "replace_policy", "storage_class_mapping"]


def test_difference_is_shown_in_the_users_words(both: Bench) -> None:
    both.there(cluster_ref={"name": "drill", "uid": "c-2"})
    with pytest.raises(Conflict) as raised:
        both.create(cluster_ref=None, cluster="production")
    assert "either" not in raised.value.message


def test_what_was_not_given_is_not_compared(both: Bench) -> None:
    both.there(
        include_resources=[CONFIG_MAP], backup_object_type={"type": "VirtualMachine"}, replace_policy="Delete", namespace_mapping={"a": "b"}, direct_kdmp=True
    )
    assert not both.create().changed


@pytest.mark.parametrize("zero", [ABSENT, None, {}, {"name": "", "uid": ""}])
def test_server_that_echoes_only_the_old_name_fields_is_understood(both: Bench, zero: Any) -> None:
    old = {"backup_ref": zero, "backup": "nightly"} if both.path == "restore" else {"backup_location_ref": zero, "backup_location": "objects"}
    both.there(cluster_ref=zero, cluster="production", **old)
    assert not both.create().changed


# -- Values as they are given


@pytest.mark.parametrize("value", [{"a": True}, {"a": None}, {"a": ["b"]}, {True: "a"}])
def test_map_refuses_what_is_no_text(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="quotes"):
        text_map("tags", value)


@pytest.mark.parametrize("value", [{"": "a"}, {"a": ""}, {"a": "  "}])
def test_mapping_between_names_refuses_an_empty_side(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="empty name"):
        filled_map("namespace_mapping", value)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"key": "a", "value": "b"}, {"a": "b"}),
        ({"key": "", "value": ""}, {}),
        ({"a": "b", "c": "d"}, {"a": "b", "c": "d"}),
        ({}, {}),
        (None, {}),
    ],
)
def test_rancher_mapping_in_both_spellings(value: Any, wanted: dict[str, str]) -> None:
    assert rancher_map("rancher_project_mapping", value) == wanted


@pytest.mark.parametrize("value", [{"key": "a"}, {"value": "a"}, {"key": "a", "value": ""}])
def test_half_a_rancher_pair_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="rancher_project_mapping"):
        rancher_map("rancher_project_mapping", value)


@pytest.mark.parametrize(
    ("value", "wanted"), [("All", "All"), ({"type": "VirtualMachine"}, "VirtualMachine"), ("Invalid", None), ({"type": "Invalid"}, None), ("", None)]
)
def test_object_type_in_both_spellings(value: Any, wanted: str | None) -> None:
    assert object_type(value) == wanted


@pytest.mark.parametrize("value", ["all", 3, {"type": "All", "more": 1}, {}, ["All"]])
def test_other_object_type_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="backup_object_type"):
        object_type(value)


@pytest.mark.parametrize("cluster", ["production", "c-1"])
def test_cluster_that_agrees_with_cluster_ref_is_accepted(both: Bench, cluster: str) -> None:
    assert cluster_option(both.task("CREATE", name="x", cluster=cluster, **{**both.options, "cluster_ref": {"name": "production", "uid": "c-1"}}))


def test_cluster_that_contradicts_cluster_ref_is_refused_before_any_request(both: Bench) -> None:
    with pytest.raises(InvalidRequest, match="two clusters"):
        both.create(cluster="drill")
    assert both.client.calls == []


@pytest.mark.parametrize("ref", [None, {}, {"name": ""}])
def test_create_without_a_cluster_is_refused_before_any_request(both: Bench, ref: Any) -> None:
    with pytest.raises(InvalidRequest, match="cluster_ref"):
        both.create(cluster_ref=ref)
    assert both.client.calls == []


def test_create_needs_a_backup_with_a_name_or_uid(restores: Bench) -> None:
    with pytest.raises(InvalidRequest, match="backup_ref"):
        restores.create(backup_ref={"name": ""})
    assert restores.client.calls == []


def test_create_needs_a_location_with_a_name_or_uid(backups: Bench) -> None:
    with pytest.raises(InvalidRequest, match="backup_location_ref"):
        backups.create(backup_location_ref={"name": ""})
    assert backups.client.calls == []
