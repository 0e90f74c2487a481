# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every parameter of the requirement document, and every option of both modules for PX-Backup, reaches the wire, or has the effect that it names."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ROOT
from tests.harness.modules import Modules
from tests.harness.worlds import STATE, World
from tests.simulator.server import SimulatorThread

from .certificates import Certificates, make_certificates, running_tls_server
from .sent import CREATE, CREATE_BACKUP, CREATE_RESTORE, LIST, Sent

DOCUMENT = ROOT.parent / "shared" / "requirements" / "px_backup_restore.md"
RESOURCE = {"name": "settings", "namespace": "shop", "group": "", "kind": "ConfigMap", "version": "v1"}
DEPLOYMENT = {"name": "web", "namespace": "shop", "group": "apps", "kind": "Deployment", "version": "v1"}

Ask = Callable[..., Sent]


def create(**options: Any) -> dict[str, Any]:
    """A CREATE of a restore with these options."""
    return {**CREATE_RESTORE, **options}


def back_up(**options: Any) -> dict[str, Any]:
    """A CREATE of a backup with these options."""
    return {**CREATE_BACKUP, **options}


def listing(**options: Any) -> dict[str, Any]:
    """An INSPECT_ALL with these options."""
    return {**LIST, **options}


@pytest.fixture
def ask(modules: Modules, world: World) -> Ask:
    """Runs a module in the test's organization: ask("restore", options)."""

    def run(module: str, options: Mapping[str, Any], **how: Any) -> Sent:
        return Sent(modules, world, module, options, **how)

    return run


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, a server's and a client's certificate."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


# The parameters of the requirement document, table by table, and the test of this file that covers each.
DOCUMENTED: dict[str, str] = {
    "api_url": "test_api_url_is_where_requests_go",
    "token": "test_token_is_sent",
    "operation": "test_operation_chooses_the_call",
    "name": "test_restore_option_is_sent",
    "org_id": "test_org_id_is_part_of_path_and_body",
    "uid": "test_uid_chooses_among_equal_names",
    "validate_certs": "test_tls_options",
    "backup_ref.name": "test_restore_option_is_sent",
    "backup_ref.uid": "test_uid_of_a_reference_is_sent",
    "cluster_ref": "test_restore_option_is_sent",
    "cluster_ref.name": "test_restore_option_is_sent",
    "cluster_ref.uid": "test_uid_of_a_reference_is_sent",
    "namespace_mapping": "test_restore_option_is_sent",
    "storage_class_mapping": "test_restore_option_is_sent",
    "include_resources": "test_restore_option_is_sent",
    "backup_object_type": "test_restore_option_is_sent",
    "replace_policy": "test_restore_option_is_sent",
    "include_resources.name": "test_part_of_a_resource_is_sent",
    "include_resources.namespace": "test_part_of_a_resource_is_sent",
    "include_resources.group": "test_part_of_a_resource_is_sent",
    "include_resources.kind": "test_part_of_a_resource_is_sent",
    "include_resources.version": "test_part_of_a_resource_is_sent",
    "rancher_project_mapping": "test_rancher_mapping_in_both_spellings",
    "rancher_project_mapping.key": "test_rancher_mapping_in_both_spellings",
    "rancher_project_mapping.value": "test_rancher_mapping_in_both_spellings",
    "rancher_project_name_mapping": "test_rancher_mapping_in_both_spellings",
    "rancher_project_name_mapping.key": "test_rancher_mapping_in_both_spellings",
    "rancher_project_name_mapping.value": "test_rancher_mapping_in_both_spellings",
    "max_objects": "test_max_objects_caps_the_list",
    "cluster_uid_filter": "test_list_option_is_sent",
    "owners": "test_list_option_is_sent",
    "status": "test_list_option_is_sent",
    "name_filter": "test_list_option_is_sent",
    "cluster_name_filter": "test_list_option_is_sent",
    "include_detailed_resources": "test_list_option_is_sent",
}

