# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an option is declared, and the options that every module and provider has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import CREATE, DELETE, INSPECT_ALL, INSPECT_ONE, OPERATIONS
from .secrets import secret_texts, texts_within


@dataclass(frozen=True)
class Option:
    """One option of one provider.

    ``operations`` are those that use it; ``required_for`` those that cannot do without. ``selects`` marks what chooses among
    resources: on DELETE, given in vain, it would delete other than what the user means. ``env`` are the environment variables
    that stand in for it, the first one set wins. ``secret`` values never appear in output; of a dictionary only what is below its
    ``secret_parts``, keys at any depth, when it names any: the rest, such as a project's name, would mask what has nothing to hide.
    ``minimum`` and ``maximum`` bound a number. ``spec`` is the rest of Ansible's argument specification, word by word. ``way`` names the
    way of logging in that an option belongs to: what the task says of one way keeps the environment from adding another.
    """

    type: str = "str"
    operations: tuple[str, ...] = OPERATIONS
    required_for: tuple[str, ...] = ()
    selects: bool = False
    env: tuple[str, ...] = ()
    secret: bool = False
    secret_parts: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    way: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)

    def as_spec(self) -> dict[str, Any]:
        """The option as AnsibleModule takes it."""
        spec: dict[str, Any] = {"type": self.type, **self.spec}
        if self.secret:
            spec["no_log"] = True
        return spec


def public_parts(providers: Mapping[str, Mapping[str, Option]], params: Mapping[str, Any]) -> set[str]:
    """The texts within secret dictionaries that are no secrets."""
    parted = [(option, params.get(name)) for options in providers.values() for name, option in options.items() if option.secret_parts]
    public = {text for option, value in parted if not isinstance(value, str) for text, hidden in texts_within(value, option.secret_parts) if not hidden}
    return public - secret_values(providers, params)


def secret_values(providers: Mapping[str, Mapping[str, Option]], params: Mapping[str, Any]) -> set[str]:
    """All secrets in the parameters, those within dictionaries too."""
    secret = [(option, params.get(name)) for options in providers.values() for name, option in options.items() if option.secret]
    return {text for option, value in secret for text in secret_texts(value, option.secret_parts)}


COMMON: dict[str, Option] = {
    "name": Option(operations=(CREATE, DELETE, INSPECT_ONE)),
    "uid": Option(operations=(CREATE, DELETE, INSPECT_ONE)),
    "api_url": Option(),
    "wait": Option(type="bool", spec={"default": True}),
    "wait_timeout": Option(type="int", minimum=1, maximum=604_800, spec={"default": 3600}),
    "wait_interval": Option(type="int", minimum=1, maximum=3600, spec={"default": 15}),
    "undo_timeout": Option(type="int", minimum=1, maximum=86_400, spec={"default": 600}),
    "request_timeout": Option(type="int", minimum=1, maximum=600, spec={"default": 30}),
    "retries": Option(type="int", minimum=0, maximum=100, spec={"default": 5}),
    "validate_certs": Option(type="bool", spec={"default": True}),
    "ca_path": Option(type="path"),
    "client_cert": Option(type="path"),
    "client_key": Option(type="path", spec={"no_log": False}),
    "tags": Option(type="dict", operations=(CREATE, DELETE, INSPECT_ALL), spec={"aliases": ["labels"]}),
    "name_filter": Option(operations=(INSPECT_ALL,), selects=True),
    "status": Option(type="list", operations=(INSPECT_ALL,), selects=True, spec={"elements": "str"}),
    "max_objects": Option(type="int", operations=(INSPECT_ALL,), selects=True, minimum=0, maximum=1_000_000),
}
