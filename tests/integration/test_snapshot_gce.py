# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module snapshot on Compute Engine: played as a target, its examples as they stand, and every option to the wire or to its effect."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.naming import derived_name

from tests.harness.gce_worlds import REGION, SITE, ZONE, GceWorld
from tests.harness.modules import Modules, Result
from tests.harness.playbooks import WarmPlaybooks, play
from tests.simulator.server import running_simulator

STEPS = ("Create", "Create again", "Change", "Change again", "Delete", "Delete again")
KEY, OTHER_KEY = (base64.b64encode(letter * 32).decode() for letter in (b"k", b"o"))
KMS = "projects/shop/locations/eu/keyRings/ring/cryptoKeys/disks"
ZONAL, REGIONAL = f"zones/{ZONE}/disks/data", f"regions/{REGION}/disks/big"
CREATE = {"operation": "CREATE", "name": "s", "source_disk": "data"}
LIST = {"operation": "INSPECT_ALL"}
MOMENT = "20260301-020007"

Ask = Callable[..., "Ran"]


class Ran:
    """A run of the module, and the requests that it made."""

    def __init__(self, modules: Modules, world: GceWorld, options: Mapping[str, Any], **how: Any) -> None:
        mark = world.mark()
        given = {name: value for name, value in {**world.options, **options}.items() if value is not None}
        self.result: Result = modules.run("snapshot", given, **how)
        self.requests = world.control.requests(mark)
        self.changes = world.changes(mark)
        self.bodies = world.bodies(mark)

    def __getitem__(self, key: str) -> Any:
        return self.result[key]

    @property
    def body(self) -> dict[str, Any]:
        """The body of the only request that changes something."""
        (body,) = self.bodies
        return dict(body)

    def is_refused(self, word: str) -> bool:
        """Whether it failed because of the options, before anything was sent, with a message that names them."""
        return self.result.failed and word in self.result.message and not self.requests


@pytest.fixture
def ask(modules: Modules, gce_world: GceWorld) -> Ask:
    """Runs the module in the test's project: ask(options)."""
    return lambda options, **how: Ran(modules, gce_world, options, **how)


# -- Playbooks


def test_twelve_steps(warm_playbooks: WarmPlaybooks, gce_world: GceWorld) -> None:
    before = [(item["name"], item["digest"]) for item in gce_world.all("disks")]
    variables = {"simulator_control": f"{gce_world.simulator.url}/_control", "name_prefix": "it", "gce_disk": ZONAL}
    outcome = warm_playbooks.run([play(roles=["snapshot"])], environ=gce_world.environment, variables=variables)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    played = [entry["task"].partition(" : ")[2] for entry in outcome.tasks if entry["action"] == "multicloud.recovery.snapshot"]
    assert [name for name in played if ": " in name] == [f"{mode}: {step}" for step in STEPS for mode in ("In check mode", "For real")]
    # Twelve steps, three of which change something.
    assert gce_world.changes() == ["POST global/snapshots", "POST global/snapshots/it-snapshot/setLabels", "DELETE global/snapshots/it-snapshot"]
    assert gce_world.all("snapshots") == []
    assert [(item["name"], item["digest"]) for item in gce_world.all("disks")] == before
    assert gce_world.violations() == []


# In the order of the documentation, where each finds what those before it left: whether it changes something, and what is true then.
EXAMPLES: dict[str, tuple[bool, str]] = {
    "Take a snapshot of a disk": (True, "said.snapshot.status == 'succeeded' and said.snapshot.tags == {'purpose': 'upgrade'}"),
    "Take one each time, to be kept for thirty days, unless there is one of the last hour": (
        True,
        "said.snapshot.name is match('shop-data-[0-9]{8}-[0-9]{6}') and said.snapshot.expires_at is not none",
    ),
    "Take one of a regional disk, stored in the European Union": (
        True,
        "said.snapshot.storage_locations == ['eu'] and said.snapshot.snapshot_type == 'ARCHIVE' and said.snapshot.zone is none",
    ),
    "Look at a snapshot": (False, "said.snapshot.source_disk.endswith('/disks/shop-data')"),
    "List the snapshots of a disk that can be restored from": (False, "said.snapshots | length == 8"),
    "Delete what has expired, but for the newest three": (True, "said.snapshots | map(attribute='name') | list == ['f', 'd', 'c']"),
    "Delete a snapshot, if it is one of the disk that is meant": (True, "said.snapshot == {}"),
}
# By name, age and time to the expiry in days. Together with the one that the examples take, a and b are the newest three.
NIGHTLY: dict[str, tuple[float, float]] = {"a": (1, -0.5), "b": (2, -0.5), "c": (3, -0.5), "d": (4, -0.5), "e": (5, 1), "f": (6, -0.5)}


