# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the published contract does not allow is found; what it allows is left alone."""

from __future__ import annotations

import pytest
import requests

from tests.simulator.contract import SwaggerContract
from tests.simulator.messages import MISSING
from tests.simulator.server import running_simulator

SMALL = {
    "paths": {
        "/v1/thing/{org}": {"get": {"parameters": [{"name": "size", "in": "query", "type": "string", "format": "uint64"}]}},
        "/v1/thing": {"post": {"parameters": [{"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Thing"}}]}},
    },
    "definitions": {
        "Thing": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "size": {"type": "string", "format": "uint64"},
                "at": {"type": "string", "format": "date-time"},
                "on": {"type": "boolean"},
                "colour": {"type": "string", "enum": ["Red", "Blue"]},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "parts": {"type": "array", "items": {"$ref": "#/definitions/Thing"}},
            },
        },
    },
}


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ({"name": "x", "size": "12", "on": True, "colour": 1, "labels": {"a": "b"}, "parts": [{"name": "y", "size": 3}], "at": "2026-01-02T03:04:05Z"}, None),
        ({}, "body.name is missing"),
        ({"name": None}, "body.name is null"),
        ({"name": 1}, "body.name must be of type string, not number"),
        ({"name": "x", "size": "many"}, "body.size must be an integer"),
        ({"name": "x", "on": "true"}, "body.on must be of type boolean"),
        ({"name": "x", "colour": "Green"}, "body.colour must be one of"),
        ({"name": "x", "colour": 2}, "body.colour must be one of"),
        ({"name": "x", "labels": {"a": None}}, "body.labels[a] is null"),
        ({"name": "x", "labels": ["a"]}, "body.labels must be an object, not array"),
        ({"name": "x", "parts": [{"name": "y", "nmae": "z"}]}, "body.parts[0].nmae is not a field"),
        ({"name": "x", "at": "today"}, "body.at must be a date and time"),
        (MISSING, "the body is missing"),
    ],
)
def test_bodies_are_checked_to_the_depth(body, violation):
    found = SwaggerContract(SMALL).check("POST", ["v1", "thing"], [], body)
    assert (found == []) if violation is None else (len(found) == 1 and found[0].startswith(violation)), found


@pytest.mark.parametrize(
    ("method", "segments", "query", "violation"),
    [
        ("GET", ["v1", "thing", "a"], [("size", "1")], None),
        ("GET", ["v1", "thing", "a"], [("size", "-1")], "query size must be an integer"),
        ("GET", ["v1", "thing", "a"], [("size", "1"), ("size", "2")], "query parameter size is given 2 times"),
        ("GET", ["v1", "thing", "a"], [("sise", "1")], "unknown query parameter sise"),
        ("GET", ["v1", "thing", ""], [], "path part {org} is empty"),
        ("PUT", ["v1", "thing", "a"], [], "no method PUT"),
        ("GET", ["v1", "thing", "a", "b"], [], "no such route"),
    ],
)
def test_routes_and_queries_are_checked(method, segments, query, violation):
    found = SwaggerContract(SMALL).check(method, segments, query, MISSING)
    assert (found == []) if violation is None else any(text.startswith(violation) for text in found), found


def violations(api) -> list[str]:
    return api.control.requests()[-1]["contract_violations"]


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ({}, None),
        ({"replace_policy": 2, "rancher_project_mapping": {"a": "b"}, "backup_object_type": {"type": "All"}}, None),
        ({"parallel_backup": True}, "body.parallel_backup is not a field of the contract"),
        ({"namespace_mapping": None}, "body.namespace_mapping is null"),
        ({"backup_object_type": "All"}, "body.backup_object_type must be an object, not string"),
        ({"include_resources": [{"gvk": "x"}]}, "body.include_resources[0].gvk is not a field of the contract"),
    ],
)
def test_a_restore_request_is_held_against_the_published_description(with_contract, body, violation):
    api = with_contract
    api.send("POST", "/v1/restore", {"metadata": api.metadata("r"), **body})
    assert violations(api) == ([violation] if violation else [])


def test_queries_are_held_against_the_published_description(with_contract):
    api = with_contract
    api.listed(**{"max_objects": 5, "status": ["Failed", "Success"], "labels[env]": "x"})
    assert violations(api) == []
    api.listed(maximum=5)
    assert violations(api) == ["unknown query parameter enumerate_options.maximum"]
    api.listed(status="Failed,Success")
    assert len(violations(api)) == 1
    api.get("/v1/restores/{org}")
    assert api.control.requests(scope=None) == api.control.requests()
    entry = next(item for item in api.simulator.control.requests() if item["path"] == f"/v1/restores/{api.org}")
    assert entry["contract_violations"] == [f"no such route: /v1/restores/{api.org}"]


def test_the_release_decides_which_description_counts(with_contract):
    api = with_contract
    path = "/v1/cluster/{org}/prod?uid=u"
    api.get(path)
    assert violations(api) == ["no method GET on /v1/cluster/{org_id}/{name}"]
    api.control.settings(server_version="2.11.0")
    api.get(path)
    assert violations(api) == []
    api.get("/v1/rule/{org}")
    assert violations(api) == []


def test_a_strict_server_refuses_what_the_contract_does_not_allow(with_contract):
    api = with_contract
    body = {"metadata": api.metadata("store"), "backup_location": {"type": "S3"}, "colour": "red"}
    api.control.settings(strict_contract=True)
    response = api.send("POST", "/v1/backuplocation", body)
    assert (response.status_code, response.json()["code"]) == (400, 3)
    assert "colour" in response.json()["message"]
    api.control.settings(strict_contract=False)
    assert api.send("POST", "/v1/backuplocation", body).status_code == 200


def test_a_token_request_is_no_part_of_the_contract(with_contract):
    api = with_contract
    requests.post(f"{api.url}/auth/realms/master/protocol/openid-connect/token", data={"username": f"admin@{api.org}"}, timeout=5)
    assert violations(api) == []


def test_without_contracts_nothing_is_checked_and_the_settings_say_so(tmp_path):
    with running_simulator(contracts=str(tmp_path / "nowhere")) as simulator:
        assert simulator.control.settings()["contract"] is None
        requests.get(f"{simulator.url}/v1/nothing", timeout=5)
        assert simulator.control.requests()[0]["contract_violations"] == []
