# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup, disaster, restore: what comes back is what was there, where it was asked for."""

from __future__ import annotations

import base64
from datetime import datetime

import pytest


def content(namespace: dict) -> dict:
    """Resources and volume bytes, comparable; the claims' storage class is looked at elsewhere."""
    return {
        "resources": sorted((item["group"], item["kind"], item["name"], str(item["data"])) for item in namespace["resources"]),
        "volumes": {item["pvc"]: (item["bytes_base64"], item["size"]) for item in namespace["volumes"]},
    }


def volume(namespace: dict, pvc: str) -> dict:
    return next(item for item in namespace["volumes"] if item["pvc"] == pvc)


def statuses(info: dict) -> dict:
    return {(item["kind"], item["name"]): item["status"]["status"] for item in info["resources"]}


def test_what_a_disaster_took_comes_back(demo):
    before = content(demo.inside("prod")["shop"])
    assert demo.back_up("b", namespaces=["shop"]).status_code == 200
    demo.control.disaster("prod", "shop")
    assert "shop" not in demo.inside("prod")
    assert demo.restore("r", "b").status_code == 200
    assert content(demo.inside("prod")["shop"]) == before
    info = demo.info("restore", "r")
    assert info["status"] == {"status": "Success", "reason": ""}
    assert (info["resource_count"], info["restored_resource_count"], info["total_size"]) == ("4", "4", str(len("order 1: 3 apples\norder 2: 1 pear\n")))


def test_bytes_that_are_no_text_survive(api):
    data = base64.b64encode(bytes(range(256))).decode()
    api.control.merge_state(
        clusters=[{"name": "prod", "namespaces": {"n": {"volumes": [{"pvc": "v", "bytes_base64": data, "size": 4096}]}}}],
        backup_locations=[{"name": "store"}],
    )
    api.back_up("b")
    api.control.disaster("prod", "n")
    api.restore("r", "b")
    assert volume(api.inside("prod")["n"], "v")["bytes_base64"] == data


def test_the_copy_is_of_the_moment_the_backup_ends(demo):
    demo.control.settings(backup_duration_s=100)
    demo.back_up("b", namespaces=["blog"])
    demo.control.advance(50)
    demo.control.merge_state(clusters=[{"name": "prod", "namespaces": {"blog": {"volumes": [{"pvc": "posts", "text": "while it ran"}]}}}])
    demo.control.advance(51)
    demo.get("/v1/backup/{org}")
    demo.control.merge_state(clusters=[{"name": "prod", "namespaces": {"blog": {"volumes": [{"pvc": "posts", "text": "later"}]}}}])
    demo.restore("r", "b", replace_policy="Delete")
    assert volume(demo.inside("prod")["blog"], "posts")["text"] == "while it ran"


def test_statuses_follow_the_clock(demo):
    demo.control.settings(backup_duration_s=100, restore_duration_s=[50, 60], delete_duration_s=10)
    uid = demo.back_up("b").json()["backup"]["metadata"]["uid"]
    seen = []
    for step_s in (0, 25, 60, 20):
        demo.control.advance(step_s)
        seen.append(demo.get("/v1/backup/{org}/b", params={"uid": uid}).json()["backup"]["backup_info"]["status"]["status"])
    assert seen == ["Pending", "InProgress", "Captured", "Success"]
    seen = [demo.restore("r", "b").json()["restore"]["restore_info"]["status"]["status"]]
    for step_s in (20, 45):
        demo.control.advance(step_s)
        seen.append(demo.get("/v1/restore/{org}/r").json()["restore"]["restore_info"]["status"]["status"])
    assert seen == ["Pending", "InProgress", "Success"]
    assert demo.send("DELETE", "/v1/restore/{org}/r").json() == {}
    assert demo.get("/v1/restore/{org}/r").json()["restore"]["restore_info"]["status"]["status"] == "Deleting"
    demo.control.advance(11)
    assert demo.get("/v1/restore/{org}/r").status_code == 404


