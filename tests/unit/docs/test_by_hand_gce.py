# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps by hand in docs/gce.md lead out of a restore that was killed half-way: its commands are taken from the page and done over HTTP."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.client import GceClient

from tests.simulator.server import running_simulator
from tests.unit.plugins.module_utils.backends.gce.vm_bench import SITE, VM, ZONE, VmBench

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "gce.md").read_text()
BY_HAND = PAGE.partition("\n## By hand\n")[2].partition("\n## ")[0]
LOCK = "ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock.Lock.abandon"
NAME = "rescue-1"
IN_PLACE, REPLACED, GONE = "The VM is there, in place, half done", "The VM was being replaced, and is absent", "The VM is gone, and there is a backup"
Wire = dict[str, Any]


def commands(chapter: str) -> list[str]:
    """The gcloud commands of a chapter, each in one line, without what reads their output."""
    text = BY_HAND.partition(f"### {chapter}\n")[2].partition("\n### ")[0]
    blocks = re.findall(r"^ *```shell\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


class Hand:
    """Somebody at a shell: does a command of the page, with the words in capitals filled in."""

    def __init__(self, bench: VmBench) -> None:
        self.bench = bench
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {bench.options('restore', 'CREATE')['access_token']}"

    def do(self, chapter: str, begins: str, *, has: str = "", **words: str) -> Any:
        """Carry out the only command of the chapter that begins so and holds ``has``; what gcloud would show."""
        (line,) = [one for one in commands(chapter) if one.startswith(f"gcloud compute {begins}") and has in one]
        for word, value in {"$VM": VM, "$ZONE": ZONE, "$NAME": NAME, **words}.items():
            line = line.replace(word, value)
        parts = shlex.split(line.partition(" | ")[0])[2:]
        named = [part for part in parts if not part.startswith("--")]
        flags = dict(part[2:].partition("=")[::2] for part in parts if part.startswith("--"))
        assert not re.search(r"\$|\b[A-Z]+_?DISK\b|\bDEVICE\b|\bSNAPSHOT\b", line), f"not filled in: {line}"
        kind, action, target = named[0], named[1], (named[2] if len(named) > 2 else "")
        method = getattr(self, f"_{kind}_{action}".replace("-", "_"))
        return method(target, flags)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        url = f"{self.bench.simulator.url}/compute/v1/projects/{self.bench.project}/"
        answer = self._session.request(method, url + path, json=body, params=query, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.text}"
        found = answer.json()
        while found.get("kind") == "compute#operation" and found["status"] != "DONE":
            found = self._session.post(f"{url}{path.partition('/')[0]}/{found['zone'].rpartition('/')[2]}/operations/{found['name']}/wait", timeout=30).json()
        assert not found.get("error"), found
        return found

    # -- What gcloud does

    def _instances_describe(self, name: str, flags: Wire) -> Any:
        return self.call("GET", f"zones/{flags['zone']}/instances/{name}")

    def _instances_stop(self, name: str, flags: Wire) -> None:
        self.call("POST", f"zones/{flags['zone']}/instances/{name}/stop")

    def _instances_start(self, name: str, flags: Wire) -> None:
        self.call("POST", f"zones/{flags['zone']}/instances/{name}/start")

    def _instances_detach_disk(self, name: str, flags: Wire) -> None:
        self.call("POST", f"zones/{flags['zone']}/instances/{name}/detachDisk", deviceName=flags["device-name"])

    def _instances_attach_disk(self, name: str, flags: Wire) -> None:
        mode = {"rw": "READ_WRITE", "ro": "READ_ONLY"}[flags["mode"]]
        source = f"projects/{self.bench.project}/zones/{flags['zone']}/disks/{flags['disk']}"
        body = {"source": source, "deviceName": flags["device-name"], "mode": mode, "type": "PERSISTENT"}
        self.call("POST", f"zones/{flags['zone']}/instances/{name}/attachDisk", body | ({"boot": True} if "boot" in flags else {}))

    def _instances_set_disk_auto_delete(self, name: str, flags: Wire) -> None:
        assert "auto-delete" in flags
        self.call("POST", f"zones/{flags['zone']}/instances/{name}/setDiskAutoDelete", autoDelete="true", deviceName=flags["device-name"])

    def _instances_remove_labels(self, name: str, flags: Wire) -> None:
        self._remove_labels(f"zones/{flags['zone']}/instances/{name}", flags)

    def _disks_remove_labels(self, name: str, flags: Wire) -> None:
        self._remove_labels(f"zones/{flags['zone']}/disks/{name}", flags)

    def _remove_labels(self, path: str, flags: Wire) -> None:
        seen = self.call("GET", path)
        gone = flags["labels"].split(",")
        labels = {key: value for key, value in seen.get("labels", {}).items() if key not in gone}
        self.call("POST", f"{path}/setLabels", {"labels": labels, "labelFingerprint": seen["labelFingerprint"]})

    def _disks_list(self, _name: str, flags: Wire) -> list[Wire]:
        return self._list(f"zones/{ZONE}/disks", flags["filter"])

    def _disks_create(self, name: str, flags: Wire) -> None:
        project = f"projects/{self.bench.project}"
        kind = f"{project}/zones/{flags['zone']}/diskTypes/{flags['type']}"
        self.call(
            "POST", f"zones/{flags['zone']}/disks", {"name": name, "sourceSnapshot": f"{project}/global/snapshots/{flags['source-snapshot']}", "type": kind}
        )

    def _snapshots_list(self, _name: str, flags: Wire) -> list[Wire]:
        return self._list("global/snapshots", flags["filter"])

    def _snapshots_describe(self, name: str, flags: Wire) -> str:
        assert flags["format"] == "value(description)"
        return str(self.call("GET", f"global/snapshots/{name}").get("description", ""))

    def _instance_templates_describe(self, name: str, _flags: Wire) -> Any:
        return self.call("GET", f"global/instanceTemplates/{name}")

    def _list(self, path: str, wanted: str) -> list[Wire]:
        """``wanted``: "labels.a=b AND labels.c=d"."""
        terms = [term.removeprefix("labels.").split("=") for term in wanted.split(" AND ")]
        every = self.call("GET", path).get("items", [])
        return [item for item in every if all(item.get("labels", {}).get(key) == value for key, value in terms)]


def note(disk: Wire) -> Wire:
    found: Wire = json.loads(disk["description"])
    return found


@pytest.fixture
def bench() -> Iterator[VmBench]:
    """web-1 is saved with other bytes than it has now."""
    with running_simulator("gce") as simulator:
        made = VmBench(simulator)
        made.backup().ok  # noqa: B018
        yield made


def kill(bench: VmBench, monkeypatch: pytest.MonkeyPatch, call: str, nth: int, **given: Any) -> None:
    """Begin a restore that dies before its ``nth`` call of a client's method: nothing is undone, the lock stays."""

    class Killed(BaseException):
        keeps_state = True

    made: list[int] = []
    original = getattr(GceClient, call)

    def die(self: GceClient, *args: Any, **more: Any) -> Any:
        made.append(1)
        if len(made) >= nth:
            raise Killed
        return original(self, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(GceClient, call, die)
        patched.setattr(LOCK, lambda lock: lock.stop_renewing())
        with pytest.raises(Killed):
            bench.restore(name=NAME, **given)


def no_lock(bench: VmBench) -> bool:
    return not [item["name"] for plural in ("instances", "disks") for item in bench.all(plural) if {"mcr-lock", "mcr-lock-for"} & set(item.get("labels", {}))]


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "back"])
@pytest.mark.parametrize(("call", "nth"), [("stop_instance", 1), ("detach_disk", 2), ("attach_disk", 2), ("start_instance", 1)])
def test_in_place(bench: VmBench, monkeypatch: pytest.MonkeyPatch, call: str, nth: int, forward: bool) -> None:
    saved, how = bench.digests(), bench.as_attached()
    bench.write("lost")
    lost, before = bench.digests(), bench.attached()
    kill(bench, monkeypatch, call, nth)
    hand = Hand(bench)
    vm = hand.do(IN_PLACE, "instances describe")
    assert "mcr-lock" in vm["labels"]
    old = hand.do(IN_PLACE, "disks list", has="mcr-replaced-by")
    new = hand.do(IN_PLACE, "disks list", has="mcr-restore")
    assert sorted(disk["name"] for disk in old) == sorted(before)
    assert {(len(new), disk["labels"]["mcr-disks"], disk["status"]) for disk in new} == {(3, "3", "READY")}
    # The disks that belong, by their notes, in the order of the index.
    notes = sorted(((note(disk), disk["name"]) for disk in new), key=lambda pair: pair[0]["index"])
    wanted = {one["device"]: name if forward else one["old"].rpartition("/")[2] for one, name in notes}
    if vm["status"] == "RUNNING":
        hand.do(IN_PLACE, "instances stop")
    there = {entry["deviceName"]: entry["source"].rpartition("/")[2] for entry in vm.get("disks", ())}
    for device, disk in there.items():
        if wanted[device] != disk:
            hand.do(IN_PLACE, "instances detach-disk", DEVICE=device)
    for one, _name in notes:
        if there.get(one["device"]) != wanted[one["device"]]:
            word = "BOOT_DISK" if one["boot"] else "OTHER_DISK"
            assert one["mode"] == "READ_WRITE"
            hand.do(IN_PLACE, "instances attach-disk", has=word, **{"DEVICE": one["device"], word: wanted[one["device"]]})
        if one["auto_delete"]:
            hand.do(IN_PLACE, "instances set-disk-auto-delete", DEVICE=one["device"])
    hand.do(IN_PLACE, "instances start")
    hand.do(IN_PLACE, "instances remove-labels")
    for disk in () if forward else old:
        hand.do(IN_PLACE, "disks remove-labels", OLD_DISK=disk["name"])
    assert bench.vm()["status"] == "RUNNING"
    assert bench.digests() == (saved if forward else lost)
    assert bench.attached() == list(wanted.values())
    assert sorted(bench.as_attached()) == sorted(how)
    assert no_lock(bench)
    assert forward or not [disk for disk in bench.all("disks") if "mcr-replaced-by" in disk.get("labels", {})]