def test_examples_run_as_they_stand(warm_playbooks: WarmPlaybooks, tmp_path: Path) -> None:
    source = importlib.import_module("ansible_collections.multicloud.recovery.plugins.modules.snapshot").EXAMPLES
    shown = yaml.safe_load(source.replace("/etc/ansible/shop-production.json", str(tmp_path / "key.json")))
    shown = [example for example in shown if example.get("multicloud.recovery.snapshot", {}).get("provider") == "gce"]
    assert [example["name"] for example in shown] == list(EXAMPLES)
    with running_simulator("gce", operation_s=0) as simulator:
        world = GceWorld(simulator)
        world.project, world.control = "shop-production", simulator.control.scoped("shop-production")
        (tmp_path / "key.json").write_text(json.dumps(world.service_account))
        world.put_disk("shop-data")
        world.put_disk("shop-database", f"regions/{REGION}")
        for name, (age, expires) in NIGHTLY.items():
            world.put_snapshot(name, "shop-data", age_h=24 * age, labels={"purpose": "nightly", "mcr-expires": _label_in(expires)})
        tasks: list[dict[str, Any]] = []
        for example in shown:
            changed, truth = EXAMPLES[example["name"]]
            check = {"name": f"after {example['name']}", "ansible.builtin.assert": {"that": [f"said is changed == {changed}", truth]}}
            tasks += [{**example, "register": "said"}, check]
        # The variables that the comments in the examples speak of.
        environ = {**world.environment, "GCP_SERVICE_ACCOUNT_FILE": str(tmp_path / "key.json")}
        del environ["GCP_ACCESS_TOKEN"]
        outcome = warm_playbooks.run([play(*tasks)], environ=environ)
        assert outcome.code == 0, outcome.stdout + outcome.stderr
        assert world.violations() == []


