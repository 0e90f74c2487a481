# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters, locations, rules, credentials and schedules through the provider's own API."""

from __future__ import annotations

import pytest

CASES = {
    "cluster": ("clusters", "cluster", {"kubeconfig": "text"}, "clusterInfo"),
    "backuplocation": ("backup_locations", "backup_location", {"backup_location": {"type": 1, "path": "p"}}, "backup_location_info"),
    "rule": ("rules", "rule", {"rules_info": {"rules": [{"container": "db"}]}}, "rules_info"),
    "cloudcredential": (
        "cloud_credentials",
        "cloud_credential",
        {"cloud_credential": {"type": "AWS", "aws_config": {"secret_key": "s3cret"}}},
        "cloud_credential_info",
    ),
    "backupschedule": ("backup_schedules", "backup_schedule", {"cluster_ref": {"name": "c", "uid": "u"}, "reclaim_policy": "Retain"}, "backup_schedule_info"),
}


@pytest.mark.parametrize("path", CASES)
def test_create_enumerate_delete(api, path):
    plural, singular, body, info_key = CASES[path]
    made = api.send("POST", f"/v1/{path}", {"metadata": api.metadata("x"), **body})
    assert made.status_code == 200, made.text
    uid = made.json()[singular]["metadata"]["uid"]
    assert info_key in made.json()[singular]
    assert [item["metadata"]["uid"] for item in api.get(f"/v1/{path}/{{org}}").json()[plural]] == [uid]
    again = api.send("POST", f"/v1/{path}", {"metadata": api.metadata("x"), **body})
    assert (again.status_code, again.json()["code"]) == (409, 6)
    in_query = path in ("cluster", "backupschedule")
    assert api.send("DELETE", f"/v1/{path}/{{org}}/x?uid={uid}" if in_query else f"/v1/{path}/{{org}}/x/{uid}").json() == {}
    assert plural not in api.get(f"/v1/{path}/{{org}}").json()


def test_new_ones_are_usable(api):
    for path in ("cluster", "backuplocation"):
        api.send("POST", f"/v1/{path}", {"metadata": api.metadata("x"), **CASES[path][2]})
    assert api.get("/v1/cluster/{org}").json()["clusters"][0]["clusterInfo"]["status"]["status"] == "Online"
    location = api.get("/v1/backuplocation/{org}").json()["backup_locations"][0]["backup_location_info"]
    assert (location["status"]["status"], location["type"]) == ("Valid", "S3")


def test_put_changes_what_is_given(api):
    api.send("POST", "/v1/backuplocation", {"metadata": api.metadata("x", labels={"a": "1"}), **CASES["backuplocation"][2]})
    api.send("PUT", "/v1/backuplocation", {"metadata": api.metadata("x"), "backup_location": {"path": "q"}})
    found = api.get("/v1/backuplocation/{org}").json()["backup_locations"][0]
    assert (found["backup_location_info"]["path"], found["backup_location_info"]["type"]) == ("q", "S3")
    assert found["backup_location_info"]["status"] == {"status": "Valid"}
    assert "labels" not in found["metadata"]


def test_secrets_are_sent_only_when_asked_for(api):
    api.send("POST", "/v1/cloudcredential", {"metadata": api.metadata("x"), **CASES["cloudcredential"][2]})
    assert "s3cret" not in api.get("/v1/cloudcredential/{org}").text
    assert "s3cret" in api.get("/v1/cloudcredential/{org}?include_secrets=true").text


def test_deleting_a_cluster_can_take_its_backups_along(demo):
    demo.back_up("b")
    uid = demo.ref("clusters", "prod")["uid"]
    demo.send("DELETE", f"/v1/cluster/{{org}}/prod?uid={uid}&delete_backups=true")
    assert demo.control.state()["backups"] == []


def test_no_uid_no_name_no_cluster_is_refused(demo):
    response = demo.back_up("b", cluster_ref={})
    assert (response.status_code, response.json()["code"]) == (400, 3)