def body_for(document: Wire, disks: dict[str, str], bench: VmBench) -> Wire:
    """Step 2: `.instance` of the manifest, with the sources of other disks."""
    body: Wire = document["instance"]
    for entry in body["disks"]:
        if disks:
            entry["source"] = f"{SITE}projects/{bench.project}/zones/{ZONE}/disks/{disks[entry['deviceName']]}"
    return body


def built(bench: VmBench, hand: Hand, body: Wire) -> None:
    """Step 3: the documented request."""
    (curl,) = [line for line in commands(REPLACED) if line.startswith("curl ")]
    address = str(re.search(r'"https://[^/]+/compute/v1/projects/\$PROJECT/([^"]+)"', curl)[1])  # type: ignore[index]
    hand.call("POST", address.replace("$ZONE", ZONE), body)
    assert hand.do(REPLACED, "instances describe")["status"] == "RUNNING"


def template_of(hand: Hand, key: str) -> Wire:
    """As jq takes it out."""
    template = hand.do(REPLACED, "instance-templates describe", FINGERPRINT=key)
    (value,) = [item["value"] for item in template["properties"]["metadata"]["items"] if item["key"] == "mcr-manifest"]
    document: Wire = json.loads(value)
    return document


@pytest.mark.parametrize("forward", [True, False], ids=["new disks", "old disks"])
def test_replaced(bench: VmBench, monkeypatch: pytest.MonkeyPatch, forward: bool) -> None:
    saved, how, addresses = bench.digests(), bench.as_attached(), (bench.internal(), bench.external())
    bench.write("lost")
    lost = bench.digests()
    kill(bench, monkeypatch, "insert_instance", 1, strategy="replace")
    assert bench.find("instances", VM) is None
    hand = Hand(bench)
    new = hand.do(REPLACED, "disks list")
    (key,) = {disk["labels"]["mcr-manifest"] for disk in new}
    built(bench, hand, body_for(template_of(hand, key), {note(disk)["device"]: disk["name"] for disk in new} if forward else {}, bench))
    assert bench.digests() == (saved if forward else lost)
    assert bench.as_attached() == how
    assert (bench.internal(), bench.external()) == addresses
    for disk in bench.all("disks"):
        if "mcr-lock" in disk.get("labels", {}):
            hand.do(REPLACED, "disks remove-labels", DISK=disk["name"])
    assert no_lock(bench)


