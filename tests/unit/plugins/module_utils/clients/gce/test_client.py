# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's calls over real HTTP: the exact requests, their ids, pages, repetition, and what each kind of error answer means."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.answers import is_fingerprint_mismatch, is_in_use, is_out_of_stock
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.client import GceClient
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RateLimited,
    RecoveryError,
    Unsupported,
    WaitTimeout,
)

from tests.unit.plugins.module_utils.clients.gce.bench import HERE, bench, ok, operation_wire, refused
from tests.unit.scripted_server import Reply

Z, R = "z-1", "r"
ZONE, REGION, GLOBAL = f"{HERE}/zones/z-1", f"{HERE}/regions/r", f"{HERE}/global"
LABELS = {"labels": {"a": "b"}, "labelFingerprint": "fp"}
KEY = {"rawKey": "c2VjcmV0LWtleS1vZi0zMi1ieXRlcw=="}
Call = Callable[[GceClient], Any]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


CHANGES: list[tuple[Call, str, dict[str, str], Any]] = [
    (lambda c: c.insert_disk(objects.zone(Z), {"name": "d", "sizeGb": "10"}), f"POST {ZONE}/disks", {}, {"name": "d", "sizeGb": "10"}),
    (lambda c: c.insert_disk(objects.region(R), {"name": "d"}), f"POST {REGION}/disks", {}, {"name": "d"}),
    (lambda c: c.delete_disk(objects.zone(Z), "d"), f"DELETE {ZONE}/disks/d", {}, None),
    (lambda c: c.delete_disk(objects.region(R), "d"), f"DELETE {REGION}/disks/d", {}, None),
    (lambda c: c.set_disk_labels(objects.zone(Z), "d", {"a": "b"}, "fp"), f"POST {ZONE}/disks/d/setLabels", {}, LABELS),
    (lambda c: c.set_disk_labels(objects.region(R), "d", {"a": "b"}, "fp"), f"POST {REGION}/disks/d/setLabels", {}, LABELS),
    (lambda c: c.insert_snapshot({"name": "s", "guestFlush": False}), f"POST {GLOBAL}/snapshots", {}, {"name": "s", "guestFlush": False}),
    (lambda c: c.delete_snapshot("s"), f"DELETE {GLOBAL}/snapshots/s", {}, None),
    (lambda c: c.insert_image({"name": "i"}), f"POST {GLOBAL}/images", {}, {"name": "i"}),
    (lambda c: c.insert_image({"name": "i"}, force_create=True), f"POST {GLOBAL}/images", {"forceCreate": "true"}, {"name": "i"}),
    (lambda c: c.delete_image("i"), f"DELETE {GLOBAL}/images/i", {}, None),
    (
        lambda c: c.deprecate_image("i", "DEPRECATED", "projects/p/global/images/j"),
        f"POST {GLOBAL}/images/i/deprecate",
        {},
        {"state": "DEPRECATED", "replacement": "projects/p/global/images/j"},
    ),
    (lambda c: c.deprecate_image("i", "OBSOLETE", None), f"POST {GLOBAL}/images/i/deprecate", {}, {"state": "OBSOLETE"}),
    (lambda c: c.insert_machine_image({"name": "m"}), f"POST {GLOBAL}/machineImages", {}, {"name": "m"}),
    (lambda c: c.delete_machine_image("m"), f"DELETE {GLOBAL}/machineImages/m", {}, None),
    (lambda c: c.insert_instance_template({"name": "t"}), f"POST {GLOBAL}/instanceTemplates", {}, {"name": "t"}),
    (lambda c: c.delete_instance_template("t"), f"DELETE {GLOBAL}/instanceTemplates/t", {}, None),
    (
        lambda c: c.insert_address(R, {"name": "a", "addressType": "INTERNAL"}),
        f"POST {REGION}/addresses",
        {},
        {"name": "a", "addressType": "INTERNAL"},
    ),
    (lambda c: c.delete_address(R, "a"), f"DELETE {REGION}/addresses/a", {}, None),
    (
        lambda c: c.insert_network({"name": "n", "autoCreateSubnetworks": False}),
        f"POST {GLOBAL}/networks",
        {},
        {"name": "n", "autoCreateSubnetworks": False},
    ),
    (lambda c: c.stop_instance(Z, "v"), f"POST {ZONE}/instances/v/stop", {}, None),
    (lambda c: c.stop_instance(Z, "v", discard_local_ssd=False), f"POST {ZONE}/instances/v/stop", {"discardLocalSsd": "false"}, None),
    (lambda c: c.start_instance(Z, "v"), f"POST {ZONE}/instances/v/start", {}, None),
    (
        lambda c: c.start_instance(Z, "v", [{"source": "d", "diskEncryptionKey": KEY}]),
        f"POST {ZONE}/instances/v/startWithEncryptionKey",
        {},
        {"disks": [{"source": "d", "diskEncryptionKey": KEY}]},
    ),
    (
        lambda c: c.attach_disk(Z, "v", {"source": "d", "autoDelete": False}),
        f"POST {ZONE}/instances/v/attachDisk",
        {},
        {"source": "d", "autoDelete": False},
    ),
    (lambda c: c.detach_disk(Z, "v", "dev/a?b"), f"POST {ZONE}/instances/v/detachDisk", {"deviceName": "dev/a?b"}, None),
    (
        lambda c: c.set_disk_auto_delete(Z, "v", "dev", False),
        f"POST {ZONE}/instances/v/setDiskAutoDelete",
        {"autoDelete": "false", "deviceName": "dev"},
        None,
    ),
    (lambda c: c.set_instance_labels(Z, "v", {"a": "b"}, "fp"), f"POST {ZONE}/instances/v/setLabels", {}, LABELS),
    (lambda c: c.delete_instance(Z, "v"), f"DELETE {ZONE}/instances/v", {}, None),
    (
        lambda c: c.insert_instance(Z, {"name": "v", "tags": {"items": []}}, "projects/p/global/machineImages/m"),
        f"POST {ZONE}/instances",
        {"sourceMachineImage": "projects/p/global/machineImages/m"},
        {"name": "v", "tags": {"items": []}},
    ),
]
WITHOUT_ID: list[tuple[Call, str]] = [
    (lambda c: c.set_snapshot_labels("s", {"a": "b"}, "fp"), f"POST {GLOBAL}/snapshots/s/setLabels"),
    (lambda c: c.set_image_labels("i", {"a": "b"}, "fp"), f"POST {GLOBAL}/images/i/setLabels"),
    (lambda c: c.set_machine_image_labels("m", {"a": "b"}, "fp"), f"POST {GLOBAL}/machineImages/m/setLabels"),
]


