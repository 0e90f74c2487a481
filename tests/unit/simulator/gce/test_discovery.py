# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Google's description of Compute Engine does not allow is found; what it allows is left alone."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.simulator.discovery import Discovery
from tests.simulator.messages import MISSING

SMALL: dict[str, Any] = {
    "servicePath": "api/v1/",
    "parameters": {"alt": {"type": "string", "enum": ["json", "media"], "location": "query"}, "key": {"type": "string", "location": "query"}},
    "resources": {
        "things": {
            "methods": {
                "insert": {
                    "id": "api.things.insert",
                    "path": "things",
                    "httpMethod": "POST",
                    "parameters": {
                        "requestId": {"type": "string", "location": "query"},
                        "force": {"type": "boolean", "location": "query"},
                        "paths": {"type": "string", "location": "query", "repeated": True},
                    },
                    "request": {"$ref": "Thing"},
                    "response": {"$ref": "Thing"},
                },
                "patch": {"id": "api.things.patch", "path": "things/{thing}", "httpMethod": "PATCH", "request": {"$ref": "Thing"}},
                "setLabels": {"id": "api.things.setLabels", "path": "things/{thing}/setLabels", "httpMethod": "POST", "request": {"$ref": "Thing"}},
                "get": {
                    "id": "api.things.get",
                    "path": "things/{thing}",
                    "httpMethod": "GET",
                    "parameters": {"thing": {"type": "string", "pattern": "[a-z]+", "location": "path"}},
                    "response": {"$ref": "Thing"},
                },
                "newest": {"id": "api.things.newest", "path": "things/newest", "httpMethod": "GET", "response": {"$ref": "Thing"}},
                "list": {
                    "id": "api.things.list",
                    "path": "things",
                    "httpMethod": "GET",
                    "parameters": {
                        "size": {"type": "integer", "format": "uint32", "location": "query", "description": "Acceptable values are\n`0` to `500`, inclusive."},
                        "at": {"type": "string", "required": True, "location": "query"},
                    },
                    "response": {"$ref": "ThingList"},
                },
            },
        },
    },
    "schemas": {
        "ThingList": {"type": "object", "properties": {"items": {"type": "array", "items": {"$ref": "Thing"}}}},
        "Thing": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": "[a-z]+", "annotations": {"required": ["api.things.insert"]}},
                "id": {"type": "string", "format": "uint64", "readOnly": True},
                "users": {"type": "array", "items": {"type": "string"}, "description": "[Output Only] Who uses it."},
                "size": {"type": "string", "format": "int64"},
                "count": {"type": "integer", "format": "int32"},
                "share": {"type": "number", "format": "float"},
                "on": {"type": "boolean"},
                "colour": {"type": "string", "enum": ["RED", "BLUE"]},
                "fingerprint": {"type": "string", "format": "byte"},
                "at": {"type": "string", "format": "google-datetime"},
                "ttl": {"type": "string", "format": "google-duration"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "options": {"type": "object", "properties": {"fast": {"type": "boolean"}}},
                "parts": {"type": "array", "items": {"$ref": "Thing"}},
                "free": {"type": "any"},
            },
        },
    },
}
FULL = {
    "name": "x",
    "size": "12",
    "count": -3,
    "share": 0.5,
    "on": False,
    "colour": "RED",
    "fingerprint": "42WmSpB8rSM=",
    "at": "2026-01-02T03:04:05.678Z",
    "ttl": "3.5s",
    "labels": {"a": ""},
    "options": {"fast": True},
    "parts": [{"size": 3, "name": "y"}],
    "free": [1, None],
}


def check(method: str, path: str, query: list[tuple[str, str]], body: Any = MISSING) -> list[str]:
    """The violations of a request to the small API."""
    discovery = Discovery(SMALL)
    match = discovery.find(method, path)
    assert match is not None
    return discovery.check_request(match, query, body)