def _label_in(days: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y%m%d-%H%M%S")


def test_defaults_of_the_action_group_reach_the_module(warm_playbooks: WarmPlaybooks, gce_world: GceWorld) -> None:
    tasks = [{"name": "list", "multicloud.recovery.snapshot": {"operation": "INSPECT_ALL", "max_objects": 5}}]
    outcome = warm_playbooks.run([play(*tasks, module_defaults={"group/multicloud.recovery.all": gce_world.options})])
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert outcome.result("list")["snapshots"] == []
    assert gce_world.token not in outcome.text


# -- Every option


# Options of the insert request: what is given, and what must be in the body because of it.
BODY: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("name", {"name": "by-another-name"}, {"name": "by-another-name"}),
    ("source_disk", {}, {"sourceDisk": ZONAL}),
    ("source_disk", {"source_disk": None, "disk_id": "data"}, {"sourceDisk": ZONAL}),
    ("source_disk", {"source_disk": None, "source_volume": "data"}, {"sourceDisk": ZONAL}),
    ("source_disk", {"source_disk": REGIONAL}, {"sourceDisk": REGIONAL}),
    ("source_disk", {"source_disk": f"https://compute.googleapis.com/compute/v1/projects/PROJECT/{REGIONAL}"}, {"sourceDisk": REGIONAL}),
    ("region", {"source_disk": "big", "zone": None, "region": REGION}, {"sourceDisk": REGIONAL}),
    ("region", {"source_disk": "big", "region": REGION}, {"sourceDisk": REGIONAL}),
    ("zone", {"source_disk": "data", "region": REGION}, {"sourceDisk": ZONAL}),
    ("description", {"description": "before the upgrade"}, {"description": "before the upgrade"}),
    ("tags", {"tags": {"env": "prod", "level": 3}}, {"labels": {"env": "prod", "level": "3"}}),
    ("tags", {"labels": {"env": "prod"}}, {"labels": {"env": "prod"}}),
    ("storage_location", {"storage_location": "europe-west1"}, {"storageLocations": ["europe-west1"]}),
    ("guest_flush", {"guest_flush": True}, {"guestFlush": True, "labels": {"mcr-consistency": "application"}}),
    ("guest_flush", {"guest_flush": False}, {"guestFlush": False}),
    ("snapshot_type", {"snapshot_type": "ARCHIVE"}, {"snapshotType": "ARCHIVE"}),
    ("snapshot_type", {"snapshot_type": "STANDARD"}, {"snapshotType": "STANDARD"}),
    ("kms_key", {"kms_key": KMS}, {"snapshotEncryptionKey": {"kmsKeyName": KMS}}),
    ("disk_encryption_keys", {"disk_encryption_keys": {"data": KEY, "other": OTHER_KEY}}, {"snapshotEncryptionKey": {"rawKey": "***"}}),
]
# Options with a test of their own in this file.
BEHAVIOUR = {
    "operation": "test_operation_chooses_the_calls",
    "provider": "test_operation_chooses_the_calls",
    "uid": "test_uid_chooses",
    "project_id": "test_connection_reaches_the_wire",
    "service_account_file": "test_service_account_signs_in",
    "service_account_contents": "test_service_account_signs_in",
    "access_token": "test_connection_reaches_the_wire",
    "api_url": "test_connection_reaches_the_wire",
    "min_age": "test_min_age_saves_a_snapshot",
    "retention_days": "test_retention_days_is_a_label",
    "retention": "test_rules_of_retention",
    "all_snapshots": "test_what_is_others_stays",
    "include_scheduled": "test_what_is_others_stays",
    "name_filter": "test_lists_are_filtered",
    "status": "test_lists_are_filtered",
    "max_objects": "test_lists_are_filtered",
    "wait": "test_without_wait_nothing_is_waited_for",
    "wait_timeout": "test_deadline_leaves_it_to_google",
    "wait_interval": "test_pauses_are_capped",
    "request_timeout": "test_slow_answer_ends_one_request",
    "retries": "test_retries_are_counted",
    # What every provider shares and other files test; plans of snapshots put nothing back.
    **dict.fromkeys(("validate_certs", "ca_path", "client_cert", "client_key", "undo_timeout"), ""),
}


def test_every_option_of_the_module_is_covered() -> None:
    package = "ansible_collections.multicloud.recovery.plugins"
    backends = importlib.import_module(f"{package}.modules.snapshot").BACKENDS
    arguments = importlib.import_module(f"{package}.module_utils.core.arguments")
    spec = arguments.argument_spec({"gce": backends["gce"].OPTIONS}, None)
    assert set(spec) == {name for name, *_rest in BODY} | set(BEHAVIOUR)
    assert all(test in globals() for test in BEHAVIOUR.values() if test)


@pytest.mark.parametrize(("option", "options", "sent"), BODY, ids=[f"{case[0]}-{number}" for number, case in enumerate(BODY)])
def test_option_is_sent(ask: Ask, gce_world: GceWorld, option: str, options: dict[str, Any], sent: dict[str, Any]) -> None:
    given = {name: value.replace("PROJECT", gce_world.project) if isinstance(value, str) else value for name, value in options.items()}
    if option == "guest_flush":
        gce_world.put_running_vm("data")
    predicted = ask({**CREATE, **given}, check=True)
    assert predicted.changes == []
    ran = ask({**CREATE, **given})
    assert not ran.result.failed, f"{option}: {ran.result.message}"
    body = {**ran.body, "sourceDisk": ran.body["sourceDisk"].removeprefix(f"projects/{gce_world.project}/")}
    assert body == {"name": "s", "sourceDisk": ZONAL, **sent}
    assert list(predicted["snapshot"]) == list(ran["snapshot"])
    for key in ("status", "source_disk_id", "tags", "guest_flush", "snapshot_type", "encryption", "description"):
        assert predicted["snapshot"][key] == ran["snapshot"][key]
    # It is also seen as equal afterwards, so that the second run changes nothing.
    again = ask({**CREATE, **given})
    assert not again.result.failed, f"{option}: {again.result.message}"
    assert (again["changed"], again.changes) == (False, [])
    assert gce_world.violations() == []
    assert KEY not in ran.result.stdout