@pytest.mark.parametrize(("call", "sent", "query", "body"), CHANGES, ids=[f"{n}-{change[1].rpartition('/')[2]}" for n, change in enumerate(CHANGES)])
def test_change_is_sent_with_a_request_id(call: Call, sent: str, query: dict[str, str], body: Any) -> None:
    with bench(ok(operation_wire())) as made:
        operation = call(made.client)
    assert made.sent == [sent]
    identifier = made.queries[0].pop("requestId")
    given = made.queries[0]
    assert uuid.UUID(identifier).version == 4
    assert {key: value for key, value in given.items() if key != "requestId"} == query
    assert made.bodies == [body]
    assert (operation.name, operation.place, operation.done) == ("operation-1", objects.zone(Z), False)
    assert operation.target == "projects/p/zones/z-1/disks/data"


@pytest.mark.parametrize(("call", "sent"), WITHOUT_ID)
def test_labels_that_have_no_request_id_are_sent_without(call: Call, sent: str) -> None:
    with bench(ok(operation_wire())) as made:
        call(made.client)
    assert (made.sent, made.queries, made.bodies) == ([sent], [{}], [LABELS])


def test_request_id_is_kept_over_repetitions_and_new_for_each_change() -> None:
    with bench(refused(503), Reply(drop=True), ok(operation_wire())) as made:
        made.client.insert_disk(objects.zone(Z), {"name": "d"})
        made.client.insert_disk(objects.zone(Z), {"name": "d"})
    ids = [query["requestId"] for query in made.queries]
    assert len(ids) == 4
    assert ids[0] == ids[1] == ids[2] != ids[3]