def only(found: list[str], violation: str | None) -> None:
    """Exactly one violation that begins like this, or none."""
    assert (found == []) if violation is None else (len(found) == 1 and found[0].startswith(violation)), found


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        (FULL, None),
        (MISSING, "the body is missing"),
        ([], "body must be an object, not array"),
        (None, "body must be an object, not null"),
        ({}, "body.name is missing"),
        ({"name": "X"}, "body.name must match [a-z]+"),
        ({"name": 1}, "body.name must be of type string, not number"),
        ({"name": None}, "body.name is null"),
        ({"name": "x", "nmae": "y"}, "body.nmae is not a field"),
        ({"name": "x", "parts": [{"name": "y", "parts": [{"name": "z", "of": 1}]}]}, "body.parts[0].parts[0].of is not a field"),
        ({"name": "x", "parts": [{}]}, "body.parts[0].name is missing"),
        ({"name": "x", "options": {"slow": True}}, "body.options.slow is not a field"),
        ({"name": "x", "parts": [None]}, "body.parts[0] must be an object, not null"),
        ({"name": "x", "parts": {}}, "body.parts must be an array, not object"),
        ({"name": "x", "labels": {"a": 1}}, "body.labels[a] must be of type string"),
        ({"name": "x", "labels": {"a": None}}, "body.labels[a] must be of type string, not null"),
        ({"name": "x", "size": "many"}, "body.size must be an integer"),
        ({"name": "x", "size": 2**63}, "body.size must be from"),
        ({"name": "x", "size": 1.5}, "body.size must be of type string"),
        ({"name": "x", "count": "3"}, "body.count must be of type integer, not string"),
        ({"name": "x", "count": True}, "body.count must be of type integer, not boolean"),
        ({"name": "x", "share": "1"}, "body.share must be of type number"),
        ({"name": "x", "on": "true"}, "body.on must be of type boolean"),
        ({"name": "x", "colour": "GREEN"}, "body.colour must be one of BLUE, RED"),
        ({"name": "x", "colour": 1}, "body.colour must be of type string"),
        ({"name": "x", "fingerprint": "no base64"}, "body.fingerprint must be of format byte"),
        ({"name": "x", "at": "2026-01-02T03:04:05"}, "body.at must be of format google-datetime"),
        ({"name": "x", "ttl": "5m"}, "body.ttl must be of format google-duration"),
        ({"name": "x", "id": "1"}, "body.id is output only"),
        ({"name": "x", "users": []}, "body.users is output only"),
    ],
)
def test_bodies_are_checked_to_the_depth(body, violation):
    only(check("POST", "things", [], body), violation)


def test_what_was_read_may_be_sent_back_where_nothing_is_written():
    assert check("POST", "things/x/setLabels", [], {"id": "1", "labels": {}}) == []
    assert check("PATCH", "things/x", [], {"id": "1"}) == ["body.id is output only"]


def test_a_patch_clears_with_null():
    assert check("PATCH", "things/x", [], {"size": None}) == []


@pytest.mark.parametrize(
    ("query", "violation"),
    [
        ([("at", "x"), ("size", "500"), ("alt", "json"), ("$alt", "json;enum-encoding=int"), ("key", "k"), ("$key", "k")], None),
        ([], "query parameter at is missing"),
        ([("at", "x"), ("at", "y")], "query parameter at is given 2 times"),
        ([("at", "x"), ("sise", "1")], "unknown query parameter sise"),
        ([("at", "x"), ("$size", "1")], "unknown query parameter $size"),
        ([("at", "x"), ("alt", "xml")], "query alt must be one of"),
        ([("at", "x"), ("size", "501")], "query size must be from 0 to 500"),
        ([("at", "x"), ("size", "-1")], "query size must be from 0 to 500"),
        ([("at", "x"), ("size", "ten")], "query size must be an integer"),
    ],
)
def test_queries_are_checked(query, violation):
    only(check("GET", "things", query), violation)