# Options of the restore's create request: the value given, where it lies in the body, what must lie there.
RESTORE_BODY: list[tuple[str, dict[str, Any], str, Any]] = [
    ("name", create(name="by-another-name"), "metadata.name", "by-another-name"),
    ("backup_ref.name", create(), "backup_ref.name", "nightly"),
    ("backup_ref.name", create(), "backup", "nightly"),
    ("cluster_ref", create(), "cluster_ref.name", "drill"),
    ("cluster_ref.name", create(cluster_ref={"name": "production"}), "cluster_ref.name", "production"),
    ("cluster", create(cluster_ref=None, cluster="production"), "cluster", "production"),
    ("cluster", create(cluster_ref=None, cluster="production"), "cluster_ref.name", "production"),
    ("namespace_mapping", create(namespace_mapping={"shop": "elsewhere"}), "namespace_mapping", {"shop": "elsewhere"}),
    ("storage_class_mapping", create(storage_class_mapping={"fast": "standard"}), "storage_class_mapping", {"fast": "standard"}),
    ("include_resources", create(include_resources=[RESOURCE, DEPLOYMENT]), "include_resources", [RESOURCE, DEPLOYMENT]),
    ("backup_object_type", create(backup_object_type="All"), "backup_object_type", {"type": "All"}),
    ("backup_object_type", create(backup_object_type={"type": "VirtualMachine"}), "backup_object_type", {"type": "VirtualMachine"}),
    ("backup_object_type", create(backup_object_type="Invalid"), "backup_object_type", None),
    ("replace_policy", create(replace_policy="Retain"), "replace_policy", "Retain"),
    ("replace_policy", create(replace_policy="Delete"), "replace_policy", "Delete"),
    ("replace_policy", create(replace_policy="Invalid"), "replace_policy", None),
    ("tags", create(tags={"env": "prod", "level": 3}), "metadata.labels", {"env": "prod", "level": "3"}),
    ("tags", create(labels={"env": "prod"}), "metadata.labels", {"env": "prod"}),
    ("uid", create(uid="11111111-2222-4333-8444-555555555555"), "metadata.uid", "11111111-2222-4333-8444-555555555555"),
    (
        "ownership",
        create(ownership={"owner": "me", "groups": [{"id": "ops", "access": "Write"}], "public": {"type": "Read"}}),
        "metadata.ownership",
        {"owner": "me", "groups": [{"id": "ops", "access": "Write"}], "public": {"type": "Read"}},
    ),
]
# Options of both modules' lists: the value given, the name on the wire, the values that must be sent under it.
LISTS: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("name_filter", listing(name_filter="night"), "name_filter", ["night"]),
    ("cluster_name_filter", listing(cluster_name_filter="prod"), "cluster_name_filter", ["prod"]),
    ("cluster_uid_filter", listing(cluster_uid_filter="c-1"), "cluster_uid_filter", ["c-1"]),
    ("owners", listing(owners=["one", "two"]), "owners", ["one", "two"]),
    ("owners", listing(owners="one,two"), "owners", ["one", "two"]),
    ("status", listing(status=["Failed", "Pending"]), "status", ["Failed", "Pending"]),
    ("status", listing(status="Failed,Pending"), "status", ["Failed", "Pending"]),
    ("status", listing(status=["partial"]), "status", ["PartialSuccess"]),
    ("include_detailed_resources", listing(), "include_detailed_resources", ["false"]),
    ("include_detailed_resources", listing(include_detailed_resources=True), "include_detailed_resources", ["true"]),
    ("backup_object_type", listing(backup_object_type="VirtualMachine"), "backup_object_type", ["VirtualMachine"]),
    ("backup_object_type", listing(backup_object_type={"type": "All"}), "backup_object_type", ["All"]),
    ("backup_object_type", listing(backup_object_type="Invalid"), "backup_object_type", []),
]
SHARED = {"id": "ops", "access": "View"}
NEWER = ("advanced_resource_label_selector", "keep_cr_status", "volume_resource_only_policy_ref")
BACKUP_BODY: list[tuple[str, dict[str, Any], str, Any]] = [
    ("name", back_up(name="by-another-name"), "metadata.name", "by-another-name"),
    ("backup_location_ref", back_up(), "backup_location_ref.name", "objects"),
    ("cluster_ref", back_up(), "cluster_ref.name", "production"),
    ("cluster", back_up(cluster_ref=None, cluster="production"), "cluster", "production"),
    ("pre_exec_rule_ref", back_up(pre_exec_rule_ref={"name": "freeze"}), "pre_exec_rule_ref.name", "freeze"),
    ("post_exec_rule_ref", back_up(post_exec_rule_ref={"name": "thaw"}), "post_exec_rule_ref.name", "thaw"),
    (
        "volume_resource_only_policy_ref",
        back_up(volume_resource_only_policy_ref={"name": "small", "uid": "v-1"}),
        "volume_resource_only_policy_ref",
        {"name": "small", "uid": "v-1"},
    ),
    ("namespaces", back_up(namespaces=["shop", "blog"]), "namespaces", ["shop", "blog"]),
    ("namespaces", back_up(namespaces=["*"]), "namespaces", ["*"]),
    ("resource_types", back_up(resource_types=["ConfigMap"]), "resource_types", ["ConfigMap"]),
    ("exclude_resource_types", back_up(exclude_resource_types=["Secret"]), "exclude_resource_types", ["Secret"]),
    ("label_selectors", back_up(label_selectors={"tier": "front"}), "label_selectors", {"tier": "front"}),
    ("ns_label_selectors", back_up(ns_label_selectors="team=sales"), "ns_label_selectors", "team=sales"),
    ("advanced_resource_label_selector", back_up(advanced_resource_label_selector="a in (b)"), "advanced_resource_label_selector", "a in (b)"),
    ("volume_snapshot_class_mapping", back_up(volume_snapshot_class_mapping={"csi": "fast"}), "volume_snapshot_class_mapping", {"csi": "fast"}),
    ("include_resources", back_up(include_resources=[RESOURCE]), "include_resources", [RESOURCE]),
    ("include_resources", back_up(include_resources=[{"kind": "ConfigMap", "name": "x"}]), "include_resources", [{"kind": "ConfigMap", "name": "x"}]),
    ("backup_type", back_up(), "backup_type", "Normal"),
    ("backup_type", back_up(backup_type="Generic"), "backup_type", "Generic"),
    ("backup_object_type", back_up(backup_object_type={"type": "VirtualMachine"}), "backup_object_type", {"type": "VirtualMachine"}),
    ("skip_vm_auto_exec_rules", back_up(skip_vm_auto_exec_rules=True), "skip_vm_auto_exec_rules", True),
    ("direct_kdmp", back_up(direct_kdmp=True), "direct_kdmp", True),
    ("direct_kdmp", back_up(direct_kdmp=False), "direct_kdmp", False),
    ("keep_cr_status", back_up(keep_cr_status=True), "keep_cr_status", True),
    ("tags", back_up(labels={"env": "prod"}), "metadata.labels", {"env": "prod"}),
    ("uid", back_up(uid="11111111-2222-4333-8444-555555555555"), "metadata.uid", "11111111-2222-4333-8444-555555555555"),
    ("ownership", back_up(ownership={"owner": "me", "collaborators": [{"id": "you", "access": "Read"}]}), "metadata.ownership.collaborators",
     [{"id": "you", "access": "Read"}]),
]  # fmt: skip
# Options that no operation of the backup module uses: accepted, with a warning.
UNUSED = {"cloud_credential_ref": {"name": "s3"}, "parallel_backup": True, "backup_share": {"groups": [SHARED]}}
# Options of both modules that the tests below cover, and the restore's own in RESTORE_BODY and so on.
BEHAVIOUR = {
    "provider": "test_only_known_providers_and_operations",
    "api_url": "test_api_url_is_where_requests_go",
    "token": "test_token_is_sent",
    "auth_url": "test_login_is_sent",
    "username": "test_login_is_sent",
    "password": "test_login_is_sent",
    "operation": "test_operation_chooses_the_call",
    "org_id": "test_org_id_is_part_of_path_and_body",
    "validate_certs": "test_tls_options",
    "ca_path": "test_tls_options",
    "client_cert": "test_tls_options",
    "client_key": "test_tls_options",
    "ssl_config": "test_tls_options",
    "max_objects": "test_max_objects_caps_the_list",
    "wait": "test_without_wait_nothing_is_waited_for",
    "wait_timeout": "test_wait_timeout_is_the_deadline",
    "wait_interval": "test_wait_interval_is_the_longest_pause",
    "request_timeout": "test_request_timeout_ends_one_request",
    "retries": "test_retries_are_counted",
    "accept_partial": "test_partial_success_is_accepted_or_not",
    "replace_failed": "test_failed_one_is_replaced_or_not",
    "rancher_project_mapping": "test_rancher_mapping_in_both_spellings",
    "rancher_project_name_mapping": "test_rancher_mapping_in_both_spellings",
    "schedule_policy_ref": "test_backups_are_chosen_by_schedule_and_policy",
    "backup_schedule_ref": "test_backups_are_chosen_by_schedule_and_policy",
    "sort_option": "test_backups_are_sorted",
    **{name: "test_unused_option_gives_a_warning" for name in UNUSED},
    # PX-Backup's plans put nothing back, so there is nothing to see of it here; unit tests cover it.
    "undo_timeout": "",
}