def test_field_that_the_sdk_does_not_know_is_sent_all_the_same() -> None:
    body = {"name": "d", "sizeGb": "10", "madeUpByGoogle": {"later": [1]}}
    with bench(ok(operation_wire())) as made:
        made.client.insert_disk(objects.zone(Z), body)
    assert (made.sent, made.bodies) == ([f"POST {ZONE}/disks"], [body])
    assert "requestId" in made.queries[0]


def test_instance_is_inserted_word_by_word() -> None:
    body = {"name": "v", "madeUpByGoogle": True, "labels": {}, "networkInterfaces": [{"accessConfigs": []}]}
    with bench(ok(operation_wire())) as made:
        made.client.insert_instance(Z, body)
    assert made.bodies == [body]


READS: list[tuple[Call, str]] = [
    (lambda c: c.get_instance(Z, "x"), f"{ZONE}/instances/x"),
    (lambda c: c.get_disk(objects.zone(Z), "x"), f"{ZONE}/disks/x"),
    (lambda c: c.get_disk(objects.region(R), "x"), f"{REGION}/disks/x"),
    (lambda c: c.get_snapshot("x"), f"{GLOBAL}/snapshots/x"),
    (lambda c: c.get_image("x"), f"{GLOBAL}/images/x"),
    (lambda c: c.get_image("x", project="debian-cloud"), "/compute/v1/projects/debian-cloud/global/images/x"),
    (lambda c: c.get_image_from_family("x", project="debian-cloud"), "/compute/v1/projects/debian-cloud/global/images/family/x"),
    (lambda c: c.get_machine_image("x"), f"{GLOBAL}/machineImages/x"),
    (lambda c: c.get_instance_template("x"), f"{GLOBAL}/instanceTemplates/x"),
    (lambda c: c.get_address(R, "x"), f"{REGION}/addresses/x"),
    (lambda c: c.get_region("x"), f"{HERE}/regions/x"),
    (lambda c: c.get_snapshot("x", project="vault"), "/compute/v1/projects/vault/global/snapshots/x"),
    (lambda c: c.get_network("x"), f"{GLOBAL}/networks/x"),
    (lambda c: c.get_network("x", project="host"), "/compute/v1/projects/host/global/networks/x"),
    (lambda c: c.get_subnetwork(R, "x"), f"{REGION}/subnetworks/x"),
    (lambda c: c.get_subnetwork(R, "x", project="host"), "/compute/v1/projects/host/regions/r/subnetworks/x"),
    (lambda c: c.get_resource_policy(R, "x"), f"{REGION}/resourcePolicies/x"),
    (lambda c: c.get_disk_type(objects.zone(Z), "x"), f"{ZONE}/diskTypes/x"),
    (lambda c: c.get_disk_type(objects.region(R), "x"), f"{REGION}/diskTypes/x"),
    (lambda c: c.get_machine_type(Z, "x"), f"{ZONE}/machineTypes/x"),
]


@pytest.mark.parametrize(("call", "path"), READS, ids=[path for _call, path in READS])
def test_resource_is_read_whole_and_none_when_absent(call: Call, path: str) -> None:
    wire = {"name": "x", "id": "7", "selfLink": f"https://www.googleapis.com{path}", "madeUpByGoogle": {"later": [1]}}
    missing = refused(404, "notFound", f"The resource '{path.partition('/v1/')[2]}' was not found")
    with bench(ok(wire), missing) as made:
        found = call(made.client)
        assert call(made.client) is None
    assert made.sent == [f"GET {path}"] * 2
    assert (found.wire, found.uid, found.path) == (wire, "7", path.partition("/v1/")[2])


