"""What the demo does to the simulated Compute Engine behind the modules' back, and how it compares what came back.

demo_gce.py seed       writes known bytes to the disks of the demo VM, a real file system to its data disk; prints the VM
demo_gce.py corrupt    overwrites the beginning of each of its disks; prints the VM
demo_gce.py compare    reads such a printed VM, says how the VM differs from it, and fails if it does
demo_gce.py lose       deletes the VM, and with it the disks that go with it
demo_gce.py zone-down  makes a zone unreachable, or without --zone all zones reachable again

The simulator is the one that the environment variables of the gce options lead to.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent)]
import demo_shared  # noqa: E402

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
# What may differ after a restore in place, as regular expressions for the whole path of a field, each with the reason. Nothing else may.
IN_PLACE = {
    r"vm\.(fingerprint|labelFingerprint)": "a hash that changes with every change",
    r"vm\.(lastStartTimestamp|lastStopTimestamp)": "output only: it was stopped and started",
    r"vm\.(tags|metadata)\.fingerprint": "a hash of what is compared",
    r"vm\.metadata\.kind": "output only: always the same word",
    r"vm\.networkInterfaces\.\d+\.fingerprint": "a hash of what is compared",
    r"vm\.labels\.mcr-.*": "the collection's notes",
    r"vm\.disks\.\d+\.source": "the purpose: the disks are new ones",
    r"disk\.[^.]+\.(id|selfLink|name|creationTimestamp|labelFingerprint)": "output only, a hash, or the name of a new disk",
    r"disk\.[^.]+\.(lastAttachTimestamp|lastDetachTimestamp|sourceSnapshot|sourceSnapshotId|sourceImage|sourceImageId)": "output only: where the disk is from",
    r"disk\.[^.]+\.description": "the collection's note",
    r"disk\.[^.]+\.labels\.mcr-.*": "the collection's notes",
}
# After a rollback the disks are the very disks from before: their names and ids are compared too.
ROLLBACK = {
    pattern: reason for pattern, reason in IN_PLACE.items() if not re.fullmatch(pattern, "vm.disks.0.source") and not re.fullmatch(pattern, "disk.data.id")
} | {r"disk\.[^.]+\.labelFingerprint": "a hash that changes with every change"}
# What may differ as well when the VM was built anew.
REBUILT = {
    **IN_PLACE,
    r"vm\.(id|creationTimestamp)": "output only: it is another VM of the same name",
}
# What may differ as well for a copy.
COPY = {
    **REBUILT,
    r"vm\.(name|selfLink)": "the purpose: it is another VM",
    r"vm\.networkInterfaces\.\d+\.networkIP": "a copy takes no address along",
    r"vm\.networkInterfaces\.\d+\.accessConfigs\.\d+\.natIP": "a copy takes no address along",
    r"vm\.cpuPlatform": "output only: what the zone has",
    r"disk\.[^.]+\.users\.0": "the VM by its path",
}
ALLOWED: Mapping[str, Mapping[str, str]] = {"in_place": IN_PLACE, "rollback": ROLLBACK, "rebuilt": REBUILT, "copy": COPY}
ADDRESS = re.compile(r"vm\.networkInterfaces\.\d+\.(?:networkIP|accessConfigs\.\d+\.natIP)")


class Simulator:
    """The control side of the simulator, for one project."""

    def __init__(self) -> None:
        self.url, self.project = os.environ["GCE_API_URL"], os.environ["GCP_PROJECT"]

    def call(self, action: str, **body: Any) -> Any:
        request = urllib.request.Request(f"{self.url}/_control/{action}?scope={self.project}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def state(self) -> Any:
        with urllib.request.urlopen(f"{self.url}/_control/state?scope={self.project}", timeout=30) as answer:
            return json.load(answer)["projects"][self.project]

    def write(self, zone: str, disk: str, data: bytes) -> None:
        """Write as the guest would; blocks of zeros are what is there anyway."""
        for offset, block in demo_shared.blocks(data):
            self.call("guest_write", project=self.project, disk=disk, zone=zone, offset=offset, data=base64.b64encode(block).decode())


def look(simulator: Simulator, zone: str, name: str) -> dict[str, Any]:
    """The VM as the API shows it, its disks by device name, and the digest of what each holds."""
    state = simulator.state()
    vm = next((item for item in state["instances"] if item["name"] == name and item["place"] == f"zones/{zone}"), None)
    if vm is None:
        sys.exit(f"there is no VM {name} in zone {zone}")
    by_path = {f"{item['place']}/disks/{item['name']}": item for item in state["disks"]}
    disks = {entry["deviceName"]: by_path[re.sub(r".*/((?:zones|regions)/.*)", r"\1", entry["source"])] for entry in vm["disks"] if "source" in entry}
    bytes_of = {device: disk.pop("digest") for device, disk in disks.items()}
    return {"zone": zone, "vm": {**vm, "place": ""}, "disk": {device: {**disk, "place": ""} for device, disk in disks.items()}, "bytes": bytes_of}


def moved(value: Any, old_zone: str, new_zone: str) -> Any:
    """The value as it reads in another zone and its region."""
    places = {f"zones/{old_zone}": f"zones/{new_zone}", f"regions/{old_zone.rpartition('-')[0]}": f"regions/{new_zone.rpartition('-')[0]}"}
    return json.loads(re.sub(rf"({'|'.join(places)})(?=[/\"])", lambda match: places[match.group(1)], json.dumps(value)))


def compare(expected: dict[str, Any], found: dict[str, Any], allowed: Mapping[str, str]) -> tuple[list[str], str]:
    """The differences that are not allowed, that of bytes never is; and in a line what was compared."""
    wanted = moved({"vm": expected["vm"], "disk": expected["disk"]}, expected["zone"], found["zone"])
    return demo_shared.compare({**expected, **wanted}, found, allowed, ADDRESS)


def seed(simulator: Simulator, zone: str, name: str) -> dict[str, Any]:
    found = look(simulator, zone, name)
    content, kind = demo_shared.file_system()
    for device, disk in found["disk"].items():
        simulator.write(zone, disk["name"], content if device == "data" else demo_shared.as_it_should_be(device))
    return {**look(simulator, zone, name), "file_system": kind}


def corrupt(simulator: Simulator, zone: str, name: str) -> dict[str, Any]:
    for device, disk in look(simulator, zone, name)["disk"].items():
        simulator.write(zone, disk["name"], demo_shared.encrypted(device))
    return look(simulator, zone, name)


def lose(simulator: Simulator, zone: str, name: str) -> None:
    """Through the API, as somebody in a hurry would."""
    api("DELETE", simulator, f"zones/{zone}/instances/{name}").raise_for_status()
    for _look in range(300):
        if not any(item["name"] == name and item["place"] == f"zones/{zone}" for item in simulator.state()["instances"]):
            return
        time.sleep(0.02)
    sys.exit(f"VM {name} is still there")


def zone_down(simulator: Simulator, zone: str) -> None:
    """Seen through the API as well, so that a restore beside it proves something."""
    simulator.call("settings", zones_down=[zone] if zone else [])
    status = api("GET", simulator, f"zones/{zone}/instances").status_code if zone else 0
    if zone and status != 503:
        sys.exit(f"zone {zone} still answers {status}")


def api(method: str, simulator: Simulator, path: str) -> Any:
    """The answer of the API itself."""
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.service_account import Credentials

    credentials = Credentials.from_service_account_info(json.loads(os.environ["GCP_SERVICE_ACCOUNT_CONTENTS"]), scopes=SCOPES)
    return AuthorizedSession(credentials).request(method, f"{simulator.url}/compute/v1/projects/{simulator.project}/{path}", timeout=30)


def main() -> int:
    """Returns 1 when what is compared is not equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["seed", "corrupt", "compare", "lose", "zone-down"])
    parser.add_argument("--zone", default="")
    parser.add_argument("--vm", default="")
    parser.add_argument("--after", choices=sorted(ALLOWED), default="in_place", help="which differences a restore of this kind may leave")
    arguments = parser.parse_args()
    simulator = Simulator()
    if arguments.command == "zone-down":
        zone_down(simulator, arguments.zone)
    elif arguments.command == "lose":
        lose(simulator, arguments.zone, arguments.vm)
    elif arguments.command == "compare":
        expected, found = json.load(sys.stdin), look(simulator, arguments.zone, arguments.vm)
        differences, line = compare(expected, found, ALLOWED[arguments.after])
        if differences:
            print("\n".join(differences))
            return 1
        print(line)
    else:
        act = seed if arguments.command == "seed" else corrupt
        print(json.dumps(act(simulator, arguments.zone, arguments.vm)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