def documented_parameters(text: str) -> list[str]:
    """The first cell of every row of the document's parameter tables."""
    rows = [line.split("|")[1].strip() for line in text.split("## Parameters")[1].split("## Error Handling")[0].splitlines() if line.startswith("|")]
    return [row for row in rows if row != "Parameter" and not set(row) <= set("- ")]


def test_every_documented_parameter_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    for test in DOCUMENTED.values():
        assert test in globals()
    sent = {name for name, *_rest in (*RESTORE_BODY, *LISTS)}
    for parameter, test in DOCUMENTED.items():
        if test in ("test_restore_option_is_sent", "test_list_option_is_sent"):
            assert parameter in sent
    with capsys.disabled():
        print(f"\n{len(DOCUMENTED)} parameters of the requirement document are covered")


def test_list_of_parameters_is_that_of_the_document() -> None:
    if not DOCUMENT.is_file():
        pytest.skip(f"the requirement document is not there ({DOCUMENT.name})")
    found = documented_parameters(DOCUMENT.read_text("utf-8"))
    assert len(found) == len(set(found)) > 30
    assert sorted(found) == sorted(DOCUMENTED)


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_every_option_of_the_module_is_covered(module: str) -> None:
    backends = importlib.import_module(f"ansible_collections.multicloud.recovery.plugins.modules.{module}").BACKENDS
    arguments = importlib.import_module("ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments")
    # The others' options are covered by tests of their own; another provider needs some too.
    assert set(backends) == {"px_backup", "gce", "alibaba_ecs"}
    spec = arguments.argument_spec({"px_backup": backends["px_backup"].OPTIONS}, "px_backup")
    bodies = BACKUP_BODY if module == "backup" else RESTORE_BODY
    covered = {name.partition(".")[0] for name, *_rest in (*bodies, *LISTS)} | set(BEHAVIOUR)
    assert set(spec) <= covered
    assert all(test in globals() for test in BEHAVIOUR.values() if test)