def test_something_absent_around_the_resource_is_an_error() -> None:
    with bench(refused(404, "notFound", "The resource 'projects/p' was not found")) as made, pytest.raises(NotFound, match="'projects/p'"):
        made.client.get_snapshot("x")


LISTS: list[tuple[Call, str]] = [
    (lambda c: c.list_instances(Z, "f"), f"{ZONE}/instances"),
    (lambda c: c.list_disks(objects.zone(Z), "f"), f"{ZONE}/disks"),
    (lambda c: c.list_disks(objects.region(R), "f"), f"{REGION}/disks"),
    (lambda c: c.list_snapshots("f"), f"{GLOBAL}/snapshots"),
    (lambda c: c.list_images("f"), f"{GLOBAL}/images"),
    (lambda c: c.list_machine_images("f"), f"{GLOBAL}/machineImages"),
    (lambda c: c.list_instance_templates("f"), f"{GLOBAL}/instanceTemplates"),
    (lambda c: c.list_addresses(R, "f"), f"{REGION}/addresses"),
    (lambda c: c.list_operations(objects.zone(Z), "f"), f"{ZONE}/operations"),
    (lambda c: c.list_operations(objects.EVERYWHERE, "f"), f"{GLOBAL}/operations"),
]


@pytest.mark.parametrize(("call", "path"), LISTS, ids=[path for _call, path in LISTS])
def test_list_goes_on_to_the_page_without_a_token(call: Call, path: str) -> None:
    pages = [{"items": [{"name": "a"}], "nextPageToken": "1/="}, {"nextPageToken": "2"}, {"items": [], "nextPageToken": "3"}, {"items": [{"name": "b"}]}]
    with bench(*(ok({"kind": "list", **page}) for page in pages)) as made:
        assert [item.name for item in call(made.client)] == ["a", "b"]
    assert made.sent == [f"GET {path}"] * 4
    assert made.queries == [{"filter": "f", "maxResults": "500", **({"pageToken": token} if token else {})} for token in ("", "1/=", "2", "3")]


def test_list_without_a_filter_sends_none_and_reads_no_page_ahead() -> None:
    with bench(ok({"items": [{"name": "a"}], "nextPageToken": "1"})) as made:
        assert next(made.client.list_snapshots()).name == "a"
    assert made.queries == [{"maxResults": "500"}]


@pytest.mark.parametrize("said", [{"warning": {"code": "UNREACHABLE", "message": "zone z-2 is down."}}, {"unreachables": ["zones/z-2"]}])
def test_list_that_is_not_complete_is_an_error(said: dict[str, Any]) -> None:
    with bench(ok({"kind": "list", "items": [{"name": "a"}], **said})) as made, pytest.raises(ProviderFailure, match="incomplete list") as failure:
        list(made.client.list_snapshots())
    assert failure.value.code == "UNREACHABLE"


def test_page_without_results_is_no_incomplete_list() -> None:
    with bench(ok({"kind": "list", "warning": {"code": "NO_RESULTS_ON_PAGE"}})) as made:
        assert list(made.client.list_snapshots()) == []


@pytest.mark.parametrize("page", [{}, {"items": {}}, {"items": ["a"]}])
def test_answer_that_is_no_list_is_no_empty_list(page: dict[str, Any]) -> None:
    with bench(ok(page)) as made, pytest.raises(ProviderFailure, match="without a list"):
        list(made.client.list_snapshots())


def test_page_that_leads_back_to_itself_is_an_error() -> None:
    with bench(ok({"kind": "list", "nextPageToken": "1"})) as made, pytest.raises(ProviderFailure, match="again and again"):
        list(made.client.list_snapshots())


