# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control API, organisations side by side, and the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.simulator.server import ControlFailed, running_simulator

ROOT = Path(__file__).resolve().parents[3]


def test_the_log_tells_what_was_asked(api):
    api.get("/v1/restore/{org}/a%20b?uid=1&uid=2")
    entry = api.control.requests()[0]
    assert (entry["method"], entry["path"], entry["route"]) == ("GET", f"/v1/restore/{api.org}/a%20b", "/v1/restore/{org_id}/{name}")
    assert (entry["query"], entry["status"], entry["mutating"], entry["scope"]) == ([["uid", "1"], ["uid", "2"]], 404, False, api.org)
    assert entry["headers"]["user-agent"].startswith("python-requests")
    assert entry["headers"]["authorization"].startswith("sha256:")


def test_the_log_knows_what_changes_something(api):
    api.send("POST", "/v1/rule", {"metadata": api.metadata("x")})
    api.send("PUT", "/v1/backup/updatebackupshare", {"org_id": api.org, "name": "x", "uid": "u"})
    api.send("DELETE", "/v1/restore/{org}/x")
    api.get("/v1/restore/{org}")
    assert [entry["method"] for entry in api.control.requests(mutating=True)] == ["POST", "PUT", "DELETE"]
    assert api.control.requests()[0]["body"] == {"metadata": {"name": "x", "org_id": api.org}}


def test_clearing_the_log_of_one_scope_keeps_the_others(api):
    api.get("/v1/restore/{org}")
    other = api.control.scoped(f"{api.org}-2")
    requests.get(f"{api.url}/v1/restore/{api.org}-2", timeout=5)
    api.control.clear_requests()
    assert (len(api.control.requests()), len(other.requests())) == (0, 1)


def test_organisations_do_not_see_each_other(demo):
    requests.get(f"{demo.url}/v1/cluster/{demo.org}-2", headers={"Authorization": f"Bearer {demo.token}"}, timeout=5)
    assert demo.control.state(scope=f"{demo.org}-2")["clusters"] == []
    assert len(demo.control.state()["clusters"]) == 2
    demo.control.drop_state()
    assert demo.control.state() == {}


def test_settings_of_a_scope_lie_on_top(api):
    before = api.simulator.control.settings()["page_size"]
    api.control.settings(page_size=7)
    assert (api.control.settings()["page_size"], api.simulator.control.settings()["page_size"]) == (7, before)
    api.control.reset_settings()
    assert api.control.settings()["page_size"] == before


@pytest.mark.parametrize(
    "wrong", [{"pagesize": 7}, {"page_size": "7"}, {"restore_duration_s": -1}, {"outcomes": [{"status": "Great"}]}, {"server_version": "new"}]
)
def test_settings_that_make_no_sense_are_refused(api, wrong):
    with pytest.raises(ControlFailed, match="HTTP 400"):
        api.control.settings(**wrong)


@pytest.mark.parametrize("wrong", [{"cluster": []}, {"clusters": [{"nmae": "x"}]}, {"restores": [{"name": "r", "status": "Great"}]}, {"clusters": [{}]}])
def test_state_that_makes_no_sense_is_refused(api, wrong):
    with pytest.raises(ControlFailed, match="HTTP 400"):
        api.control.merge_state(**wrong)


def test_merging_changes_what_is_there(demo):
    uid = demo.ref("clusters", "prod")["uid"]
    demo.control.merge_state(clusters=[{"name": "prod", "status": "Offline", "namespaces": {"new": {}}}])
    cluster = next(item for item in demo.control.state()["clusters"] if item["name"] == "prod")
    assert (cluster["uid"], cluster["status"], set(cluster["namespaces"])) == (uid, "Offline", {"shop", "blog", "new"})


def test_a_seeded_backup_holds_what_the_cluster_holds(demo):
    demo.control.merge_state(backups=[{"name": "b", "cluster": "prod", "namespaces": ["blog", "elsewhere"], "backup_location": "store"}])
    backup = demo.control.state()["backups"][0]
    assert backup["contents"]["blog"]["volumes"][0]["text"] == "hello\n"
    assert set(backup["contents"]) == {"blog", "elsewhere"}
    assert backup["backup_info"]["cluster_ref"] == demo.ref("clusters", "prod")
    demo.restore("r", "b", namespace_mapping={"blog": "copy"})
    assert demo.inside("prod")["copy"]["volumes"][0]["text"] == "hello\n"


def test_a_disaster_needs_something_to_destroy(demo):
    with pytest.raises(ControlFailed, match="namespace"):
        demo.control.disaster("prod", "absent")
    with pytest.raises(ControlFailed, match="cluster"):
        demo.control.disaster("absent", "shop")


def test_latency_delays_every_answer(api):
    api.control.settings(latency_s=0.1)
    began = time.monotonic()
    api.get("/v1/restore/{org}")
    assert time.monotonic() - began >= 0.1


def test_time_moves_forward_only(api):
    with pytest.raises(ControlFailed):
        api.control.advance(-1)


def test_an_unknown_control_is_said_so(api):
    assert requests.get(f"{api.url}/_control/nothing", timeout=5).status_code == 404


def test_a_hanging_request_does_not_keep_the_simulator_from_stopping():
    with running_simulator(latency_s=0) as simulator:
        simulator.control.add_fault("stuck", seconds=600)
        requests.get(f"{simulator.url}/v1/version", headers={"Authorization": f"Bearer {simulator.token}"}, stream=True, timeout=5)
        began = time.monotonic()
    assert time.monotonic() - began < 10


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return dict(line.removeprefix("export ").split("=", 1) for line in path.read_text().splitlines())


def test_the_command_line_serves_and_stops_on_sigterm(tmp_path):
    command = [sys.executable, "-m", "tests.simulator", "--seed", "demo", "--env-file", str(tmp_path / "env")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        environment = wait_for(tmp_path / "env", process)
        headers = {"Authorization": f"Bearer {environment['PX_BACKUP_TOKEN']}"}
        clusters = requests.get(f"{environment['PX_BACKUP_API_URL']}/v1/cluster/{environment['PX_BACKUP_ORG_ID']}", headers=headers, timeout=5).json()
        assert [item["metadata"]["name"] for item in clusters["clusters"]] == ["prod", "recovery"]
        process.send_signal(signal.SIGTERM)
        printed, _errors = process.communicate(timeout=30)
        assert process.returncode == 0
    assert printed.decode() == (tmp_path / "env").read_text()
    px_backup = {f"PX_BACKUP_{name}" for name in ("API_URL", "TOKEN", "ORG_ID", "AUTH_URL", "USERNAME", "PASSWORD")}
    assert set(environment) >= px_backup | {"GCE_API_URL", "GCP_PROJECT", "GCP_ZONE"}


def test_the_command_line_stops_with_its_parent(tmp_path):
    # The shell is the parent; it ends as soon as the simulator is up.
    script = f"{sys.executable} -m tests.simulator --stop-with-parent --env-file {tmp_path}/env & echo $!; while [ ! -e {tmp_path}/env ]; do sleep 0.05; done"
    shell = subprocess.run(["sh", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, timeout=60, check=True)
    pid = int(shell.stdout.split()[0])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    # A process nobody has waited for yet is over all the same.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