@pytest.mark.parametrize(("option", "options", "path", "value"), RESTORE_BODY, ids=[f"{case[0]}-{number}" for number, case in enumerate(RESTORE_BODY)])
def test_restore_option_is_sent(ask: Ask, option: str, options: dict[str, Any], path: str, value: Any) -> None:
    sent = ask("restore", {**options, "wait": False})
    assert not sent.result.failed, f"{option}: {sent.result.message}"
    assert sent.body(path) == value
    assert sent.violations == []
    assert "null" not in str(sent.body("metadata"))
    if option == "uid":
        # The simulator gives uids of its own, so what was made does not have the one asked for.
        return
    # It is also seen as equal afterwards, so that the second run changes nothing.
    again = ask("restore", {**options, "wait": False})
    assert not again.result.failed, f"{option}: {again.result.message}"
    assert not again.result["changed"]


@pytest.mark.parametrize(("option", "options", "path", "value"), BACKUP_BODY, ids=[f"{case[0]}-{number}" for number, case in enumerate(BACKUP_BODY)])
def test_backup_option_is_sent(ask: Ask, world: World, option: str, options: dict[str, Any], path: str, value: Any) -> None:
    with server_of(world.simulator, "2.11.0" if option in NEWER else "2.8.1"):
        sent = ask("backup", {**options, "wait": False})
    assert not sent.result.failed, f"{option}: {sent.result.message}"
    assert sent.body(path) == value
    assert sent.violations == []


@pytest.mark.parametrize("module", ["backup", "restore"])
@pytest.mark.parametrize(("option", "options", "name", "values"), LISTS, ids=[f"{case[0]}-{number}" for number, case in enumerate(LISTS)])
def test_list_option_is_sent(ask: Ask, module: str, option: str, options: dict[str, Any], name: str, values: list[str]) -> None:
    sent = ask(module, options)
    assert not sent.result.failed, f"{option}: {sent.result.message}"
    assert sent.option(name) == values
    assert sent.violations == []


def test_api_url_is_where_requests_go(ask: Ask, world: World) -> None:
    assert ask("restore", {**LIST, "api_url": f"{world.simulator.url}/"}).calls() == [f"GET /v1/restore/{world.org}"]
    bare = ask("restore", {**LIST, "api_url": world.simulator.url.partition("://")[2]})
    assert bare.calls() == [f"GET /v1/restore/{world.org}"]
    assert "names no scheme" in bare.result.warnings
    assert ask("restore", {**LIST, "api_url": "ftp://somewhere"}).is_refused("api_url")
    assert ask("restore", {**LIST, "api_url": "https://user:word@somewhere"}).is_refused("api_url")
    assert ask("restore", {**LIST, "api_url": None}).is_refused("api_url")
    below = ask("restore", {**LIST, "api_url": f"{world.simulator.url}/px", "retries": 0})
    assert below.result.failed
    assert "api_url" in below.result.message


def test_token_is_sent(ask: Ask, world: World) -> None:
    assert ask("restore", LIST).shows_token(world.simulator.token)
    wrong = ask("restore", {**LIST, "token": "another"})
    assert wrong.shows_token("another")
    assert wrong.result.kind == "AuthenticationFailed"
    assert ask("restore", {**LIST, "token": "of two words"}).is_refused("token")
    assert ask("restore", {**LIST, "token": None}).is_refused("token")


def test_connection_comes_from_the_environment(modules: Modules, world: World) -> None:
    result = modules.run("backup", LIST, environ=world.environment)
    assert [backup["name"] for backup in result["backups"]] == ["nightly"]


