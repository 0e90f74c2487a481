# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Alibaba Cloud ECS against the simulator, which checks every signature and parameter by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.client import VPC, AlibabaClient
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.credentials import AUTO, Credentials, Role
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import AuthenticationFailed, Conflict, InvalidRequest, NotFound, RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry import Retry

from tests.simulator.server import SimulatorThread, running_simulator

KEY = Credentials("sim-default", "secret-default")
DISKS = ("Disks", "Disk")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with running_simulator("alibaba_ecs", seed="demo", page_size=2, empty_pages=1) as running:
        yield running


def client(simulator: SimulatorThread, credentials: Credentials = KEY) -> AlibabaClient:
    waiter = Waiter(60, 5)
    retry = Retry.within(waiter, 5)
    return AlibabaClient(
        "cn-hangzhou", credentials=credentials, api_url=simulator.url, tls=Tls(), timeout_s=10, retry=retry, waiter=waiter, on_secret=lambda _secret: None
    )


def names(made: AlibabaClient) -> list[str]:
    return [str(disk["DiskName"]) for disk in made.listed("disks", "DescribeDisks", DISKS)]


def role(simulator: SimulatorThread) -> Role:
    number = simulator.control.state()["accounts"]["default"]["number"]
    return Role(f"acs:ram::{number}:role/sim-ecs-role", duration_s=900)


def test_lists_of_both_kinds_and_of_vpc_are_read_to_their_end(simulator: SimulatorThread) -> None:
    made = client(simulator)
    assert sorted(names(made)) == ["db-1", "web-1", "web-1-data", "web-1-logs"]
    assert list(made.listed("images", "DescribeImages", ("Images", "Image")))
    assert len(list(made.listed("VPCs", "DescribeVpcs", ("Vpcs", "Vpc"), product=VPC))) == 1


def test_token_makes_one_snapshot_of_two_requests(simulator: SimulatorThread) -> None:
    made = client(simulator)
    [disk] = [each for each in made.listed("disks", "DescribeDisks", DISKS) if each["DiskName"] == "db-1"]
    wanted: dict[str, Any] = {"DiskId": disk["DiskId"], "SnapshotName": "odd", "Description": "a b*~+/=&?\u00fc", "Tag": [{"Key": "k", "Value": ""}]}
    first, second = (made.change('create snapshot "odd"', "CreateSnapshot", wanted, token="t-1")["SnapshotId"] for _each in range(2))
    assert first == second
    with pytest.raises(Conflict, match="IdempotentParameterMismatch"):
        made.change('create snapshot "other"', "CreateSnapshot", {**wanted, "SnapshotName": "other"}, token="t-1")
    [seen] = made.listed("snapshots", "DescribeSnapshots", ("Snapshots", "Snapshot"), {"DiskId": disk["DiskId"]})
    assert (seen["SnapshotName"], seen["Description"]) == ("odd", wanted["Description"])


@pytest.mark.parametrize(
    ("action", "params", "kind"),
    [
        ("CreateSnapshot", {"DiskId": "d-none"}, NotFound),
        ("CreateSnapshot", {"Bogus": 1}, InvalidRequest),
        ("CreateSnapshot", {}, InvalidRequest),
    ],
)
def test_refusals_are_told_apart(simulator: SimulatorThread, action: str, params: dict[str, Any], kind: type[RecoveryError]) -> None:
    with pytest.raises(kind, match="could not try: "):
        client(simulator).change("try", action, params)


@pytest.mark.parametrize("credentials", [Credentials("sim-default", "wrong"), Credentials("nobody", "wrong"), Credentials(ecs_ram_role="other-role")])
def test_wrong_credentials_are_a_failed_login(simulator: SimulatorThread, credentials: Credentials) -> None:
    own = Credentials(credentials.access_key_id, credentials.access_key_secret, ecs_ram_role=credentials.ecs_ram_role, metadata_url=simulator.url)
    with pytest.raises(AuthenticationFailed):
        names(client(simulator, own))


def test_role_and_instance_log_in_and_are_renewed_when_the_server_says_expired(simulator: SimulatorThread) -> None:
    simulator.control.settings(sts_lifetime_s=1, role_lifetime_s=1, metadata_token_required=True)
    with_key = Credentials("sim-default", "secret-default", role=role(simulator), sts_url=simulator.url)
    on_instance = Credentials(ecs_ram_role=AUTO, metadata_url=simulator.url)
    with_both = Credentials(ecs_ram_role=AUTO, metadata_url=simulator.url, role=role(simulator), sts_url=simulator.url)
    for credentials in (with_key, on_instance, with_both):
        made = client(simulator, credentials)
        assert len(names(made)) == 4
        time.sleep(1.1)
        assert len(names(made)) == 4
    simulator.control.settings(sts_lifetime_s=43200, role_lifetime_s=21600, metadata_token_required=False)


def test_threads_share_a_client(simulator: SimulatorThread) -> None:
    made = client(simulator, Credentials("sim-default", "secret-default", role=role(simulator), sts_url=simulator.url))
    with ThreadPoolExecutor(8) as pool:
        assert [len(each) for each in pool.map(lambda _each: names(made), range(24))] == [4] * 24
