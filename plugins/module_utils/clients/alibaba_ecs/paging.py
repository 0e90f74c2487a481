# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists over all their pages. ECS has two ways: NextToken for most, page numbers for the others; a few take neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...core.errors import ProviderFailure
from .answers import Wire

# The longest page of each list that goes on by NextToken; None where it cannot be chosen.
_BY_TOKEN: dict[str, int | None] = {
    "DescribeSnapshots": 100, "DescribeSnapshotGroups": 100, "DescribeLockedSnapshots": 100, "DescribeDisks": 500, "DescribeInstances": 100,
    "DescribeSecurityGroups": 100, "DescribeNetworkInterfaces": 100, "DescribeCommands": 50, "ListTagResources": None,
}  # fmt: skip


class _Numbered(NamedTuple):
    longest: int
    id: str


# The longest page of each list that goes on by number, and what tells its items apart.
_BY_NUMBER = {
    "DescribeImages": _Numbered(100, "ImageId"),
    "DescribeKeyPairs": _Numbered(50, "KeyPairName"),
    "DescribeTasks": _Numbered(100, "TaskId"),
    "DescribeSnapshotLinks": _Numbered(100, "SnapshotLinkId"),
    "DescribeInstanceStatus": _Numbered(50, "InstanceId"),
    "DescribeInstanceRamRole": _Numbered(50, "InstanceId"),
    "DescribeInstanceAutoRenewAttribute": _Numbered(100, "InstanceId"),
    "DescribeInstanceMaintenanceAttributes": _Numbered(100, "InstanceId"),
    "DescribeDeploymentSets": _Numbered(50, "DeploymentSetId"),
    "DescribeAutoSnapshotPolicyEx": _Numbered(100, "AutoSnapshotPolicyId"),
    "DescribeLaunchTemplates": _Numbered(50, "LaunchTemplateId"),
    "DescribeLaunchTemplateVersions": _Numbered(50, "VersionNumber"),
    "DescribeEipAddresses": _Numbered(100, "AllocationId"),
    "DescribeVSwitches": _Numbered(50, "VSwitchId"),
    "DescribeVpcs": _Numbered(50, "VpcId"),
}
_PASSES = 3


def items(what: str, action: str, path: tuple[str, ...], page: Callable[[Wire], Wire]) -> Iterator[Wire]:
    """Every item of a list, each once. ``page`` reads one page with the parameters it is given; ``path`` leads to the list in an answer.

    Raises ProviderFailure for a list that is not complete: what is not listed there may well exist.
    """
    if action in _BY_NUMBER:
        return _by_number(what, path, page, _BY_NUMBER[action])
    if action in _BY_TOKEN:
        return _by_token(what, path, page, _BY_TOKEN[action])
    return _whole(what, path, page)


def _whole(what: str, path: tuple[str, ...], page: Callable[[Wire], Wire]) -> Iterator[Wire]:
    """A list that comes in one piece; should it not, the action is missing in the tables above."""
    answer = page({})
    listed, told = _within(what, path, answer), answer.get("TotalCount")
    if answer.get("NextToken") or (isinstance(told, int) and told > len(listed)):
        raise _incomplete(what, "it has pages, of which only the first was asked for")
    yield from listed


def _by_token(what: str, path: tuple[str, ...], page: Callable[[Wire], Wire], longest: int | None) -> Iterator[Wire]:
    """An empty page is not the end, and TotalCount says nothing: the missing token is the end."""
    token, seen = "", set[str]()
    while True:
        answer = page({"MaxResults": longest, "NextToken": token or None})
        yield from _within(what, path, answer)
        token = str(answer.get("NextToken") or "")
        if not token:
            return
        if token in seen:
            raise _incomplete(what, "the same page is given again and again")
        seen.add(token)


def _by_number(what: str, path: tuple[str, ...], page: Callable[[Wire], Wire], kind: _Numbered) -> Iterator[Wire]:
    """All pages up to one that is not full and that TotalCount agrees with.

    What is deleted while the pages are read moves the rest forward, so that items can be missed; then they are read once more.
    """
    known: set[str] = set()
    for _pass in range(_PASSES):
        here: set[str] = set()
        number, total, shrunk = 1, 0, False
        while True:
            answer = page({"PageNumber": number, "PageSize": kind.longest})
            listed = _within(what, path, answer)
            told = answer.get("TotalCount")
            shrunk = shrunk or (isinstance(told, int) and told < total)
            total = told if isinstance(told, int) else 0
            ids = [str(item.get(kind.id) or item) for item in listed]
            if ids and here.issuperset(ids):
                raise _incomplete(what, "the same page is given again and again")
            here.update(ids)
            for item, own in zip(listed, ids):
                if own not in known:
                    known.add(own)
                    yield item
            if len(listed) < kind.longest and (len(here) >= total or not listed):
                break
            number += 1
        if len(here) >= total and not shrunk:
            return
    raise _incomplete(what, f"{len(known)} items were given, of {total} that there are said to be")


def _within(what: str, path: tuple[str, ...], answer: Wire) -> list[Wire]:
    found: object = answer
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ProviderFailure(f"could not read {what}: the answer has no list {'.'.join(path)}.", request_id=answer.get("RequestId"), transient=True)
    return found


def _incomplete(what: str, why: str) -> ProviderFailure:
    return ProviderFailure(f"could not read {what}: incomplete list, {why}.", transient=True)