def test_login_is_sent(ask: Ask, world: World) -> None:
    login = {"token": None, "auth_url": world.simulator.url, "username": f"admin@{world.org}", "password": world.simulator.environment["PX_BACKUP_PASSWORD"]}
    sent = ask("restore", {**LIST, **login})
    assert not sent.result.failed, sent.result.message
    first = sent.requests[0]
    assert (first["method"], first["path"]) == ("POST", "/auth/realms/master/protocol/openid-connect/token")
    assert first["body"] == {"grant_type": "password", "client_id": "pxcentral", "username": login["username"], "password": "***", "token-duration": "7d"}
    wrong = ask("restore", {**LIST, **login, "password": "another"})
    assert wrong.result.kind == "AuthenticationFailed"
    for missing in ("auth_url", "username", "password"):
        assert ask("restore", {**LIST, **login, missing: None}).is_refused(missing)


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_operation_chooses_the_call(ask: Ask, world: World, module: str) -> None:
    name = CREATE[module]["name"]
    path = f"/v1/{module}/{world.org}"
    assert f"POST /v1/{module}" in ask(module, CREATE[module]).calls()
    assert ask(module, {"operation": "INSPECT_ONE", "name": name}).calls()[-1] == f"GET {path}/{name}"
    assert set(ask(module, LIST).calls()) == {f"GET {path}"}
    assert f"DELETE {path}/{name}" in ask(module, {"operation": "DELETE", "name": name}).calls()


def test_only_known_providers_and_operations(ask: Ask) -> None:
    assert ask("restore", {**LIST, "provider": "another"}).is_refused("px_backup")
    assert ask("restore", {"operation": "UPDATE"}).is_refused("INSPECT_ALL")


def test_org_id_is_part_of_path_and_body(ask: Ask, world: World) -> None:
    sent = ask("restore", create())
    assert sent.body("metadata.org_id") == world.org
    assert sent.calls()[0] == f"GET /v1/restore/{world.org}"
    assert ask("restore", {**LIST, "org_id": "a/b"}).is_refused("org_id")
    assert ask("restore", {**LIST, "org_id": None}).is_refused("org_id")


def test_names_that_a_path_cannot_hold_are_refused_and_others_are_encoded(ask: Ask, world: World) -> None:
    assert ask("restore", create(name="a/b")).is_refused("name")
    assert ask("restore", create(name="")).is_refused("name")
    odd = "q?#% ü"
    assert not ask("restore", create(name=odd)).result.failed
    assert len(world.named("restores", odd)) == 1
    assert not ask("restore", {"operation": "DELETE", "name": odd}).result.failed
    assert world.named("restores", odd) == []


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_uid_chooses_among_equal_names(ask: Ask, world: World, module: str) -> None:
    twin = {"name": "twin", "cluster": "production", "backup_location": "objects", "namespaces": ["shop"]}
    if module == "restore":
        twin = {"name": "twin", "cluster": "drill", "backup": "nightly"}
    world.control.merge_state(**{f"{module}s": [twin]})
    world.control.merge_state(**{f"{module}s": [{**twin, "duplicate": True}]})
    first, second = (item["uid"] for item in world.named(f"{module}s", "twin"))
    ambiguous = ask(module, {"operation": "INSPECT_ONE", "name": "twin"}).result
    assert ambiguous.kind == "AmbiguousName"
    assert first in ambiguous.message
    assert second in ambiguous.message
    for uid in (first, second):
        sent = ask(module, {"operation": "INSPECT_ONE", "name": "twin", "uid": uid})
        assert sent.query("uid") == [uid]
        assert sent.result[module]["uid"] == uid
        assert ask(module, {"operation": "INSPECT_ONE", "uid": uid}).result[module]["uid"] == uid
    assert ask(module, {"operation": "DELETE", "name": "twin"}).result.kind == "AmbiguousName"
    assert ask(module, {"operation": "DELETE", "name": "nobody", "uid": second}).result.failed
    assert len(world.named(f"{module}s", "twin")) == 2
    gone = ask(module, {"operation": "DELETE", "name": "twin", "uid": second})
    assert gone.query("uid", "DELETE") == [second]
    assert [item["uid"] for item in world.named(f"{module}s", "twin")] == [first]
    # An empty one is what a template makes of "none known".
    assert ask(module, {"operation": "INSPECT_ONE", "name": "twin", "uid": ""}).result[module]["uid"] == first


@pytest.mark.parametrize("option", ["backup_ref", "cluster_ref"])
def test_uid_of_a_reference_is_sent(ask: Ask, world: World, option: str) -> None:
    plural, name = ("backups", "nightly") if option == "backup_ref" else ("clusters", "drill")
    uid = world.uid(plural, name)
    sent = ask("restore", create(**{option: {"name": name, "uid": uid}}))
    assert sent.body(option) == {"name": name, "uid": uid}
    alone = ask("restore", create(name="second", **{option: {"uid": uid}}))
    assert alone.body(option) == {"name": name, "uid": uid}
    wrong = ask("restore", create(name="third", **{option: {"name": name, "uid": "another"}}))
    assert wrong.result.failed
    assert option in wrong.result.message
    assert uid in wrong.result.message
    assert world.named("restores", "third") == []


@pytest.mark.parametrize("part", ["name", "namespace", "group", "kind", "version"])
def test_part_of_a_resource_is_sent(ask: Ask, part: str) -> None:
    resource = {**DEPLOYMENT, part: f"other-{part}"}
    sent = ask("restore", create(include_resources=[resource], wait=False))
    assert sent.body("include_resources") == [resource]
    missing = {name: value for name, value in DEPLOYMENT.items() if name != part}
    assert ask("restore", create(include_resources=[missing])).is_refused(part)


