# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routing, error shapes, tokens: what a client meets when it does something wrong."""

from __future__ import annotations

import pytest
import requests

TOKEN_PATH = "/auth/realms/master/protocol/openid-connect/token"


def is_error(response: requests.Response, status: int, code: int, text: str = "") -> bool:
    body = response.json()
    assert response.status_code == status, response.text
    assert body["error"] == body["message"]
    assert body["code"] == code
    assert text in body["message"]
    return set(body) == {"error", "message", "code"}


def ask_token(api, **form: str) -> requests.Response:
    full = {
        "grant_type": "password",
        "client_id": "pxcentral",
        "username": f"admin@{api.org}",
        "password": api.simulator.environment["PX_BACKUP_PASSWORD"],
        **form,
    }
    return requests.post(api.url + TOKEN_PATH, data=full, timeout=5)


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/restore/{org}/a/b/c", "/", "/v2/restore/{org}"])
def test_an_unrouted_path_is_plain_text(api, path):
    response = api.get(path)
    assert (response.status_code, response.text) == (404, "Not Found")
    assert response.headers["Content-Type"].startswith("text/plain")


def test_a_known_path_with_another_method_is_refused(api):
    assert api.send("DELETE", "/v1/restore").status_code == 405


def test_an_encoded_slash_cannot_route_to_the_name(api):
    api.control.merge_state(restores=[{"name": "a/b"}, {"name": "a b&c"}])
    assert api.get("/v1/restore/{org}/a%2Fb").status_code == 501
    assert api.get("/v1/restore/{org}/a%20b%26c").json()["restore"]["metadata"]["name"] == "a b&c"


def test_a_missing_object_is_code_5(api):
    assert is_error(api.get("/v1/restore/{org}/absent"), 404, 5, "object not found")
    assert is_error(api.send("DELETE", "/v1/restore/{org}/absent"), 404, 5, "object not found")


def test_a_uid_that_is_not_the_objects_own_finds_nothing(api):
    api.control.merge_state(restores=[{"name": "r", "uid": "right"}])
    assert api.get("/v1/restore/{org}/r", params={"uid": "right"}).status_code == 200
    assert is_error(api.get("/v1/restore/{org}/r", params={"uid": "wrong"}), 404, 5)
    assert is_error(api.get("/v1/restore/{org}/other", params={"uid": "right"}), 404, 5)


def test_unknown_references_are_not_found_or_unknown(demo):
    demo.back_up("b")
    body = {"metadata": demo.metadata("r"), "backup_ref": demo.ref("backups", "b"), "cluster_ref": {"name": "x", "uid": "u"}}
    assert is_error(demo.send("POST", "/v1/restore", body), 404, 5, "failed to retrieve cluster [x]: object not found")
    demo.control.settings(unknown_errors=True)
    assert is_error(demo.send("POST", "/v1/restore", body), 500, 2, "failed to retrieve cluster [x]: object not found")
    assert is_error(demo.get("/v1/restore/{org}/absent"), 404, 5)
    demo.control.settings(unknown_errors="all")
    assert is_error(demo.get("/v1/restore/{org}/absent"), 500, 2, "object not found")


def test_a_taken_name_is_code_6_or_unknown(demo):
    demo.back_up("b")
    demo.restore("r", "b")
    assert is_error(demo.restore("r", "b"), 409, 6, "already exists")
    assert is_error(demo.back_up("b"), 409, 6, "already exists")
    demo.control.settings(unknown_errors=True)
    assert is_error(demo.restore("r", "b"), 500, 2, "already exists")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metadata": {"name": "r"}},
        {"metadata": "r"},
        {"replace_policy": "Keep"},
        {"replace_policy": 9},
        {"namespace_mapping": {"a": 1}},
        {"namespace_mapping": ["a"]},
        {"include_resources": {"name": "x"}},
        {"backup_object_type": "All"},
    ],
)
def test_values_of_the_wrong_type_are_refused(api, body):
    asked = body if not body or "metadata" in body else {"metadata": api.metadata("r"), **body}
    assert is_error(api.send("POST", "/v1/restore", asked), 400, 3)