def test_times_are_of_the_moment_it_happened_and_not_of_the_look(demo):
    demo.control.settings(backup_duration_s=100)
    demo.back_up("b")
    demo.control.advance(5000)
    made, updated = (datetime.fromisoformat(demo.metadata_of("b")[name].replace("Z", "+00:00")) for name in ("create_time", "last_update_time"))
    assert (updated - made).total_seconds() == pytest.approx(100, abs=0.001)


def test_no_mapping_restores_all_namespaces_and_a_mapping_only_the_mapped(demo):
    demo.back_up("b")
    demo.restore("all", "b", "recovery", storage_class_mapping={"fast": "slow"})
    assert set(demo.inside("recovery")) == {"default", "shop", "blog"}
    demo.restore("one", "b", "recovery", namespace_mapping={"shop": "shop-2"}, storage_class_mapping={"fast": "slow"})
    assert set(demo.inside("recovery")) == {"default", "shop", "blog", "shop-2"}
    assert content(demo.inside("recovery")["shop-2"]) == content({**demo.inside("prod")["shop"]})
    assert volume(demo.inside("recovery")["shop-2"], "orders")["storage_class"] == "slow"


def test_a_missing_storage_class_makes_it_partial(demo):
    demo.back_up("b", namespaces=["shop"])
    demo.restore("r", "b", "recovery")
    info = demo.info("restore", "r")
    assert info["status"]["status"] == "PartialSuccess"
    assert "storage class [fast] not found" in info["status"]["reason"]
    assert statuses(info)["PersistentVolumeClaim", "orders"] == "Failed"
    assert info["restored_resource_count"] == "3"
    assert demo.inside("recovery")["shop"]["volumes"] == []


@pytest.mark.parametrize(("policy", "status", "text"), [(None, "Retained", "changed"), ("Retain", "Retained", "changed"), (2, "Success", "hello\n")])
def test_replace_policy_keeps_or_replaces_what_is_there(demo, policy, status, text):
    demo.back_up("b", namespaces=["blog"])
    changed = {
        "resources": [{"kind": "ConfigMap", "name": "settings", "data": {"title": "Changed"}}],
        "volumes": [{"pvc": "posts", "storage_class": "standard", "text": "changed"}],
    }
    demo.control.merge_state(clusters=[{"name": "prod", "namespaces": {"blog": changed}}])
    demo.restore("r", "b", **({"replace_policy": policy} if policy else {}))
    info = demo.info("restore", "r")
    assert set(statuses(info).values()) == {status}
    assert [item["status"]["status"] for item in info["volumes"]] == [status]
    assert volume(demo.inside("prod")["blog"], "posts")["text"] == text
    title = demo.inside("prod")["blog"]["resources"][0]["data"]["title"]
    assert title == ("News" if status == "Success" else "Changed")
    assert info["replace_policy"] == {None: "Invalid", "Retain": "Retain", 2: "Delete"}[policy]


@pytest.mark.parametrize("group", ["", "core"])
def test_selected_resources_only(demo, group):
    demo.back_up("b")
    demo.control.disaster("prod", "shop")
    wanted = {"name": "settings", "namespace": "shop", "group": group, "kind": "ConfigMap", "version": "v1"}
    demo.restore("r", "b", include_resources=[wanted])
    assert [(item["kind"], item["name"]) for item in demo.inside("prod")["shop"]["resources"]] == [("ConfigMap", "settings")]
    assert demo.inside("prod")["shop"]["volumes"] == []