@pytest.mark.parametrize(
    ("query", "violation"),
    [
        ([("force", "true"), ("paths", "a"), ("paths", "b"), ("requestId", "6F9619FF-8b86-d011-b42d-00cf4fc964ff")], None),
        ([("force", "True")], "query force must be true or false"),
        ([("requestId", "once")], "query requestId must be a UUID"),
        ([("requestId", "00000000-0000-0000-0000-000000000000")], "query requestId must be a UUID"),
    ],
)
def test_queries_of_mutations_are_checked(query, violation):
    only(check("POST", "things", query, {"name": "x"}), violation)


def test_paths_and_forbidden_bodies_are_checked():
    only(check("GET", "things/X1", []), "path part thing must match")
    only(check("GET", "things/x", [], {}), "api.things.get takes no body")


@pytest.mark.parametrize(
    ("method", "path", "method_id"),
    [
        ("GET", "things/newest", "api.things.newest"),
        ("get", "/api/v1/things/newest", "api.things.newest"),
        ("GET", "/things/n%65wer", "api.things.get"),
        # The literal has no PATCH, the parameter has.
        ("PATCH", "things/newest", "api.things.patch"),
        ("PUT", "things/x", None),
        ("GET", "things/", None),
        ("GET", "things/x/y", None),
        ("GET", "", None),
    ],
)
def test_literal_parts_win_over_parameters(method, path, method_id):
    match = Discovery(SMALL).find(method, path)
    assert (match.method_id if match else None) == method_id


def test_parameters_are_decoded():
    discovery = Discovery(SMALL)
    match = discovery.find("GET", "/api/v1/things/a%20b%2Fc")
    assert match is not None
    assert (match.template, match.params) == ("things/{thing}", {"thing": "a b/c"})
    assert discovery.template_for("GET", "things/x") == "things/{thing}"
    assert discovery.template_for("GET", "nothing") is None


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ({"items": [{**FULL, "id": "18446744073709551615", "users": ["x"], "parts": []}, {}]}, None),
        ({"items": [{"size": 12}]}, "body.items[0].size must be of type string, not number"),
        ({"items": [{"colour": "GREEN"}]}, "body.items[0].colour must be one of"),
        ({"items": [{"nmae": "x"}]}, "body.items[0].nmae is not a field"),
        ({"items": [{"name": None}]}, "body.items[0].name is null"),
        (MISSING, "the body is missing"),
    ],
)
def test_answers_are_checked(body, violation):
    discovery = Discovery(SMALL)
    match = discovery.find("GET", "things")
    assert match is not None
    only(discovery.check_answer(match, body), violation)


def test_the_fields_of_a_filter_are_looked_up_in_what_is_listed():
    discovery = Discovery(SMALL)
    match = discovery.find("GET", "things")
    assert match is not None
    assert discovery.unknown_fields(match, [("name",), ("labels", "any"), ("parts", "options", "fast"), ("nmae",), ("options", "slow")]) == [
        "nmae",
        "options.slow",
    ]


@pytest.fixture(name="compute", scope="module")
def _compute() -> Discovery:
    discovery = Discovery.load()
    if discovery is None:
        pytest.skip("google-api-python-client is not installed")
    return discovery


def violations(compute: Discovery, method: str, path: str, body: Any = MISSING, **query: str) -> list[str]:
    """The violations of a request to Compute Engine."""
    match = compute.find(method, path)
    assert match is not None
    return compute.check_request(match, list(query.items()), body)


ZONE = "/compute/v1/projects/p-1/zones/europe-west1-b"
GLOBAL = "/compute/v1/projects/p-1/global"