def test_list_without_an_end_ends_with_the_task() -> None:
    with bench(*(ok({"kind": "list", "items": [{"name": "a"}], "nextPageToken": str(number)}) for number in range(50)), wait_s=60) as made:
        found = made.client.list_snapshots()
        assert [next(found).name for _page in range(4)] == ["a"] * 4
        made.clock.now += 60
        with pytest.raises(WaitTimeout, match="could not be read to the end, 4 pages were"):
            next(found)
    assert len(made.sent) == 4


AGGREGATED: list[tuple[Call, str, str]] = [
    (lambda c: c.list_all_disks("f"), "disks", f"{HERE}/aggregated/disks"),
    (lambda c: c.list_all_instances("f"), "instances", f"{HERE}/aggregated/instances"),
]


@pytest.mark.parametrize(("call", "collection", "path"), AGGREGATED, ids=["disks", "instances"])
def test_list_of_all_places_reads_each_place_of_each_page(call: Call, collection: str, path: str) -> None:
    nothing = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "There are no results for scope 'zones/z-2' on this page."}}
    here = {collection: [{"name": "a", "selfLink": "https://x/compute/v1/projects/p/zones/z-1/disks/a"}]}
    around = {collection: [{"name": "b", "selfLink": "https://x/compute/v1/projects/p/regions/r/disks/b"}, {"name": "c"}]}
    pages = [
        {"items": {"zones/z-1": here, "zones/z-2": nothing}, "nextPageToken": "1"},
        {"nextPageToken": "2"},
        {"items": {"regions/r": around, "global": nothing, "zones/z-1": {}}},
    ]
    with bench(*(ok({"kind": "list", **page}) for page in pages)) as made:
        found = list(call(made.client))
    assert [item.name for item in found] == ["a", "b", "c"]
    assert [item.place for item in found[:2]] == [objects.zone(Z), objects.region(R)]
    assert made.sent == [f"GET {path}"] * 3
    assert made.queries == [{"filter": "f", "maxResults": "500", **({"pageToken": token} if token else {})} for token in ("", "1", "2")]


@pytest.mark.parametrize(("call", "collection", "path"), AGGREGATED, ids=["disks", "instances"])
@pytest.mark.parametrize("code", ["UNREACHABLE", "PARTIAL_SUCCESS", "SOMETHING_NEW"])
def test_list_of_all_places_that_lacks_one_is_an_error_that_names_it(call: Call, collection: str, path: str, code: str) -> None:
    items = {"zones/z-1": {collection: [{"name": "a"}]}, "zones/z-2": {"warning": {"code": code, "message": "It is down."}}}
    with bench(ok({"kind": "list", "items": items})) as made, pytest.raises(ProviderFailure, match="incomplete list") as failure:
        list(call(made.client))
    assert failure.value.message == f"could not read {collection} of all zones and regions in zones/z-2: incomplete list ({code}): It is down."
    assert failure.value.code == code


@pytest.mark.parametrize("said", [{"warning": {"code": "UNREACHABLE", "message": "zone z-2 is down."}}, {"unreachables": ["zones/z-2"]}])
def test_list_of_all_places_that_is_not_complete_as_a_whole_is_an_error(said: dict[str, Any]) -> None:
    with bench(ok({"kind": "list", "items": {}, **said})) as made, pytest.raises(ProviderFailure, match="incomplete list"):
        list(made.client.list_all_disks())


@pytest.mark.parametrize("page", [{}, {"items": []}, {"items": {"zones/z-1": []}}, {"items": {"zones/z-1": {"disks": {}}}}])
def test_answer_that_is_no_list_of_places_is_no_empty_list(page: dict[str, Any]) -> None:
    with bench(ok(page)) as made, pytest.raises(ProviderFailure, match="without a list"):
        list(made.client.list_all_disks())


