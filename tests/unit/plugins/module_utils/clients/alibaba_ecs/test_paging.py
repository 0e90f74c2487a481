# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists over all pages: by token and by number, with pages that are empty, totals that are false and lists that change meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.client import VPC
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import ProviderFailure, RecoveryError, WaitTimeout

from tests.unit.plugins.module_utils.clients.alibaba_ecs.bench import Bench, bench, ok, refused
from tests.unit.scripted_server import Reply

SNAPSHOTS = ("Snapshots", "Snapshot")
IMAGES = ("Images", "Image")


def snapshots(*names: str, token: str | None = None, **more: Any) -> Reply:
    return ok(Snapshots={"Snapshot": [{"SnapshotId": name} for name in names]}, **({} if token is None else {"NextToken": token}), **more)


def images(*numbers: int, total: int) -> Reply:
    return ok(Images={"Image": [{"ImageId": f"m-{number}"} for number in numbers]}, TotalCount=total)


def read_snapshots(made: Bench) -> list[str]:
    return [item["SnapshotId"] for item in made.client.listed("snapshots", "DescribeSnapshots", SNAPSHOTS, {"DiskId": "d-1"})]


def read_images(made: Bench) -> list[str]:
    return [item["ImageId"] for item in made.client.listed("images", "DescribeImages", IMAGES)]


def test_token_is_followed_through_an_empty_page_and_totals_are_not_believed() -> None:
    with bench(snapshots("a", token="1", TotalCount=0), snapshots(token="2", TotalCount=99), snapshots("b", token="", TotalCount=99)) as made:
        assert read_snapshots(made) == ["a", "b"]
    assert made.values("NextToken") == [None, "1", "2"]
    assert made.values("MaxResults") == ["100"] * 3
    assert made.values("DiskId") == ["d-1"] * 3
    assert made.values("PageNumber") == [None] * 3


def test_same_token_twice_is_an_incomplete_list() -> None:
    with bench(snapshots("a", token="1"), snapshots("b", token="2"), snapshots("c", token="1")) as made:
        pytest.raises(ProviderFailure, read_snapshots, made).match("could not read snapshots: incomplete list")


@pytest.mark.parametrize("body", [{}, {"Snapshots": {}}, {"Snapshots": []}, {"Snapshots": {"Snapshot": {}}}, {"Snapshots": {"Snapshot": ["a"]}}])
def test_answer_without_its_list_is_an_error(body: dict[str, Any]) -> None:
    with bench(ok(**body)) as made:
        failure = pytest.raises(ProviderFailure, read_snapshots, made)
    assert failure.value.message == "could not read snapshots: the answer has no list Snapshots.Snapshot."


def test_page_that_is_refused_ends_the_list_with_its_error() -> None:
    with bench(snapshots("a", token="1"), refused(403, "Forbidden.RAM")) as made:
        pytest.raises(RecoveryError, read_snapshots, made).match("Grant ecs:DescribeSnapshots")


def test_deadline_between_two_pages_is_a_timeout() -> None:
    with bench(snapshots("a", token="1")) as made:
        reading = made.client.listed("snapshots", "DescribeSnapshots", SNAPSHOTS)
        assert next(reading)["SnapshotId"] == "a"
        made.clock.sleep(1000)
        with pytest.raises(WaitTimeout, match="snapshots could not be read to the end, 1 pages were"):
            next(reading)


def test_longest_pages_are_asked_for() -> None:
    for action, name, longest in (("DescribeDisks", "MaxResults", "500"), ("DescribeCommands", "MaxResults", "50"), ("DescribeKeyPairs", "PageSize", "50")):
        with bench(ok(A={"B": []}, TotalCount=0)) as made:
            assert list(made.client.listed("x", action, ("A", "B"))) == []
        assert made.values(name) == [longest]
    with bench(ok(A={"B": []})) as made:
        assert list(made.client.listed("x", "ListTagResources", ("A", "B"))) == []
    assert made.values("MaxResults") == [None]


def test_flat_list_is_read() -> None:
    with bench(ok(LockedSnapshotsInfo=[{"SnapshotId": "s"}])) as made:
        assert list(made.client.listed("locks", "DescribeLockedSnapshots", ("LockedSnapshotsInfo",))) == [{"SnapshotId": "s"}]


def test_pages_by_number_end_with_one_that_is_not_full_and_that_the_total_agrees_with() -> None:
    with bench(images(*range(100), total=130), images(*range(100, 130), total=130)) as made:
        assert read_images(made) == [f"m-{number}" for number in range(130)]
    assert made.values("PageNumber") == ["1", "2"]
    assert made.values("PageSize") == ["100"] * 2


def test_total_that_is_too_small_loses_nothing() -> None:
    with bench(images(*range(100), total=3), images(*range(100, 105), total=3)) as made:
        assert len(read_images(made)) == 105


def test_short_page_is_not_the_end_while_the_total_says_more() -> None:
    with bench(images(1, 2, total=5), images(3, 4, total=5), images(5, total=5)) as made:
        assert len(read_images(made)) == 5


def test_item_that_moved_to_another_page_is_given_once() -> None:
    with bench(images(1, 2, total=4), images(2, 3, total=4), images(4, total=4)) as made:
        assert read_images(made) == ["m-1", "m-2", "m-3", "m-4"]


def test_list_that_shrinks_while_it_is_read_is_read_again_so_that_nothing_is_missed() -> None:
    # m-1 is deleted after the first page: m-3 moves to the page that was read already.
    with bench(images(1, 2, total=4), images(4, total=3), images(2, 3, total=3), images(4, total=3)) as made:
        assert read_images(made) == ["m-1", "m-2", "m-4", "m-3"]


def test_list_that_never_has_what_its_total_says_is_incomplete() -> None:
    with bench(*[images(1, total=5), images(total=5)] * 3) as made:
        pytest.raises(ProviderFailure, read_images, made).match("incomplete list, 1 items were given, of 5")
    assert len(made.sent) == 6


def test_same_page_for_every_number_is_an_incomplete_list() -> None:
    with bench(images(*range(100), total=500)) as made:
        pytest.raises(ProviderFailure, read_images, made).match("again and again")
    assert len(made.sent) == 2


def test_list_of_vpc_is_paged_too() -> None:
    with bench(ok(EipAddresses={"EipAddress": [{"AllocationId": "e-1"}]}, TotalCount=1)) as made:
        assert list(made.client.listed("EIPs", "DescribeEipAddresses", ("EipAddresses", "EipAddress"), product=VPC)) == [{"AllocationId": "e-1"}]
    assert (made.values("PageSize"), made.values("Version")) == (["100"], ["2016-04-28"])


def test_list_in_one_piece_is_read_without_pages_and_refused_when_it_has_some() -> None:
    with bench(ok(Regions={"Region": [{"RegionId": "a"}]})) as made:
        assert list(made.client.listed("regions", "DescribeRegions", ("Regions", "Region"))) == [{"RegionId": "a"}]
    assert (made.values("MaxResults"), made.values("PageSize")) == ([None], [None])
    for more in ({"NextToken": "1"}, {"TotalCount": 2}):
        with bench(ok(Regions={"Region": [{"RegionId": "a"}]}, **more)) as made, pytest.raises(ProviderFailure, match="incomplete list"):
            list(made.client.listed("regions", "DescribeRegions", ("Regions", "Region")))
