# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a snapshot in other regions. A copy is known by a tag that names what it is of, so that it is never made twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.arguments import Task
from ...core.errors import NotFound, ProviderFailure
from ...core.plan import Progress, Step
from ...recovery.marks import PREFIX
from ...recovery.points import RecoveryPoint
from .marks import check_tags
from .things import filter_tags, tags_of, token, wire_tags

_COPY_OF = f"{PREFIX}copy-of"


class Copies:
    """The copies that a task asks for, with ``copy_to_regions``."""

    def __init__(self, client: AlibabaClient, task: Task) -> None:
        self._client, self._task = client, task
        self._made: dict[str, str] = {}

    @property
    def _regions(self) -> list[str]:
        return list(dict.fromkeys(self._task.options.get("copy_to_regions") or ())) if self._task.operation == "CREATE" else []

    def records(self, point: RecoveryPoint) -> list[dict[str, Any]]:
        """Region, id and status of each copy; without an id while there is none."""
        return [self._record(region, self._find(region, point.uid) if point.uid else None) for region in self._regions]

    @staticmethod
    def _record(region: str, wire: Wire | None) -> dict[str, Any]:
        return {"region": region, "uid": str(wire["SnapshotId"]) if wire else "", "status": str(wire["Status"]) if wire else "accomplished"}

    def _find(self, region: str, snapshot: str) -> Wire | None:
        made = self._made.get(region)
        by: Wire = {"SnapshotIds": json.dumps([made])} if made else {"Tag": filter_tags({_COPY_OF: snapshot})}
        return next((wire for wire in self._copies(region, snapshot, by) if wire.get("Status") != "failed"), None)

    def _copies(self, region: str, snapshot: str, by: Wire) -> list[Wire]:
        found = self._client.at(region).listed(f"snapshots in {region}", "DescribeSnapshots", ("Snapshots", "Snapshot"), by)
        return [wire for wire in found if tags_of(wire).get(_COPY_OF) == snapshot]

    def steps(self, look: Callable[[], RecoveryPoint | None]) -> Sequence[Step]:
        """A step for each region, after the snapshot itself is accomplished."""
        return [
            Step(f"copy to {region}", do=partial(self._copy, region, look), done=partial(self._progress, region, look), wait=partial(self._wait, region, look))
            for region in self._regions
        ]

    @staticmethod
    def _source(look: Callable[[], RecoveryPoint | None]) -> RecoveryPoint:
        found = look()
        if found is None:
            raise NotFound("the snapshot disappeared before it was copied.")
        return found

    def _progress(self, region: str, look: Callable[[], RecoveryPoint | None]) -> Progress:
        source = look()
        found = self._find(region, source.uid) if source else None
        if found is None:
            return Progress.NO
        return Progress.DONE if found.get("Status") == "accomplished" else Progress.IN_FLIGHT

    def _copy(self, region: str, look: Callable[[], RecoveryPoint | None]) -> None:
        source, task = self._source(look), self._task
        if self._find(region, source.uid):
            return
        for wire in self._copies(region, source.uid, {"Tag": filter_tags({_COPY_OF: source.uid}), "Status": "failed"}):
            # Nobody would ever look for it again.
            what = f"delete the failed copy {wire['SnapshotId']} in region {region}"
            self._client.at(region).change(what, "DeleteSnapshot", {"SnapshotId": wire["SnapshotId"]}, repeatable=True)
        body: Wire = {
            "SnapshotId": source.uid,
            "DestinationRegionId": region,
            "DestinationSnapshotName": source.name,
            "DestinationSnapshotDescription": task["description"] or f"Copy of {source.uid} in {self._client.region}",
            "RetentionDays": task["retention_days"],
            "Encrypted": True if task["kms_key"] else None,
            "KMSKeyId": task["kms_key"],
            "Tag": wire_tags({**check_tags(task["tags"]), _COPY_OF: source.uid}),
        }
        answer = self._client.change(f"copy snapshot {source.name} to {region}", "CopySnapshot", body, token=token())
        self._made[region] = str(answer["SnapshotId"])

    def _wait(self, region: str, look: Callable[[], RecoveryPoint | None]) -> None:
        source = self._source(look)

        def ended() -> Wire | None:
            made = self._made.get(region)
            if made:
                path, params = ("Snapshots", "Snapshot"), {"SnapshotIds": json.dumps([made])}
                found = next(iter(self._client.at(region).listed(f"snapshot {made}", "DescribeSnapshots", path, params)), None)
                if found and found.get("Status") == "failed":
                    raise ProviderFailure(f"the copy {made} in region {region} failed. Run the task again.")
            return self._find(region, source.uid)

        self._client.waiter.wait_until(
            ended,
            lambda found: found is not None and found.get("Status") == "accomplished",
            lambda found: f"the copy in region {region} is {found['Status'] if found else 'not seen'} yet; it goes on. Run the task again to keep waiting.",
        )