def test_snapshot_holds_the_bytes_of_the_disk(ask: Ask, gce_world: GceWorld) -> None:
    ask(CREATE)
    digest = gce_world.one("snapshots", "s")["digest"]
    assert digest == gce_world.one("disks", "data")["digest"]
    gce_world.put_disk("data", text="written later")
    assert gce_world.one("disks", "data")["digest"] != digest == gce_world.one("snapshots", "s")["digest"]


def test_operation_chooses_the_calls(ask: Ask, gce_world: GceWorld) -> None:
    assert ask(CREATE).changes == ["POST global/snapshots"]
    assert ask({"operation": "INSPECT_ONE", "name": "s"}).requests[0]["path"].endswith("/global/snapshots/s")
    assert [entry["route"] for entry in ask(LIST).requests] == ["projects/{project}/global/snapshots"]
    assert ask({"operation": "DELETE", "name": "s"}).changes == ["DELETE global/snapshots/s"]
    assert ask({"operation": "INSPECT_ONE", "name": "s"}).result.kind == "NotFound"
    assert ask({**LIST, "provider": "px_backup"}).is_refused("provider")
    assert ask({**LIST, "provider": None}).is_refused("provider")
    assert gce_world.violations() == []


def test_uid_chooses(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.put_snapshot("s", "data")
    gce_world.put_snapshot("t", "data")
    uid = gce_world.one("snapshots", "s")["id"]
    assert ask({"operation": "INSPECT_ONE", "uid": uid})["snapshot"]["name"] == "s"
    assert ask({"operation": "INSPECT_ONE", "uid": "1"}).result.kind == "NotFound"
    assert ask({"operation": "DELETE", "name": "t", "uid": uid}).result.kind == "InvalidRequest"
    assert ask({"operation": "DELETE", "uid": "web"}).is_refused("uid")
    assert ask({"operation": "DELETE", "uid": uid}).changes == ["DELETE global/snapshots/s"]
    assert ask({"operation": "DELETE", "uid": uid})["changed"] is False
    assert gce_world.names("snapshots") == ["t"]


def test_connection_reaches_the_wire(ask: Ask, modules: Modules, gce_world: GceWorld) -> None:
    ran = ask(LIST)
    assert [entry["path"] for entry in ran.requests] == [f"/compute/v1/projects/{gce_world.project}/global/snapshots"]
    assert ask({**LIST, "project_id": None, "project": gce_world.project})["snapshots"] == []
    assert modules.run("snapshot", {**LIST, "provider": "gce"}, environ=gce_world.environment)["snapshots"] == []
    wrong = ask({**LIST, "access_token": "another-token"})
    assert wrong.result.kind == "AuthenticationFailed"
    assert "another-token" not in wrong.result.stdout
    missing = ask({**LIST, "project_id": None})
    assert missing.is_refused("project_id")
    assert "GCP_PROJECT" in missing.result.message


@pytest.mark.parametrize("how", ["file", "dictionary", "text", "environment"])
def test_service_account_signs_in(ask: Ask, gce_world: GceWorld, tmp_path: Path, how: str) -> None:
    account = gce_world.service_account
    (tmp_path / "key.json").write_text(json.dumps(account))
    options: dict[str, Any] = {"access_token": None}
    environ = {"GCP_SERVICE_ACCOUNT_CONTENTS": json.dumps(account)} if how == "environment" else {}
    options |= {"file": {"service_account_file": str(tmp_path / "key.json")}, "dictionary": {"service_account_contents": account}}.get(how, {})
    options |= {"service_account_contents": json.dumps(account)} if how == "text" else {}
    ran = ask({**CREATE, **options}, environ=environ)
    assert not ran.result.failed, ran.result.message
    assert ran["snapshot"]["source_disk"] == f"projects/{gce_world.project}/{ZONAL}", "what is no secret must not be masked"
    assert "PRIVATE KEY-----" not in ran.result.stdout.replace("-----BEGIN PRIVATE KEY-----", "", 0)
    assert account["private_key"].splitlines()[1] not in ran.result.stdout


def test_min_age_saves_a_snapshot(ask: Ask, gce_world: GceWorld) -> None:
    wanted = {**CREATE, "name": None, "min_age": 60}
    gce_world.put_snapshot("old", "data", age_h=1.1)
    gce_world.put_snapshot("scheduled", "data", autoCreated=True)
    first = ask(wanted)
    assert (first["changed"], len(first.changes)) == (True, 1)
    assert first["snapshot"]["name"].startswith("data-20")
    again = ask(wanted)
    assert (again["changed"], again.changes) == (False, [])
    assert again["snapshot"]["name"] == first["snapshot"]["name"]
    assert ask({**CREATE, "min_age": 60}).is_refused("min_age")


def test_retention_days_is_a_label(ask: Ask, gce_world: GceWorld) -> None:
    made = ask({**CREATE, "retention_days": 7})
    assert made["snapshot"]["expires_at"]
    assert made["snapshot"]["tags"] == {}
    assert ask({**CREATE, "retention_days": 7}).changes == []
    longer = ask({**CREATE, "retention_days": 30})
    assert longer.changes == ["POST global/snapshots/s/setLabels"]
    assert longer["snapshot"]["expires_at"] > made["snapshot"]["expires_at"]
    assert ask(CREATE).changes == []
    assert "mcr-expires" in gce_world.one("snapshots", "s")["labels"]


# -- Deletion


def _five(world: GceWorld) -> None:
    for number, name in enumerate("abcde"):
        world.put_snapshot(name, "data", age_h=24 * number + 1, labels={"kind": "daily" if number % 2 else "odd", "mcr-expires": _label_in(2 - number)})


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"retention": {"older_than": "1w"}}, ""),
        ({"retention": {"keep_last": 4, "older_than": "1d", "expired": True}}, "e"),
        ({"retention": {"keep_last": 1}, "tags": {"kind": "daily"}}, "d"),
        ({"all_snapshots": True}, "edcba"),
    ],
)
def test_rules_of_retention(ask: Ask, gce_world: GceWorld, options: dict[str, Any], gone: str) -> None:
    _five(gce_world)
    gce_world.put_snapshot("of-another-disk", "big", age_h=999, place=f"regions/{REGION}")
    wanted = {"operation": "DELETE", "source_disk": "data", **options}
    predicted = ask(wanted, check=True)
    assert predicted.changes == []
    ran = ask(wanted)
    assert not ran.result.failed, ran.result.message
    assert "".join(item["name"] for item in ran["snapshots"]) == gone
    assert [item["name"] for item in predicted["snapshots"]] == [item["name"] for item in ran["snapshots"]]
    assert predicted["changed"] is ran["changed"] is bool(gone)
    assert set(predicted.result.value) == set(ran.result.value)
    assert gce_world.names("snapshots") == sorted({*"abcde", "of-another-disk"} - set(gone))
    again = ask(wanted)
    assert (again["changed"], again["snapshots"], again.changes) == (False, [], [])
    assert gce_world.violations() == []