def test_empty_group_is_the_core_group(ask: Ask, world: World) -> None:
    sent = ask("restore", create(include_resources=[RESOURCE]))
    assert sent.body("include_resources") == [RESOURCE]
    assert [item["name"] for item in sent.result["restore"]["restore_info"]["resources"]] == ["settings"]
    (restored,) = (world.namespace("drill", "shop") or {})["resources"]
    assert restored["name"] == "settings"
    assert not ask("restore", create(include_resources=[{**RESOURCE, "group": "core"}])).result["changed"]


@pytest.mark.parametrize("option", ["rancher_project_mapping", "rancher_project_name_mapping"])
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"key": "c-1:p-1", "value": "c-2:p-2"}, {"c-1:p-1": "c-2:p-2"}),
        ({"c-1:p-1": "c-2:p-2", "c-1:p-3": "c-2:p-4"}, {"c-1:p-1": "c-2:p-2", "c-1:p-3": "c-2:p-4"}),
        ({"key": "", "value": ""}, None),
    ],
    ids=["key and value", "free-form", "empty pair"],
)
def test_rancher_mapping_in_both_spellings(ask: Ask, option: str, given: dict[str, str], wanted: dict[str, str] | None) -> None:
    assert ask("restore", create(**{option: given})).body(option) == wanted
    again = ask("restore", create(**{option: given}))
    assert not again.result.failed, again.result.message
    assert not again.result["changed"]
    assert ask("restore", create(**{option: {"key": "alone"}})).is_refused(option)


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_max_objects_caps_the_list(ask: Ask, world: World, module: str) -> None:
    world.control.settings(page_size=3)
    world.control.merge_state(**{f"{module}s": [{"name": "many", "count": 8, "cluster": "drill"}]})
    sent = ask(module, listing(max_objects=5, name_filter="many"))
    assert len(sent.result[f"{module}s"]) == 5
    assert sent.option("max_objects") == ["5"]
    assert len(ask(module, listing(name_filter="many")).result[f"{module}s"]) == 8
    assert len(ask(module, listing(name_filter="many", max_objects=0)).result[f"{module}s"]) == 8
    assert ask(module, listing(max_objects=-1)).is_refused("max_objects")


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_unknown_words_are_refused(ask: Ask, module: str) -> None:
    assert ask(module, listing(status=["Succes"])).is_refused("Succes")
    assert ask(module, listing(backup_object_type="Pod")).is_refused("backup_object_type")
    assert ask(module, listing(backup_object_type={"kind": "All"})).is_refused("backup_object_type")
    assert ask("restore", create(replace_policy="Keep")).is_refused("replace_policy")


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_tags_choose_here(ask: Ask, world: World, module: str) -> None:
    entries = [{"name": name, "cluster": "drill", "labels": {"env": env}} for name, env in (("a", "prod"), ("b", "test"))]
    world.control.merge_state(**{f"{module}s": entries})
    sent = ask(module, listing(tags={"env": "prod"}))
    assert [item["name"] for item in sent.result[f"{module}s"]] == ["a"]
    guarded = ask(module, {"operation": "DELETE", "name": "b", "labels": {"env": "prod"}})
    assert guarded.result.kind == "Conflict"
    assert len(world.named(f"{module}s", "b")) == 1
    assert world.changes() == []


def test_cluster_of_a_deletion_is_sent(ask: Ask, world: World) -> None:
    uid = world.uid("clusters", "production")
    sent = ask("backup", {"operation": "DELETE", "name": "nightly", "cluster_ref": {"name": "production", "uid": uid}})
    assert sent.query("cluster_ref.name", "DELETE") == ["production"]
    assert sent.query("cluster_ref.uid", "DELETE") == [uid]


@pytest.mark.parametrize("option", ["backup_location_ref", "cluster_ref", "pre_exec_rule_ref", "post_exec_rule_ref"])
def test_uid_of_a_backups_reference_is_looked_up(ask: Ask, world: World, option: str) -> None:
    plural, name = {"backup_location_ref": ("backup_locations", "objects"), "cluster_ref": ("clusters", "production")}.get(option, ("rules", "freeze"))
    uid = world.uid(plural, name)
    assert ask("backup", back_up(**{option: {"name": name}})).body(option) == {"name": name, "uid": uid}
    assert ask("backup", back_up(name="second", **{option: {"uid": uid}})).body(option) == {"name": name, "uid": uid}
    assert ask("backup", back_up(name="third", **{option: {"name": "nobody"}})).result.kind == "NotFound"


@pytest.mark.parametrize("option", UNUSED)
def test_unused_option_gives_a_warning(ask: Ask, option: str) -> None:
    sent = ask("backup", back_up(**{option: UNUSED[option]}))
    assert sent.result["changed"]
    assert option in sent.result.warnings
    assert sent.body(option) is None