def test_selected_resources_that_are_not_in_the_backup(demo):
    demo.back_up("b", namespaces=["shop"])
    there = {"name": "web", "namespace": "shop", "group": "apps", "kind": "Deployment", "version": ""}
    absent = {"name": "none", "namespace": "shop", "group": "", "kind": "Secret", "version": "v1"}
    demo.restore("some", "b", "recovery", include_resources=[there, absent])
    demo.restore("none", "b", "recovery", include_resources=[absent])
    assert demo.info("restore", "some")["status"]["status"] == "PartialSuccess"
    assert demo.info("restore", "none")["status"]["status"] == "Failed"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"namespaces": ["blog"]}, {"blog/ConfigMap/settings", "blog/PersistentVolumeClaim/posts"}),
        ({"label_selectors": {"app": "web"}}, {"shop/Deployment/web", "shop/Service/web", "shop/ConfigMap/settings"}),
        ({"namespaces": [], "ns_label_selectors": "team=press"}, {"blog/ConfigMap/settings", "blog/PersistentVolumeClaim/posts"}),
        ({"resource_types": ["ConfigMap"]}, {"shop/ConfigMap/settings", "blog/ConfigMap/settings"}),
        ({"namespaces": ["shop"], "exclude_resource_types": ["PersistentVolumeClaim", "Service"]}, {"shop/Deployment/web", "shop/ConfigMap/settings"}),
        (
            {"include_resources": [{"name": "web", "namespace": "shop", "group": "", "kind": "Service", "version": "v1"}]},
            {"shop/Service/web"},
        ),
    ],
)
def test_a_backup_holds_what_was_selected(demo, asked, expected):
    demo.back_up("b", **asked)
    info = demo.info("backup", "b")
    assert {f"{item['namespace']}/{item['kind']}/{item['name']}" for item in info["resources"]} == expected
    with_claims = {name for name in expected if "PersistentVolumeClaim" in name}
    assert {f"{item['namespace']}/PersistentVolumeClaim/{item['pvc']}" for item in info["volumes"]} == with_claims


def test_a_backup_of_a_missing_namespace_fails_and_names_it(demo):
    demo.back_up("b", namespaces=["shop", "gone"])
    status = demo.info("backup", "b")["status"]
    assert status["status"] == "Failed"
    assert "gone" in status["reason"]
    assert "shop" not in status["reason"]
    response = demo.restore("r", "b")
    assert (response.status_code, response.json()["code"]) == (400, 9)


def test_a_restore_of_a_namespace_the_backup_lacks_fails(demo):
    demo.back_up("b", namespaces=["shop"])
    demo.restore("r", "b", "recovery", namespace_mapping={"blog": "x"})
    assert demo.info("restore", "r")["status"]["status"] == "Failed"
    assert set(demo.inside("recovery")) == {"default"}


def test_a_restore_into_an_offline_cluster_fails(demo):
    demo.back_up("b")
    demo.control.merge_state(clusters=[{"name": "recovery", "status": "Offline"}])
    demo.restore("r", "b", "recovery")
    assert demo.info("restore", "r")["status"]["status"] == "Failed"


def test_a_restore_echoes_what_was_asked(demo):
    demo.back_up("b")
    asked = {
        "namespace_mapping": {"shop": "s"},
        "storage_class_mapping": {"fast": "standard"},
        "replace_policy": "Delete",
        "include_optional_resource_types": ["Job"],
        "rancher_project_mapping": {"c:p-1": "c:p-2"},
        "rancher_project_name_mapping": {"a": "b"},
        "backup_object_type": {"type": 1},
    }
    info = demo.restore("r", "b", "recovery", **asked).json()["restore"]["restore_info"]
    assert {name: info[name] for name in asked} == {**asked, "backup_object_type": {"type": "All"}}
    assert (info["backup_ref"], info["cluster_ref"]) == (demo.ref("backups", "b"), demo.ref("clusters", "recovery"))


@pytest.mark.parametrize("status", ["Failed", "Aborted", "PartialSuccess", "Retained"])
def test_a_restore_can_be_made_to_end_otherwise_once(demo, status):
    demo.control.settings(outcomes=[{"kind": "restore", "name": "^r", "status": status, "reason": "as told"}])
    demo.back_up("b", namespaces=["blog"])
    demo.restore("r1", "b", "recovery")
    assert demo.info("restore", "r1")["status"] == {"status": status, "reason": "as told"}
    restored = demo.inside("recovery").get("blog", {"resources": []})["resources"]
    assert len(restored) == {"Failed": 0, "Aborted": 0, "PartialSuccess": 1, "Retained": 2}[status]
    demo.restore("r2", "b", "recovery", replace_policy="Delete")
    assert demo.info("restore", "r2")["status"]["status"] == "Success"