def test_all_deletions_are_under_way_at_once(ask: Ask, gce_world: GceWorld) -> None:
    _five(gce_world)
    gce_world.control.settings(operation_s=1)
    ran = ask({"operation": "DELETE", "source_disk": "data", "all_snapshots": True})
    assert len(ran["snapshots"]) == 5
    assert ran.result.seconds < 3


def test_what_is_others_stays(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.put_snapshot("ours", "data")
    gce_world.put_snapshot(
        "scheduled", "data", autoCreated=True, sourceSnapshotSchedulePolicy=f"{SITE}projects/{gce_world.project}/regions/{REGION}/resourcePolicies/daily"
    )
    # A part of a backup is known by its labels and its name together; another tool may have copied the labels.
    labels = {"mcr-vm": "web", "mcr-zone": ZONE, "mcr-device": "data", "mcr-backup": MOMENT, "mcr-attempt": "1"}
    part = derived_name(f"web-data-{MOMENT}", f"projects/{gce_world.project}/zones/{ZONE}/instances/web/{MOMENT}/data/1/snapshot")
    gce_world.put_snapshot(part, "data", labels=labels)
    gce_world.put_snapshot("copied", "data", age_h=1, labels=labels)
    gce_world.put_snapshot("earlier", "data", disk_id="77")
    for name, word in (("scheduled", "include_scheduled"), (part, f"web-{MOMENT}")):
        refused = ask({"operation": "DELETE", "name": name})
        assert (refused.result.kind, refused.changes) == ("Conflict", [])
        assert word in refused.result.message
    everything = {"operation": "DELETE", "source_disk": "data", "all_snapshots": True}
    ran = ask(everything)
    assert [item["name"] for item in ran["snapshots"]] == ["copied", "ours"]
    assert "77" in ran.result.warnings
    assert [item["name"] for item in ask({**everything, "include_scheduled": True})["snapshots"]] == ["scheduled"]
    assert gce_world.names("snapshots") == sorted(["earlier", part])
    assert [item["name"] for item in ask({**everything, "source_disk": "77"})["snapshots"]] == ["earlier"]
    assert ask({"operation": "DELETE", "source_disk": "data", "name_filter": "x", "all_snapshots": True}).is_refused("name_filter")
    assert ask({"operation": "DELETE", "source_disk": "data"}).is_refused("all_snapshots")


def test_partial_failure_lists_what_is_gone_and_what_remains(ask: Ask, gce_world: GceWorld) -> None:
    _five(gce_world)
    gce_world.control.add_fault("status", status=403, reason="forbidden", method="DELETE", path=".*/snapshots/d$", times=0)
    gce_world.control.add_fault("operation", error={"code": "INTERNAL_ERROR", "message": "internal"}, method="DELETE", path=".*/snapshots/b$", times=0)
    ran = ask({"operation": "DELETE", "source_disk": "data", "all_snapshots": True})
    assert ran.result.failed
    assert ran["changed"]
    assert [item["name"] for item in ran["snapshots"]] == ["e", "c", "a"]
    assert sorted(item["name"] for item in ran["errors"]) == ["b", "d"]
    assert ran["error"]["kind"]
    assert "these remain: b, d" in ran.result.message
    assert gce_world.names("snapshots") == ["b", "d"]
    gce_world.control.clear_faults()
    assert [item["name"] for item in ask({"operation": "DELETE", "source_disk": "data", "all_snapshots": True})["snapshots"]] == ["d", "b"]


def test_list_that_is_not_complete_deletes_nothing(ask: Ask, gce_world: GceWorld) -> None:
    _five(gce_world)
    gce_world.control.settings(partial_lists=["snapshots"])
    ran = ask({"operation": "DELETE", "source_disk": "data", "retention": {"keep_last": 1}})
    assert ran.result.failed
    assert ran.changes == []
    assert len(gce_world.all("snapshots")) == 5


# -- Lists


# What an INSPECT_ALL is asked, and which snapshots it gives.
LISTS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["a", "b", "c", "d", "e", "x"]),
    ({"name_filter": "x"}, ["x"]),
    ({"status": ["failed"]}, ["x"]),
    ({"status": ["READY"]}, ["a", "b", "c", "d", "e"]),
    ({"tags": {"kind": "daily"}}, ["b", "d"]),
    ({"source_disk": "data"}, ["a", "b", "c", "d", "e"]),
    ({"source_disk": REGIONAL}, ["x"]),
    ({"max_objects": 2}, ["a", "b"]),
]


