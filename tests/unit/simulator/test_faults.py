# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of fault, as a client on the other side of the socket sees it."""

from __future__ import annotations

import time

import pytest
import requests

ROUTE = "/v1/restore/{org_id}"
PATH = "/v1/restore/{org}"


def make_body(api) -> dict:
    return {"metadata": api.metadata("store"), "backup_location": {"type": "S3", "path": "p"}}


def locations(api) -> list[str]:
    return [item["name"] for item in api.control.state().get("backup_locations", [])]


def last(api) -> dict:
    return api.control.requests()[-1]


def test_status_answers_without_acting_and_sends_retry_after(api):
    api.control.add_fault("status", method="POST", status=429, retry_after=7)
    response = api.send("POST", "/v1/backuplocation", make_body(api))
    assert (response.status_code, response.headers["Retry-After"], response.json()["code"]) == (429, "7", 8)
    assert locations(api) == []
    assert (last(api)["fault"], last(api)["status"]) == ("status", 429)


def test_status_can_carry_a_body_of_the_rule(api):
    api.control.add_fault("status", status=500, body={"error": "failed to retrieve cluster [x]: object not found", "code": 2})
    assert api.get(PATH).json() == {"error": "failed to retrieve cluster [x]: object not found", "code": 2}


def test_drop_before_aborts_and_does_not_act(api):
    api.control.add_fault("drop_before", method="POST")
    with pytest.raises(requests.ConnectionError):
        api.send("POST", "/v1/backuplocation", make_body(api))
    assert locations(api) == []
    assert (last(api)["fault"], last(api)["status"]) == ("drop_before", None)


def test_drop_after_aborts_and_has_acted(api):
    api.control.add_fault("drop_after", method="POST")
    with pytest.raises(requests.ConnectionError):
        api.send("POST", "/v1/backuplocation", make_body(api))
    assert locations(api) == ["store"]
    assert last(api)["status"] is None


def test_slow_acts_and_answers_late(api):
    api.control.add_fault("slow", method="POST", seconds=0.2)
    began = time.monotonic()
    assert api.send("POST", "/v1/backuplocation", make_body(api)).status_code == 200
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(("act", "acted_at_once"), [("before", True), ("after", False)])
def test_slow_acts_before_or_after_the_wait(api, act, acted_at_once):
    api.control.add_fault("slow", method="POST", seconds=0.8, act=act)
    with pytest.raises(requests.ReadTimeout):
        api.send("POST", "/v1/backuplocation", make_body(api), timeout=0.1)
    assert (locations(api) == ["store"]) is acted_at_once
    deadline = time.monotonic() + 10
    while not locations(api):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_cut_sends_half_a_body_after_acting(api):
    api.control.add_fault("cut", method="POST")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)) as caught:
        api.send("POST", "/v1/backuplocation", make_body(api))
    assert "IncompleteRead" in str(caught.value)
    assert locations(api) == ["store"]


def test_cut_promises_the_whole_length_and_keeps_its_status(api):
    whole = api.get(PATH).content
    api.control.add_fault("cut")
    response = api.get(PATH, stream=True)
    assert (response.status_code, int(response.headers["Content-Length"])) == (200, len(whole))
    received: list[bytes] = []
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        received.extend(response.iter_content(1))
    assert b"".join(received) == whole[: len(whole) // 2]


def test_stuck_sends_half_and_then_nothing(api):
    api.control.add_fault("stuck", method="POST", seconds=30)
    began = time.monotonic()
    response = api.send("POST", "/v1/backuplocation", make_body(api), stream=True, timeout=0.3)
    assert response.status_code == 200
    with pytest.raises(requests.ConnectionError, match="timed out"):
        assert response.content
    assert time.monotonic() - began < 5
    assert locations(api) == ["store"]


def test_stuck_ends_after_its_seconds(api):
    api.control.add_fault("stuck", method="POST", seconds=0.2)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.send("POST", "/v1/backuplocation", make_body(api), timeout=5)


def test_expired_token_is_refused_from_then_on_in_its_scope_only(api):
    api.control.add_fault("expired_token")
    assert (api.get(PATH).status_code, api.get(PATH).json()["code"]) == (401, 16)
    assert api.get("/v1/version").status_code == 200


def test_html_is_what_a_proxy_would_send(api):
    api.control.add_fault("html")
    response = api.get(PATH)
    assert response.status_code == 502
    assert response.headers["Content-Type"].startswith("text/html")
    assert "<html>" in response.text


def test_empty_is_a_success_without_a_body(api):
    api.control.add_fault("empty", method="POST")
    response = api.send("POST", "/v1/backuplocation", make_body(api))
    assert (response.status_code, response.content) == (200, b"")
    assert locations(api) == ["store"]


def test_redirect_names_a_location_and_does_not_act(api):
    api.control.add_fault("redirect", method="POST", location="/elsewhere")
    response = api.send("POST", "/v1/backuplocation", make_body(api))
    assert (response.status_code, response.headers["Location"]) == (302, "/elsewhere")
    assert locations(api) == []


def test_a_rule_fires_once_by_default(api):
    api.control.add_fault("status", status=503)
    assert [api.get(PATH).status_code for _each in range(3)] == [503, 200, 200]
    assert [(rule["seen"], rule["fired"]) for rule in api.control.faults()] == [(3, 1)]


def test_times_counts_and_zero_is_always(api):
    api.control.add_fault("status", status=503, times=2)
    assert [api.get(PATH).status_code for _each in range(3)] == [503, 503, 200]
    api.control.add_fault("status", status=500, times=0)
    assert [api.get(PATH).status_code for _each in range(3)] == [500, 500, 500]
    api.control.clear_faults()
    assert api.get(PATH).status_code == 200


def test_nth_is_counted_from_the_making_of_the_rule(api):
    api.get(PATH)
    api.control.add_fault("status", status=503, nth=2)
    assert [api.get(PATH).status_code for _each in range(4)] == [200, 503, 200, 200]


def test_rules_narrow_by_method_route_and_path(api):
    api.control.add_fault("status", status=503, method="GET", route="/v1/restore/{org_id}/{name}", path="/one$", times=0)
    assert api.get("/v1/restore/{org}/one").status_code == 503
    assert api.get("/v1/restore/{org}/two").status_code == 404
    assert api.get(PATH).status_code == 200
    assert api.send("DELETE", "/v1/restore/{org}/one").status_code == 404


def test_a_rule_of_one_scope_leaves_others_alone(api):
    api.control.scoped("another").add_fault("status", status=503, times=0)
    assert api.get(PATH).status_code == 200
    assert api.control.faults() == []
    api.control.scoped("another").clear_faults()


@pytest.mark.parametrize("rule", [{"kind": "nonsense"}, {"kind": "status", "unheard": 1}, {"kind": "status", "path": "("}, {"kind": "slow", "act": "maybe"}])
def test_a_rule_that_makes_no_sense_is_refused(api, rule):
    response = requests.post(f"{api.url}/_control/faults", json=rule, timeout=5)
    assert response.status_code == 400
    assert response.json()["error"]
