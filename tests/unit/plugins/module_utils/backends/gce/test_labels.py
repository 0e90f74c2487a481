# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels: what may be one, which are ours, and changing them by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import labels
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.labels import check_tags, label_value, set_labels, user_labels
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects as gce_objects
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RecoveryError,
)

MISMATCH = Conflict("Labels fingerprint either invalid or resource labels have changed", code="conditionNotMet", http_status=412)


class Shelf:
    """A resource with labels; ``before_write`` and ``in_operation`` happen at the next write, once each."""

    def __init__(self, **kept: str) -> None:
        self.kept: dict[str, str] | None = {key.replace("_", "-"): value for key, value in kept.items()}
        self.version = 1
        self.writes = 0
        self.before_write: list[Callable[[], None]] = []
        self.in_operation: list[RecoveryError] = []

    def read(self) -> gce_objects.Resource | None:
        if self.kept is None:
            return None
        return gce_objects.resource({"name": "x", "id": "1", "labels": dict(self.kept), "labelFingerprint": str(self.version)})

    def write(self, wanted: Mapping[str, str], fingerprint: str) -> gce_objects.Operation:
        self.writes += 1
        if self.before_write:
            self.before_write.pop(0)()
        if fingerprint != str(self.version):
            raise MISMATCH
        if not self.in_operation:
            self.put(dict(wanted))
        return gce_objects.operation({"name": "op"})

    def put(self, wanted: dict[str, str]) -> None:
        self.kept, self.version = wanted, self.version + 1

    def wait(self, _operation: object) -> None:
        if self.in_operation:
            raise self.in_operation.pop(0)

    def set(self, **changes: str | None) -> gce_objects.Resource:
        return set_labels(self.read, self.write, self.wait, {key.replace("_", "-"): value for key, value in changes.items()})


def raising(error: RecoveryError) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


# -- Compare and swap


def test_changes_are_merged_and_seen() -> None:
    shelf = Shelf(team="sales", old="x")
    seen = shelf.set(mcr_lock="me", old=None, team="ops")
    assert shelf.kept == {"team": "ops", "mcr-lock": "me"} == seen.labels
    assert shelf.writes == 1


@pytest.mark.parametrize("changes", [{"team": "sales"}, {"absent": None}, {}])
def test_nothing_is_sent_when_it_is_so_already(changes: dict[str, Any]) -> None:
    shelf = Shelf(team="sales")
    shelf.set(**changes)
    assert shelf.writes == 0


def test_what_somebody_else_changes_meanwhile_is_kept() -> None:
    shelf = Shelf(team="sales")
    shelf.before_write = [lambda: shelf.put({"team": "sales", "theirs": "1"})]
    shelf.set(mine="1")
    assert shelf.kept == {"team": "sales", "theirs": "1", "mine": "1"}
    assert shelf.writes == 2


def test_mismatch_inside_the_operation_reads_again() -> None:
    shelf = Shelf()
    shelf.in_operation = [Conflict("changed", code="CONDITION_NOT_MET", http_status=412)]
    shelf.set(mine="1")
    assert shelf.kept == {"mine": "1"}
    assert shelf.writes == 2


def test_lost_answer_that_was_carried_out_is_not_sent_again() -> None:
    shelf = Shelf()

    def lose() -> None:
        shelf.put({"mine": "1"})
        raise OutcomeUnknown("no answer")

    shelf.before_write = [lose]
    shelf.set(mine="1")
    assert shelf.writes == 1


def test_lost_answer_that_was_not_carried_out_is_sent_again() -> None:
    shelf = Shelf()
    shelf.before_write = [raising(OutcomeUnknown("no answer"))]
    shelf.set(mine="1")
    assert (shelf.kept, shelf.writes) == ({"mine": "1"}, 2)


def test_another_error_is_raised_at_once() -> None:
    shelf = Shelf()
    shelf.before_write = [raising(AuthenticationFailed("not allowed", http_status=403))]
    with pytest.raises(AuthenticationFailed):
        shelf.set(mine="1")
    assert shelf.writes == 1


def test_resource_that_disappears_is_not_found() -> None:
    shelf = Shelf()
    shelf.kept = None
    with pytest.raises(NotFound):
        shelf.set(mine="1")


def test_others_who_never_leave_off_are_a_conflict() -> None:
    shelf = Shelf()
    shelf.before_write = [lambda: shelf.put({})] * 100
    with pytest.raises(Conflict, match="others change them"):
        shelf.set(mine="1")
    assert shelf.writes == 10


# -- What may be a label


@pytest.mark.parametrize("tags", [{"env": "prod"}, {"a": ""}, {"größe": "hoch"}, {"名前": "値"}, {"a-b_9": "-_9"}, {"k" * 63: "v" * 63}])
def test_label_that_compute_engine_takes_is_taken(tags: dict[str, str]) -> None:
    assert check_tags(tags) == tags


def test_numbers_become_text_and_nothing_is_no_labels() -> None:
    assert check_tags({"level": 3}) == {"level": "3"}
    assert check_tags(None) == {}


@pytest.mark.parametrize(
    "tags",
    [
        {"Env": "prod"}, {"env": "Prod"}, {"": "x"}, {"9a": "x"}, {"-a": "x"}, {"a.b": "x"}, {"a": "b c"}, {"a": "ü" * 64}, {"k" * 64: "v"}, {"a": "Ü"},
        {"a": True}, {"a": ["x"]}, {"a": None},
    ],
)  # fmt: skip
def test_label_that_compute_engine_refuses_is_refused_before_any_request(tags: dict[Any, Any]) -> None:
    with pytest.raises(InvalidRequest, match="tags: "):
        check_tags(tags)


def test_our_own_labels_cannot_be_set() -> None:
    with pytest.raises(InvalidRequest, match="mcr-"):
        check_tags({"mcr-lock": "x"})


def test_too_many_labels_are_refused() -> None:
    assert len(check_tags({f"k{number}": "" for number in range(52)})) == 52
    with pytest.raises(InvalidRequest, match="53 are too many"):
        check_tags({f"k{number}": "" for number in range(53)})


def test_every_label_of_ours_is_hidden_from_users_and_legal() -> None:
    ours = {name: value for name, value in vars(labels).items() if name.isupper() and not name.startswith("_")}
    assert len(ours) == 12
    assert all(value.startswith(labels.PREFIX) for value in ours.values())
    assert user_labels({**dict.fromkeys(ours.values(), "x"), "env": "prod"}) == {"env": "prod"}


@pytest.mark.parametrize("text", ["web-1", "", "a" * 63, "größe"])
def test_legal_text_is_its_own_value(text: str) -> None:
    assert label_value(text) == text


@pytest.mark.parametrize("text", ["Web 1", "a" * 64, "web/1", "...", "W" * 200, "ЖЖЖ"])
def test_other_text_gets_a_readable_beginning_and_a_hash(text: str) -> None:
    value = label_value(text)
    assert len(value) <= 63
    assert check_tags({"k": value}) == {"k": value}
    assert value == label_value(text)


def test_texts_that_look_alike_get_values_of_their_own() -> None:
    texts = ["Web 1", "web 1", "web  1", "WEB-1", "a" * 64, "a" * 65]
    assert len({label_value(text) for text in texts}) == len(texts)
    assert label_value("Web 1").startswith("web-1-")