def test_lists_are_filtered(ask: Ask, gce_world: GceWorld) -> None:
    _five(gce_world)
    gce_world.put_snapshot("x", "big", place=f"regions/{REGION}", status="FAILED")
    gce_world.control.settings(empty_pages=2)
    for options, names in LISTS:
        ran = ask({**LIST, **options})
        assert sorted(item["name"] for item in ran["snapshots"]) == names, options
        filters = [value for entry in ran.requests for key, value in entry["query"] if key == "filter"]
        assert set(filters) == ({'labels.kind="daily"'} if "tags" in options else set()), options


def test_zone_that_does_not_exist_is_no_empty_list(ask: Ask) -> None:
    assert ask({**LIST, "source_disk": "none"})["snapshots"] == []
    wrong = ask({**LIST, "source_disk": "data", "zone": "europe-west1-z"})
    assert wrong.result.kind == "NotFound"
    assert "europe-west1-z" in wrong.result.message


def test_a_thousand_are_listed_page_by_page(ask: Ask, gce_world: GceWorld) -> None:
    disk = gce_world.one("disks", "data")["id"]
    source = {"sourceDisk": f"{SITE}projects/{gce_world.project}/{ZONAL}", "sourceDiskId": disk}
    gce_world.control.merge_state(snapshots=[{"name": f"s-{number}", **source} for number in range(1200)])
    ran = ask(LIST)
    assert len(ran["snapshots"]) == 1200
    assert len(ran.requests) > 1
    assert {value for entry in ran.requests for key, value in entry["query"] if key == "maxResults"} == {"500"}