def test_an_outcome_that_is_no_end_stays(demo):
    demo.control.settings(outcomes=[{"kind": "backup", "name": "b", "status": "Pending"}])
    demo.back_up("b")
    demo.control.advance(1e6)
    assert demo.info("backup", "b")["status"]["status"] == "Pending"


def test_a_backup_without_its_objects_cannot_be_restored(demo):
    demo.control.settings(outcomes=[{"kind": "backup", "name": "b", "status": "CloudBackupMissing", "reason": "CloudBackup objects are missing"}])
    demo.back_up("b")
    assert demo.restore("r", "b").json()["code"] == 9


def test_deleting_a_backup_waits_for_its_cluster(demo):
    uid = demo.back_up("b").json()["backup"]["metadata"]["uid"]
    demo.control.merge_state(clusters=[{"name": "prod", "status": "Offline"}])
    assert demo.send("DELETE", f"/v1/backup/{{org}}/b?uid={uid}").json() == {}
    demo.control.advance(1e6)
    assert demo.info("backup", "b")["status"]["status"] == "DeletePending"
    demo.control.merge_state(clusters=[{"name": "prod", "status": "Online"}])
    demo.control.advance(1)
    assert demo.get("/v1/backup/{org}").json() == {"complete": True}


def test_deletion_can_be_made_to_wait_forever(demo):
    demo.control.settings(outcomes=[{"kind": "backup", "name": "b", "status": "DeletePending"}])
    uid = demo.back_up("b").json()["backup"]["metadata"]["uid"]
    assert demo.info("backup", "b")["status"]["status"] == "Success"
    demo.send("DELETE", f"/v1/backup/{{org}}/b?uid={uid}")
    demo.control.advance(1e6)
    assert demo.info("backup", "b")["status"]["status"] == "DeletePending"


def test_a_restore_deleted_on_its_way_writes_nothing(demo):
    demo.back_up("b")
    demo.control.settings(restore_duration_s=100)
    demo.restore("r", "b", "recovery", storage_class_mapping={"fast": "slow"})
    demo.send("DELETE", "/v1/restore/{org}/r")
    demo.control.advance(200)
    assert set(demo.inside("recovery")) == {"default"}
    assert demo.control.state()["restores"] == []


def test_duplicates_of_a_backup_name_are_told_apart_by_uid(demo):
    demo.control.settings(unique_backup_names=False)
    uids = [demo.back_up("b").json()["backup"]["metadata"]["uid"] for _each in range(2)]
    assert len(set(uids)) == 2
    assert demo.get("/v1/backup/{org}").json()["total_count"] == "2"
    demo.send("DELETE", f"/v1/backup/{{org}}/b?uid={uids[0]}")
    assert demo.get(f"/v1/backup/{{org}}/b?uid={uids[0]}").status_code == 404
    assert demo.get(f"/v1/backup/{{org}}/b?uid={uids[1]}").status_code == 200


def test_put_replaces_labels_as_a_whole(demo):
    uid = demo.back_up("b", metadata=demo.metadata("b", labels={"a": "1", "b": "2"})).json()["backup"]["metadata"]["uid"]
    assert demo.send("PUT", "/v1/backup", {"metadata": demo.metadata("b", uid=uid, labels={"c": "3"})}).json() == {}
    assert demo.get(f"/v1/backup/{{org}}/b?uid={uid}").json()["backup"]["metadata"]["labels"] == {"c": "3"}
    demo.restore("r", "b", metadata=demo.metadata("r", labels={"a": "1"}))
    demo.send("PUT", "/v1/restore", {"metadata": demo.metadata("r")})
    assert "labels" not in demo.get("/v1/restore/{org}/r").json()["restore"]["metadata"]


def test_a_share_is_stored_with_names_for_numbers(demo):
    uid = demo.back_up("b").json()["backup"]["metadata"]["uid"]
    share = {"groups": [], "collaborators": [{"id": "ann", "access": 2}]}
    assert demo.send("PUT", "/v1/backup/updatebackupshare", {"org_id": demo.org, "name": "b", "uid": uid, "backupshare": share}).status_code == 200
    assert demo.info("backup", "b")["backup_share"]["collaborators"] == [{"id": "ann", "access": "Restorable"}]