def _scheduled(make_world: Callable[..., World]) -> World:
    schedules = [
        {"name": "hourly", "schedule_policy_ref": {"name": "often", "uid": "p-1"}},
        {"name": "daily", "schedule_policy_ref": {"name": "seldom", "uid": "p-2"}},
    ]
    world = make_world({**STATE, "backups": [], "backup_schedules": schedules})
    common = {"cluster": "production", "backup_location": "objects", "namespaces": ["shop"]}
    backups = [
        {**common, "name": name, "age_s": age_s, "backup_schedule": {"name": schedule, "uid": world.uid("backup_schedules", schedule)}}
        for name, schedule, age_s in (("b", "hourly", 10), ("a", "daily", 30), ("c", "hourly", 20))
    ]
    world.control.merge_state(backups=[*backups, {**common, "name": "d", "age_s": 40, "cluster": "drill", "contents": {}}])
    return world


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"backup_schedule_ref": [{"name": "hourly"}]}, ["b", "c"]),
        ({"backup_schedule_ref": [{"name": "hourly"}, {"name": "daily"}]}, ["a", "b", "c"]),
        ({"backup_schedule_ref": [{"name": "hourly", "uid": "another"}]}, []),
        ({"schedule_policy_ref": [{"name": "seldom"}]}, ["a"]),
        ({"schedule_policy_ref": [{"name": "seldom", "uid": "p-2"}]}, ["a"]),
        ({"schedule_policy_ref": [{"name": "seldom"}], "backup_schedule_ref": [{"name": "hourly"}]}, []),
        ({}, ["a", "b", "c", "d"]),
    ],
)
def test_backups_are_chosen_by_schedule_and_policy(modules: Modules, make_world: Callable[..., World], options: dict[str, Any], names: list[str]) -> None:
    sent = Sent(modules, _scheduled(make_world), "backup", listing(**options))
    assert sorted(item["name"] for item in sent.result["backups"]) == names
    # These two would choose in vain on a deletion, which must then not happen.
    if options:
        refused = Sent(modules, _scheduled(make_world), "backup", {"operation": "DELETE", "name": "a", **options})
        assert refused.is_refused(sorted(options)[0])


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ({"sort_by": "Name", "sort_order": "Ascending"}, "abcd"),
        ({"sort_by": "Name"}, "dcba"),
        ({"sort_by": "CreationTimestamp"}, "bcad"),
        ({"sort_by": "CreationTimestamp", "sort_order": "Ascending"}, "dacb"),
        ({"sort_by": "RestoreBackupName", "sort_order": "Ascending"}, "abcd"),
    ],
)
def test_backups_are_sorted(modules: Modules, make_world: Callable[..., World], sort: dict[str, str], names: str) -> None:
    world = _scheduled(make_world)
    assert "".join(item["name"] for item in Sent(modules, world, "backup", listing(sort_option=sort)).result["backups"]) == names
    # The cap comes after the order: the first two of all, not the order of the first two.
    capped = Sent(modules, world, "backup", listing(sort_option=sort, max_objects=2))
    assert "".join(item["name"] for item in capped.result["backups"]) == names[:2]


@pytest.mark.parametrize("sort_by", ["ClusterName", "Size"])
def test_backups_are_sorted_by_cluster_and_size(modules: Modules, make_world: Callable[..., World], sort_by: str) -> None:
    world = _scheduled(make_world)
    backups = Sent(modules, world, "backup", listing(sort_option={"sort_by": sort_by, "sort_order": "Ascending"})).result["backups"]
    keys = [item["cluster_ref"]["name"] if sort_by == "ClusterName" else item["total_size"] for item in backups]
    assert keys == sorted(keys)
    assert len(set(keys)) == 2


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_without_wait_nothing_is_waited_for(ask: Ask, world: World, module: str) -> None:
    world.control.settings(**{f"{module}_duration_s": 3600, "delete_duration_s": 3600})
    made = ask(module, {**CREATE[module], "wait": False})
    assert made.result["changed"]
    assert made.result[module]["status"] in ("pending", "running")
    assert "was not waited for" in made.result.message
    gone = ask(module, {"operation": "DELETE", "name": CREATE[module]["name"], "wait": False})
    assert gone.result["changed"]
    assert world.one(f"{module}s", CREATE[module]["name"])["status"] == "Deleting"


def test_wait_timeout_is_the_deadline(ask: Ask, world: World) -> None:
    world.control.settings(restore_duration_s=3600)
    late = ask("restore", create(wait_timeout=1)).result
    assert late.kind == "WaitTimeout"
    assert 1 <= late.seconds < 8
    assert world.uid("restores", "back") in late.message
    assert world.one("restores", "back")["status"] in ("Pending", "InProgress")
    assert ask("restore", create(wait_timeout=0)).is_refused("wait_timeout")