def test_what_hangs_on_a_vm_is_read() -> None:
    replies = [
        {"items": [{"referrer": "https://x/compute/v1/projects/p/zones/z-1/instanceGroups/g"}]},
        {"etag": "x", "bindings": []},
        {"items": [{"name": "pool"}]},
        {"items": [{"name": "neg"}]},
        {"items": [{"networkEndpoint": {"instance": "v"}}], "nextPageToken": "n"},
        {"kind": "list"},
    ]
    with bench(*map(ok, replies)) as made:
        assert made.client.list_referrers(Z, "v") == ["projects/p/zones/z-1/instanceGroups/g"]
        assert made.client.get_instance_policy(Z, "v") == {"etag": "x", "bindings": []}
        assert [pool.name for pool in made.client.list_target_pools(R)] == ["pool"]
        assert [group.name for group in made.client.list_network_endpoint_groups(Z)] == ["neg"]
        assert list(made.client.list_network_endpoints(Z, "neg")) == [{"instance": "v"}]
    group = f"POST {ZONE}/networkEndpointGroups/neg/listNetworkEndpoints"
    assert made.sent == [
        f"GET {ZONE}/instances/v/referrers",
        f"GET {ZONE}/instances/v/getIamPolicy",
        f"GET {REGION}/targetPools",
        f"GET {ZONE}/networkEndpointGroups",
        group,
        group,
    ]


@pytest.mark.parametrize(
    ("kind", "place", "path"),
    [("instances", objects.zone(Z), f"{ZONE}/instances"), ("disks", objects.region(R), f"{REGION}/disks"), ("images", objects.EVERYWHERE, f"{GLOBAL}/images")],
)
def test_permissions_are_asked_about(kind: str, place: objects.Place, path: str) -> None:
    with bench(ok({"permissions": ["a.b.c"]}), ok({})) as made:
        assert made.client.test_permissions(kind, place, "x", {"a.b.d", "a.b.c"}) == {"a.b.c"}
        assert made.client.test_permissions(kind, place, "x", {"a.b.d"}) == set()
    assert made.sent == [f"POST {path}/x/testIamPermissions"] * 2
    assert made.bodies[0] == {"permissions": ["a.b.c", "a.b.d"]}


def test_project_is_read() -> None:
    with bench(ok({"name": "p", "quotas": [{"metric": "SNAPSHOTS"}]})) as made:
        assert made.client.get_project().wire["quotas"] == [{"metric": "SNAPSHOTS"}]
        assert made.client.project == "p"
    assert made.sent == [f"GET {HERE}"]


@pytest.mark.parametrize("name", ["a/b", "..", "", "a?b", "a b", "ä"])
def test_name_that_would_lead_elsewhere_is_refused_before_anything_is_sent(name: str) -> None:
    with bench() as made:
        pytest.raises(InvalidRequest, made.client.get_snapshot, name)
        if name:
            pytest.raises(InvalidRequest, made.client.delete_snapshot, name)
    assert made.server.asked == []


REFUSALS: list[tuple[int, str, type[RecoveryError], bool]] = [
    (400, "invalid", InvalidRequest, False),
    (400, "resourceInUseByAnotherResource", Conflict, False),
    (400, "resourceNotReady", Conflict, True),
    (401, "authError", AuthenticationFailed, False),
    (403, "forbidden", AuthenticationFailed, False),
    (403, "quotaExceeded", ProviderFailure, False),
    (403, "QUOTA_EXCEEDED", ProviderFailure, False),
    (403, "rateLimitExceeded", RateLimited, True),
    (403, "userRateLimitExceeded", RateLimited, True),
    (403, "RESOURCE_OPERATION_RATE_EXCEEDED", RateLimited, True),
    (404, "notFound", NotFound, False),
    (409, "alreadyExists", Conflict, False),
    (412, "conditionNotMet", Conflict, False),
    (429, "rateLimitExceeded", RateLimited, True),
    (501, "notImplemented", Unsupported, False),
    (503, "ZONE_RESOURCE_POOL_EXHAUSTED", ProviderFailure, False),
]


