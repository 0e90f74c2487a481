# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels: what may be one, and which are ours."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.marks import check_tags, label_value
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks

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


def test_every_mark_is_a_legal_label_and_hidden_from_users() -> None:
    names = [
        value for name, value in vars(marks).items() if name.isupper() and isinstance(value, str) and name not in ("PREFIX", "ON", "OFF", "YES", "CONDEMNED")
    ]
    assert marks.LOCK in names
    labels = marks.prefixed(dict.fromkeys(names, "x"))
    assert all(label_value(label) == label for label in labels)
    assert marks.split({**labels, "env": "prod"}) == (dict.fromkeys(names, "x"), {"env": "prod"})


@pytest.mark.parametrize("text", ["web-1", "", "a" * 63])
def test_legal_text_is_its_own_value(text: str) -> None:
    assert label_value(text) == text


@pytest.mark.parametrize("text", ["Web 1", "a" * 64, "web/1", "...", "W" * 200, "ЖЖЖ", "größe"])
def test_other_text_gets_a_readable_beginning_and_a_hash(text: str) -> None:
    value = label_value(text)
    assert len(value) <= 63
    assert check_tags({"k": value}) == {"k": value}
    assert value == label_value(text)


def test_texts_that_look_alike_get_values_of_their_own() -> None:
    texts = ["Web 1", "web 1", "web  1", "WEB-1", "a" * 64, "a" * 65]
    assert len({label_value(text) for text in texts}) == len(texts)
    assert label_value("Web 1").startswith("web-1-")