@pytest.mark.parametrize("large", [True, False], ids=["template", "description"])
def test_gone(bench: VmBench, large: bool) -> None:
    if not large:
        bench.change_vm(metadata={}, tags={}, serviceAccounts=[], disks=bench.vm()["disks"][:1])
    saved, how = bench.digests(), bench.as_attached()
    moment = "20260102-000000"
    assert bench.backup(moment).ok
    bench.lose_vm()
    bench.change("addresses", "web-1-ip", users=[])
    hand = Hand(bench)
    found = [one for one in hand.do(GONE, "snapshots list") if one["labels"]["mcr-backup"] == moment]
    assert {one["labels"]["mcr-disks"] for one in found} == {str(len(found))}
    description = hand.do(GONE, "snapshots describe", SNAPSHOT=found[0]["name"])
    kept = json.loads(description).get("manifest") if description else None
    assert (kept is None) == large
    document = kept or template_of(hand, found[0]["labels"]["mcr-manifest"])
    disks = {}
    for number, one in enumerate(found):
        disks[json.loads(one["description"])["device"]] = f"new-{number}"
        hand.do(GONE, "disks create", NEW_DISK=f"new-{number}", SNAPSHOT=one["name"])
    built(bench, hand, body_for(document, disks, bench))
    assert bench.digests() == saved
    assert bench.as_attached() == how
    assert no_lock(bench)