def test_wait_interval_is_the_longest_pause(ask: Ask, world: World) -> None:
    world.control.settings(restore_duration_s=4)
    sent = ask("restore", create(wait_interval=1))
    looks = [entry["time"] for entry in sent.requests if entry["route"] == "/v1/restore/{org_id}/{name}"]
    pauses = [later - earlier for earlier, later in zip(looks, looks[1:])][:-1]
    assert len(pauses) >= 3
    # Without the cap the third pause would be 2.25 s.
    assert all(0.9 <= pause < 2.2 for pause in pauses)


def test_request_timeout_ends_one_request(ask: Ask, world: World) -> None:
    world.control.add_fault("slow", seconds=30)
    sent = ask("restore", {**LIST, "request_timeout": 1, "retries": 0})
    assert sent.result.kind == "ProviderFailure"
    assert "within 1 s" in sent.result.message
    assert 1 <= sent.result.seconds < 8


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_are_counted(ask: Ask, world: World, retries: int) -> None:
    world.control.add_fault("status", status=503, times=0)
    sent = ask("restore", {**LIST, "retries": retries})
    assert sent.result.failed
    assert len(sent.requests) == retries + 1


@pytest.mark.parametrize("accept", [True, False])
def test_partial_success_is_accepted_or_not(ask: Ask, world: World, accept: bool) -> None:
    world.control.settings(outcomes=[{"kind": "restore", "status": "PartialSuccess", "reason": "one was lost"}])
    result = ask("restore", create(accept_partial=accept)).result
    assert result.failed is not accept
    assert result["restore"]["status"] == "partial"
    assert "one was lost" in (result.warnings if accept else result.message)


@pytest.mark.parametrize("replace", [True, False])
def test_failed_one_is_replaced_or_not(ask: Ask, world: World, replace: bool) -> None:
    world.control.merge_state(restores=[{"name": "back", "backup": "nightly", "cluster": "drill", "status": "Failed", "reason": "no space"}])
    old = world.uid("restores", "back")
    result = ask("restore", create(replace_failed=replace)).result
    assert result.failed is not replace
    assert (world.uid("restores", "back") == old) is not replace
    assert (world.changes() == []) is not replace
    assert replace or "no space" in result.message


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "ssl_config"])
def test_tls_options(modules: Modules, certificates: Certificates, nested: bool) -> None:
    def run(url: str, **tls: Any) -> Any:
        spelled = {"ca_cert" if name == "ca_path" and nested else name: str(value) if isinstance(value, Path) else value for name, value in tls.items()}
        options = {"ssl_config": spelled} if nested else spelled
        return modules.run("restore", {**LIST, "api_url": url, "token": "some-token", "org_id": "default", "retries": 0, **options})

    with running_tls_server(certificates) as server:
        for refused in (run(server.url), run(server.url, validate_certs=True)):
            assert refused.failed
            assert re.search(r"TLS connection .* failed", refused.message)
        assert server.clients == []
        assert run(server.url, validate_certs=False)["restores"] == []
        assert run(server.url, ca_path=certificates.authority)["restores"] == []
        assert server.clients == ["", ""]
        client = {"client_cert": certificates.client, "client_key": certificates.client_key}
        assert run(server.url, ca_path=certificates.authority, **client)["restores"] == []
        assert server.clients[-1] == "client"
        absent = run(server.url, ca_path="/nowhere/ca.pem")
        assert absent.failed
        assert "/nowhere/ca.pem" in absent.message
        assert len(server.clients) == 3


def test_what_the_task_says_of_one_way_to_log_in_takes_nothing_of_the_other_from_the_environment(modules: Modules, world: World) -> None:
    """A restore must not run as another user than the one that was given."""
    good = world.environment
    wrong = {"operation": "INSPECT_ALL", "username": "nobody", "password": "wrong", "auth_url": world.options["api_url"]}
    assert modules.run("restore", wrong, environ=good).kind == "AuthenticationFailed"


def test_two_spellings_of_tls_must_agree(ask: Ask) -> None:
    assert ask("restore", {**LIST, "ca_path": __file__, "ssl_config": {"ca_cert": str(ROOT / "galaxy.yml")}}).is_refused("ca_path")


def test_options_that_would_choose_in_vain_stop_a_deletion(ask: Ask, world: World) -> None:
    for option, value in (("name_filter", "x"), ("status", ["Failed"]), ("max_objects", 1), ("owners", ["me"]), ("cluster_name_filter", "x")):
        assert ask("backup", {"operation": "DELETE", "name": "nightly", option: value}).is_refused(option)
    assert len(world.named("backups", "nightly")) == 1


@contextmanager
def server_of(simulator: SimulatorThread, version: str) -> Iterator[None]:
    """The version is asked for outside of any organization, so it is one for all of them."""
    simulator.control.settings(server_version=version)
    try:
        yield
    finally:
        simulator.control.settings(server_version="2.8.1")