# -- Waiting, faults, and what is refused


def test_without_wait_nothing_is_waited_for(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.control.settings(operation_s=600)
    ran = ask({**CREATE, "wait": False})
    assert (ran["changed"], ran.changes) == (True, ["POST global/snapshots"])
    assert ran["snapshot"]["status"] == "running"
    assert ran["snapshot"]["uid"]
    assert "was not waited for" in ran.result.message
    assert not [entry for entry in ran.requests if entry["path"].endswith("/wait")]
    again = ask({**CREATE, "wait": False})
    assert (again["changed"], again["snapshot"]["status"], again.changes) == (False, "running", [])


def test_deadline_leaves_it_to_google(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.control.settings(operation_s=8)
    late = ask({**CREATE, "wait_timeout": 1})
    assert late.result.kind == "WaitTimeout"
    assert 1 <= late.result.seconds < 8
    assert "run the task again to keep waiting" in late.result.message
    assert "operation-" in late.result.message
    assert late["snapshot"]["uid"]
    assert late["steps"] == [{"name": "create snapshot", "status": "left"}]
    # Run again, it waits for the one that is being made.
    again = ask(CREATE)
    assert (again["changed"], again.changes, again["snapshot"]["status"]) == (False, [], "succeeded")


def test_pauses_are_capped(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.put_snapshot("s", "data", status="UPLOADING")
    late = ask({**CREATE, "wait_timeout": 4, "wait_interval": 1})
    assert late.result.kind == "WaitTimeout"
    looks = [entry["time"] for entry in late.requests if entry["path"].endswith("/snapshots/s")]
    pauses = [later - earlier for earlier, later in zip(looks[1:], looks[2:])]
    assert len(pauses) >= 3
    assert all(pause < 1.5 for pause in pauses)


def test_slow_answer_ends_one_request(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.control.add_fault("slow", seconds=20, times=0)
    ran = ask({**LIST, "request_timeout": 1, "retries": 0})
    assert ran.result.failed
    assert 1 <= ran.result.seconds < 8


@pytest.mark.parametrize("retries", [0, 2])
def test_retries_are_counted(ask: Ask, gce_world: GceWorld, retries: int) -> None:
    gce_world.control.add_fault("status", status=503, times=0)
    ran = ask({**LIST, "retries": retries})
    assert ran.result.failed
    assert len(ran.requests) == retries + 1


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "cut"])
def test_answer_that_is_lost_makes_one_snapshot(ask: Ask, gce_world: GceWorld, kind: str) -> None:
    gce_world.control.add_fault(kind, method="POST", path=".*/global/snapshots$", times=1)
    ran = ask({**CREATE, "tags": {"a": "1"}})
    assert not ran.result.failed, ran.result.message
    assert ran["changed"]
    assert gce_world.names("snapshots") == ["s"]
    assert ask({**CREATE, "tags": {"a": "1"}}).changes == []


def test_answers_that_are_all_lost_are_looked_into(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.control.add_fault("drop_after", method="POST", path=".*/global/snapshots$", times=0)
    ran = ask({**CREATE, "retries": 0})
    assert not ran.result.failed, ran.result.message
    assert (ran["changed"], ran["snapshot"]["status"]) == (True, "succeeded")


def test_operation_that_fails_is_no_success(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.control.add_fault("operation", error={"code": "INTERNAL_ERROR", "message": "it broke"}, method="POST", path=".*/global/snapshots$")
    ran = ask(CREATE)
    assert ran.result.failed
    assert "it broke" in ran.result.message
    assert ask(CREATE)["changed"]


def test_labels_that_change_in_the_operation_are_read_again(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.put_snapshot("s", "data", labels={"theirs": "1"})
    gce_world.control.add_fault("status", status=412, reason="conditionNotMet", method="POST", path=".*/setLabels$", times=1)
    ran = ask({**CREATE, "tags": {"ours": "1"}})
    assert ran["changed"]
    assert gce_world.one("snapshots", "s")["labels"] == {"theirs": "1", "ours": "1"}


def test_two_runs_at_once_make_one_snapshot(modules: Modules, gce_world: GceWorld) -> None:
    gce_world.control.settings(operation_s=0.3)
    runs = [modules.start("snapshot", {**gce_world.options, **CREATE}) for _number in range(3)]
    results = [run.result() for run in runs]
    assert not [result.message for result in results if result.failed]
    assert gce_world.names("snapshots") == ["s"]


@pytest.mark.parametrize("check", [True, False])
def test_what_would_be_refused_is_refused_in_check_mode_too(ask: Ask, gce_world: GceWorld, check: bool) -> None:
    gce_world.control.settings(denied_permissions=["compute.disks.createSnapshot"])
    denied = ask(CREATE, check=check)
    assert (denied.result.kind, denied.changes) == ("AuthenticationFailed", [])
    assert "compute.disks.createSnapshot" in denied.result.message
    gce_world.control.settings(denied_permissions=[], quotas={"SNAPSHOTS": 0})
    full = ask(CREATE, check=check)
    assert (full.result.failed, full.changes) == (True, [])
    assert "SNAPSHOTS" in full.result.message
    gce_world.control.settings(quotas={})
    absent = ask({**CREATE, "source_disk": "none"}, check=check)
    assert (absent.result.kind, absent.changes) == ("NotFound", [])
    gce_world.put_disk("data", status="CREATING")
    assert ask(CREATE, check=check).result.kind == "Conflict"


def test_disk_made_again_under_its_name_is_another_disk(ask: Ask, gce_world: GceWorld) -> None:
    gce_world.put_snapshot("s", "data", disk_id="77")
    ran = ask(CREATE)
    assert (ran.result.kind, ran.changes) == ("Conflict", [])
    assert "77" in ran.result.message
    assert gce_world.one("disks", "data")["id"] in ran.result.message


def test_disk_with_its_own_key_needs_it(ask: Ask, gce_world: GceWorld) -> None:
    digest = base64.b64encode(hashlib.sha256(b"k" * 32).digest()).decode()
    gce_world.put_disk("locked", diskEncryptionKey={"sha256": digest})
    wanted = {**CREATE, "source_disk": "locked"}
    for keys, word in ((None, "give it in disk_encryption_keys"), ({"locked": OTHER_KEY}, "is not the one"), ({"locked": "short"}, "32 bytes")):
        refused = ask({**wanted, "disk_encryption_keys": keys})
        assert (refused.result.kind, refused.changes) == ("InvalidRequest", [])
        assert word in refused.result.message
        assert OTHER_KEY not in refused.result.stdout
    ran = ask({**wanted, "disk_encryption_keys": {"locked": KEY}}, diff=True)
    assert ran.body["sourceDiskEncryptionKey"] == ran.body["snapshotEncryptionKey"] == {"rawKey": "***"}
    assert ran["snapshot"]["encryption"] == "customer_supplied"
    assert KEY not in ran.result.stdout
    assert ask({**wanted, "disk_encryption_keys": {"locked": KEY}}).changes == []


def test_difference_shows_records_before_and_after(ask: Ask, gce_world: GceWorld) -> None:
    made = ask({**CREATE, "tags": {"a": "1"}}, diff=True)["diff"]
    assert made["before"] == {}
    assert made["after"]["tags"] == {"a": "1"}
    changed = ask({**CREATE, "tags": {"a": "2"}}, diff=True)["diff"]
    assert (changed["before"]["tags"], changed["after"]["tags"]) == ({"a": "1"}, {"a": "2"})
    gone = ask({"operation": "DELETE", "source_disk": "data", "all_snapshots": True}, diff=True)["diff"]
    assert [(each["before"]["name"], each["after"]) for each in gone] == [("s", {})]