def test_what_is_no_json_is_refused(api):
    response = requests.post(f"{api.url}/v1/restore", data="{", headers={"Authorization": f"Bearer {api.token}"}, timeout=5)
    assert is_error(response, 400, 3)


def test_no_token_or_a_wrong_one_is_code_16(api):
    api.token = None
    assert is_error(api.get("/v1/restore/{org}"), 401, 16, "missing")
    api.token = "wrong"
    assert is_error(api.get("/v1/restore/{org}"), 401, 16, "not valid")
    assert api.get("/v1/health").json() == {}


def test_a_token_is_given_for_the_password_and_expires(api):
    api.control.settings(token_lifetime_s=100)
    answer = ask_token(api).json()
    assert answer["expires_in"] == 100
    api.token = answer["access_token"]
    assert api.get("/v1/restore/{org}").status_code == 200
    api.control.advance(99)
    assert api.get("/v1/restore/{org}").status_code == 200
    api.control.advance(2)
    assert is_error(api.get("/v1/restore/{org}"), 401, 16, "expired")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"password": "wrong"}, 401, "invalid_grant"),
        ({"username": "nobody"}, 401, "invalid_grant"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"grant_type": "magic"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_wrong_token_request_is_refused_as_keycloak_does(api, form, status, error):
    response = ask_token(api, **form)
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_the_log_shows_neither_password_nor_token(api):
    ask_token(api)
    api.get("/v1/restore/{org}")
    text = str(api.control.requests())
    assert "***" in text
    assert api.simulator.environment["PX_BACKUP_PASSWORD"] not in text
    assert api.token not in text


def test_inspecting_and_deleting_a_backup_needs_its_uid_before_2_10(demo):
    demo.back_up("b")
    assert is_error(demo.get("/v1/backup/{org}/b"), 400, 3, "uid is required")
    assert is_error(demo.send("DELETE", "/v1/backup/{org}/b"), 400, 3, "uid is required")
    assert demo.get("/v1/backup/{org}/b", params={"uid": demo.ref("backups", "b")["uid"]}).status_code == 200
    demo.control.settings(server_version="2.10.0")
    assert demo.get("/v1/backup/{org}/b").status_code == 200
    assert demo.send("DELETE", "/v1/backup/{org}/b").status_code == 200


@pytest.mark.parametrize("ref", ["backup_ref", "cluster_ref"])
def test_references_need_a_uid_before_2_10(demo, ref):
    demo.back_up("b")
    body = {"metadata": demo.metadata("r"), "backup_ref": demo.ref("backups", "b"), "cluster_ref": demo.ref("clusters", "prod")}
    body[ref] = {"name": body[ref]["name"]}
    assert is_error(demo.send("POST", "/v1/restore", body), 400, 3, "uid is required")
    demo.control.settings(server_version="2.10.0")
    assert demo.send("POST", "/v1/restore", body).status_code == 200


@pytest.mark.parametrize("plural", ["cluster", "backuplocation"])
def test_the_route_of_inspection_moves_with_2_10(demo, plural):
    name, store = {"cluster": ("prod", "clusters"), "backuplocation": ("store", "backup_locations")}[plural]
    uid = demo.ref(store, name)["uid"]
    old, new = f"/v1/{plural}/{{org}}/{name}/{uid}", f"/v1/{plural}/{{org}}/{name}?uid={uid}"
    assert demo.get(old).status_code == 200
    assert demo.get(new).status_code in (404, 405)
    demo.control.settings(server_version="2.10.0")
    assert demo.get(old).status_code in (404, 405)
    assert demo.get(new).status_code == 200


def test_the_version_is_the_setting(simulator):
    headers = {"Authorization": f"Bearer {simulator.token}"}
    assert requests.get(f"{simulator.url}/v1/version", headers=headers, timeout=5).json()["version"]["minor"] == "8"


def test_organisations_can_be_made_to_exist_first(api):
    api.control.settings(create_orgs=False)
    assert is_error(api.get("/v1/restore/{org}"), 404, 5, "organization")
