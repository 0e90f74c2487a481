# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enumerating: pages, the server's cap, filters, and what is left out of answers."""

from __future__ import annotations

import time

import pytest


def names(answer: dict) -> list[str]:
    return [item["metadata"]["name"] for item in answer.get("restores", [])]


def test_pages_hold_every_object_once(api):
    api.control.merge_state(restores=[{"name": "r", "count": 25}])
    api.control.settings(page_size=10)
    seen, complete = [], []
    for start in (0, 10, 20):
        answer = api.listed(max_objects=10, object_index=start)
        assert answer["total_count"] == "25"
        seen += names(answer)
        complete.append(answer.get("complete", False))
    assert sorted(seen) == [f"r-{number:05d}" for number in range(1, 26)]
    assert complete == [False, False, True]


@pytest.mark.parametrize(("asked", "sent"), [({}, 10), ({"max_objects": 0}, 10), ({"max_objects": 50}, 10), ({"max_objects": 3}, 3)])
def test_the_server_caps_the_page(api, asked, sent):
    api.control.merge_state(restores=[{"name": "r", "count": 12}])
    api.control.settings(page_size=10)
    assert len(names(api.listed(**asked))) == sent


def test_past_the_end_is_empty_and_complete(api):
    api.control.merge_state(restores=[{"name": "r", "count": 3}])
    assert api.listed(object_index=9) == {"total_count": "3", "complete": True}


def test_newest_come_first(api):
    api.control.merge_state(restores=[{"name": "first"}, {"name": "second"}])
    assert names(api.listed()) == ["second", "first"]


def test_zero_values_appear_only_when_emitted(api):
    assert api.listed() == {"complete": True}
    api.control.settings(emit_defaults=True)
    assert api.listed() == {"restores": [], "total_count": "0", "complete": True}


def test_zero_values_inside_objects_and_user_maps(api):
    api.control.merge_state(restores=[{"name": "r", "labels": {"kept": ""}, "namespace_mapping": {"a": ""}}])
    info = api.listed()["restores"][0]
    assert info["metadata"]["labels"] == {"kept": ""}
    assert info["restore_info"] == {"status": {"status": "Success"}, "namespace_mapping": {"a": ""}}
    api.control.settings(emit_defaults=True)
    info = api.listed()["restores"][0]["restore_info"]
    assert (info["replace_policy"], info["large_resource_enabled"], info["total_size"], info["resources"], info["backup_ref"]) == (
        "Invalid",
        False,
        "0",
        [],
        None,
    )


@pytest.fixture
def mixed(api):
    api.control.merge_state(
        clusters=[{"name": "prod"}, {"name": "test"}],
        restores=[
            {"name": "nightly-1", "cluster": "prod", "status": "Success", "owner": "ann", "labels": {"env": "prod", "tier": "1"}, "age_s": 7200},
            {"name": "nightly-2", "cluster": "test", "status": "Failed", "owner": "bob", "labels": {"env": "prod"}},
            {"name": "manual", "cluster": "prod", "status": "InProgress", "owner": "eve", "backup_object_type": {"type": "VirtualMachine"}},
        ],
    )
    return api


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name_filter": "ightl"}, ["nightly-1", "nightly-2"]),
        ({"name_filter": "absent"}, []),
        ({"status": ["Success", "Failed"]}, ["nightly-1", "nightly-2"]),
        ({"status": "Success,Failed"}, []),
        ({"owners": ["ann", "eve"]}, ["manual", "nightly-1"]),
        ({"owners": "ann,eve"}, []),
        ({"cluster_name_filter": "ro"}, ["manual", "nightly-1"]),
        ({"backup_object_type": "VirtualMachine"}, ["manual"]),
        ({"backup_object_type": "All"}, ["nightly-1", "nightly-2"]),
        ({"labels[env]": "prod"}, ["nightly-1", "nightly-2"]),
        ({"labels[env]": "prod", "labels[tier]": "1"}, ["nightly-1"]),
        ({"name_filter": "nightly", "status": "Failed"}, ["nightly-2"]),
    ],
)
def test_filters(mixed, query, expected):
    answer = mixed.listed(**query)
    assert sorted(names(answer)) == expected
    assert answer.get("total_count", "0") == str(len(expected))


def test_cluster_uid_filter_is_exact(mixed):
    uid = mixed.ref("clusters", "test")["uid"]
    assert names(mixed.listed(cluster_uid_filter=uid)) == ["nightly-2"]
    assert names(mixed.listed(cluster_uid_filter=uid[:8])) == []


def test_time_range_is_by_creation(mixed):
    # On the simulated clock, which other tests may have moved.
    made = next(int(item["metadata"]["create_time_in_sec"]) for item in mixed.control.state()["restores"] if item["name"] == "manual")
    an_hour_ago = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime(made - 3600))
    assert names(mixed.listed(**{"time_range.end_time": an_hour_ago})) == ["nightly-1"]
    assert sorted(names(mixed.listed(**{"time_range.start_time": an_hour_ago}))) == ["manual", "nightly-2"]


def test_resources_are_listed_only_in_detail(demo):
    demo.back_up("b")
    for query, there in (({}, False), ({"enumerate_options.include_detailed_resources": "True"}, True)):
        info = demo.get("/v1/backup/{org}", params=query).json()["backups"][0]["backup_info"]
        assert ("resources" in info) is there
        assert info["resource_count"] == "6"


@pytest.mark.parametrize("query", [{"max_objects": "None"}, {"object_index": "-1"}, {"include_detailed_resources": "yes"}, {"time_range.start_time": "now"}])
def test_values_that_cannot_be_parsed_are_refused(api, query):
    response = api.get("/v1/restore/{org}", params={f"enumerate_options.{name}": value for name, value in query.items()})
    assert (response.status_code, response.json()["code"]) == (400, 3)


def test_enumerating_with_a_body_is_there_from_2_9(demo):
    demo.back_up("b")
    body = {"enumerate_options": {"max_objects": "5", "name_filter": "b"}}
    assert demo.send("POST", "/v1/backup/{org}/enumerate", body).status_code == 405
    demo.control.settings(server_version="2.9.0")
    assert demo.send("POST", "/v1/backup/{org}/enumerate", body).json()["total_count"] == "1"
    assert demo.control.requests()[-1]["mutating"] is False


def test_ten_thousand_restores_are_read_in_decent_time(api):
    api.control.merge_state(restores=[{"name": "r", "count": 10000, "namespace_mapping": {"a": "b"}}])
    # Time of the processor, client and server together: a busy machine must not fail the test.
    began = time.process_time()
    seen = set()
    for start in range(0, 10000, 100):
        seen.update(names(api.listed(max_objects=100, object_index=start)))
    assert len(seen) == 10000
    assert time.process_time() - began < 5