@pytest.mark.parametrize(("status", "reason", "kind", "repeated"), REFUSALS, ids=[f"{refusal[0]}-{refusal[1]}" for refusal in REFUSALS])
def test_refusal_is_told_by_its_reason(status: int, reason: str, kind: type[RecoveryError], repeated: bool) -> None:
    with bench(refused(status, reason, "Google's words."), retries=2) as made:
        failure = pytest.raises(RecoveryError, made.client.set_disk_labels, objects.zone(Z), "data", {}, "fp")
    error = failure.value
    assert len(made.server.asked) == (3 if repeated else 1)
    assert error.__class__ is kind
    assert is_out_of_stock(error) == (kind is ProviderFailure)
    assert (error.code, error.http_status, error.transient) == (reason, status, repeated)
    assert error.message.startswith(f'could not set the labels of disk "data" in zone z-1: Google\'s words (HTTP {status}, {reason}).')


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_failure_of_the_server_is_repeated_and_leaves_a_change_unknown(status: int) -> None:
    with bench(refused(status), retries=2) as made:
        error = pytest.raises(OutcomeUnknown, made.client.delete_snapshot, "s").value
    assert (len(made.server.asked), error.http_status, error.transient) == (3, status, False)
    with bench(refused(status), retries=2) as made:
        failure = pytest.raises(ProviderFailure, made.client.get_snapshot, "s").value
    assert (type(failure), len(made.server.asked), failure.transient) == (ProviderFailure, 3, True)


def test_change_that_may_have_been_carried_out_stays_unknown_whatever_follows() -> None:
    with bench(Reply(drop=True), refused(403, "forbidden"), retries=2) as made:
        error = pytest.raises(OutcomeUnknown, made.client.delete_snapshot, "s").value
    assert (error.code, error.http_status) == ("forbidden", 403)


@pytest.mark.parametrize(("reply", "kind"), [(refused(404, "notFound"), NotFound), (refused(409, "alreadyExists"), Conflict)])
def test_state_of_the_resource_is_told_even_after_a_lost_answer(reply: Reply, kind: type[RecoveryError]) -> None:
    with bench(Reply(drop=True), reply) as made:
        pytest.raises(kind, made.client.delete_snapshot, "s")


def test_cancellation_does_not_hide_that_the_outcome_is_unknown() -> None:
    with bench(refused(503)) as made:
        made.waiter.cancel()
        pytest.raises(OutcomeUnknown, made.client.delete_snapshot, "s")
        pytest.raises(Cancelled, made.client.get_snapshot, "s")


def test_too_many_pending_operations_are_a_matter_of_time() -> None:
    busy = refused(403, "forbidden", "Too many pending operations on a resource.")
    with bench(busy, busy, ok(operation_wire())) as made:
        made.client.stop_instance(Z, "v")
    assert made.clock.pauses == [0.5, 1.0]


def test_server_says_when_to_come_back() -> None:
    with bench(refused(429, "rateLimitExceeded", headers={"Retry-After": "7"}), ok(operation_wire())) as made:
        made.client.stop_instance(Z, "v")
    assert made.clock.pauses == [7.0]


def test_missing_permission_and_a_full_quota_come_with_advice() -> None:
    with bench(refused(403, "forbidden", "Required 'compute.snapshots.create' permission for 'projects/p/global/snapshots/s'")) as made:
        denied = pytest.raises(AuthenticationFailed, made.client.insert_snapshot, {"name": "s"}).value
    assert 'create snapshot "s"' in denied.message
    assert "Grant compute.snapshots.create" in denied.message
    with bench(refused(403, "quotaExceeded", "Quota 'SNAPSHOTS' exceeded. Limit: 5.0 globally.")) as made:
        full = pytest.raises(ProviderFailure, made.client.insert_snapshot, {"name": "s"}).value
    assert "Quota 'SNAPSHOTS' exceeded" in full.message
    assert "higher quota" in full.message
    assert is_out_of_stock(full)
    assert not is_out_of_stock(denied)