@pytest.mark.parametrize(
    ("method", "path", "method_id", "template"),
    [
        ("GET", f"{ZONE}/disks/d", "compute.disks.get", "projects/{project}/zones/{zone}/disks/{disk}"),
        ("GET", "projects/p/aggregated/disks", "compute.disks.aggregatedList", "projects/{project}/aggregated/disks"),
        ("GET", f"{GLOBAL}/images/family/f", "compute.images.getFromFamily", "projects/{project}/global/images/family/{family}"),
        ("GET", f"{GLOBAL}/images/family", "compute.images.get", "projects/{project}/global/images/{image}"),
        ("POST", f"{GLOBAL}/operations/o/wait", "compute.globalOperations.wait", "projects/{project}/global/operations/{operation}/wait"),
        ("POST", f"{ZONE}/instances/i/attachDisk", "compute.instances.attachDisk", "projects/{project}/zones/{zone}/instances/{instance}/attachDisk"),
    ],
)
def test_paths_of_compute_are_found(compute, method, path, method_id, template):
    match = compute.find(method, path)
    assert (match.method_id, match.template) == (method_id, template)


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "violation"),
    [
        ("POST", f"{GLOBAL}/snapshots", {"name": "s", "sourceDisk": "x", "labels": {"a": "b"}, "storageLocations": ["eu"]}, {}, None),
        ("POST", f"{GLOBAL}/snapshots", {"sourceDisk": "x"}, {}, "body.name is missing"),
        ("POST", f"{GLOBAL}/snapshots", {"name": "s", "diskSizeGb": "5"}, {}, "body.diskSizeGb is output only"),
        ("POST", f"{GLOBAL}/snapshots", {"name": "s" * 64}, {}, "body.name must match"),
        ("POST", f"{GLOBAL}/snapshots", {"name": "s", "guestFlush": True}, {"guestFlush": "true"}, "unknown query parameter guestFlush"),
        ("POST", f"{ZONE}/disks/d/createSnapshot", {"name": "s"}, {"guestFlush": "true"}, None),
        ("POST", f"{GLOBAL}/snapshots/s/setLabels", {"labels": {}, "labelFingerprint": "42WmSpB8rSM="}, {}, None),
        ("POST", f"{GLOBAL}/snapshots/s/setLabels", {"labels": {}}, {"requestId": "x"}, "unknown query parameter requestId"),
        ("POST", f"{ZONE}/disks", {"name": "d", "sizeGb": 5}, {}, None),
        ("POST", f"{ZONE}/instances/i/detachDisk", MISSING, {}, "query parameter deviceName is missing"),
        ("POST", f"{ZONE}/instances/i/attachDisk", {"source": "x", "mode": "RW"}, {}, "body.mode must be one of"),
        ("POST", f"{ZONE}/instances/i/attachDisk", {"source": "x", "index": 0}, {}, "body.index is output only"),
        ("POST", f"{ZONE}/instances", {"name": "i", "disks": [{"initializeParams": {"size": 3}}]}, {}, "body.disks[0].initializeParams.size is not a field"),
        ("PATCH", f"{GLOBAL}/images/i", {"deprecated": {"state": "DEPRECATED"}}, {}, None),
        ("GET", f"{ZONE}/disks", MISSING, {"maxResults": "501"}, "query maxResults must be from 0 to 500"),
    ],
)
def test_requests_to_compute_are_held_against_its_description(compute, method, path, body, query, violation):
    only(violations(compute, method, path, body, **query), violation)


def test_every_method_of_compute_can_be_checked(compute):
    for method_id, method in compute._methods.items():
        path = "/".join("x" if part.startswith("{") else part for part in method.template.split("/"))
        match = compute.find(method.description["httpMethod"], path)
        assert match.method_id == method_id
        compute.check_request(match, [], {})
        compute.check_answer(match, {})


def test_a_check_is_quick(compute):
    body = {"name": "i", "disks": [{"source": "x", "boot": True, "deviceName": f"d{index}"} for index in range(10)], "labels": {"a": "b"}}
    violations(compute, "POST", f"{ZONE}/instances", body)
    began = time.perf_counter()
    for _round in range(100):
        violations(compute, "POST", f"{ZONE}/instances", body)
    assert (time.perf_counter() - began) / 100 < 0.005