def test_kinds_of_conflict_are_told_apart() -> None:
    with bench(refused(412, "", "changed"), refused(400, "resourceInUseByAnotherResource")) as made:
        changed = pytest.raises(Conflict, made.client.set_instance_labels, Z, "v", {}, "fp").value
        used = pytest.raises(Conflict, made.client.delete_disk, objects.zone(Z), "d").value
    assert (changed.code, used.code) == ("conditionNotMet", "resourceInUseByAnotherResource")
    assert (is_fingerprint_mismatch(changed), is_fingerprint_mismatch(used)) == (True, False)
    assert (is_in_use(changed), is_in_use(used)) == (False, True)


@pytest.mark.parametrize("raw", [False, True])
def test_encryption_keys_and_metadata_are_in_no_message(raw: bool) -> None:
    body = {"name": "v", "disks": [{"diskEncryptionKey": KEY}], "metadata": {"items": [{"key": "startup-script", "value": "export PASSWORD=hunter22"}]}}
    said = f"Invalid value '{KEY['rawKey']}' or 'export PASSWORD=hunter22'"
    with bench(refused(400, "invalid", said)) as made:
        call: Call = (lambda c: c.insert_instance(Z, body)) if raw else (lambda c: c.insert_disk(objects.zone(Z), {"name": "d", "diskEncryptionKey": KEY}))
        error = pytest.raises(InvalidRequest, call, made.client).value
    assert KEY["rawKey"] not in error.message
    assert KEY["rawKey"] in made.secrets
    assert not raw or "hunter22" not in error.message


def test_answer_that_the_sdk_cannot_read_is_an_unknown_outcome() -> None:
    with bench(Reply(body=json.dumps({**operation_wire(), "warnings": "none"})), retries=1) as made:
        pytest.raises(OutcomeUnknown, made.client.delete_snapshot, "s")
    assert len(made.server.asked) == 2


def test_threads_share_a_client() -> None:
    with bench(ok(operation_wire())) as made, ThreadPoolExecutor(8) as pool:
        places = [objects.zone(Z) if number % 2 else objects.region(R) for number in range(24)]
        list(pool.map(made.client.insert_disk, places, [{"name": f"d{number}"} for number in range(24)]))
    assert sorted(body["name"] for body in made.bodies) == sorted(f"d{n}" for n in range(24))
    assert len({query["requestId"] for query in made.queries}) == 24
    assert max(asked.connection for asked in made.server.asked) <= 10


def test_message_names_one_resource_and_where_it_is() -> None:
    with bench(refused(403, "forbidden")) as made:
        error = pytest.raises(AuthenticationFailed, made.client.get_machine_image, "m").value
        other = pytest.raises(AuthenticationFailed, made.client.get_address, R, "a").value
        policy = pytest.raises(AuthenticationFailed, made.client.get_resource_policy, R, "nightly").value
        shared = pytest.raises(AuthenticationFailed, made.client.get_subnetwork, R, "s", "host").value
    assert policy.message.startswith('could not read resource policy "nightly" in region r: ')
    assert shared.message.startswith('could not read subnetwork "s" in region r of project host: ')
    assert error.message.startswith('could not read machine image "m": ')
    assert other.message.startswith('could not read address "a" in region r: ')


@pytest.mark.parametrize(("wait_s", "kind"), [(0.0, WaitTimeout), (600.0, ProviderFailure)])
def test_read_for_which_no_time_is_left_is_a_matter_of_the_deadline(wait_s: float, kind: type[RecoveryError]) -> None:
    with bench(refused(503, "backendError"), retries=1, wait_s=wait_s) as made:
        error = pytest.raises(RecoveryError, made.client.get_disk, objects.zone(Z), "d").value
    assert isinstance(error, kind)
    assert ("the deadline passed" in error.message) == (kind is WaitTimeout)
    assert error.transient
