# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The providers whose VMs the fault harness disturbs."""

from __future__ import annotations

from collections.abc import Mapping

from .alibaba_provider import AlibabaProvider
from .gce_provider import GceProvider
from .vm_provider import Route, VmProvider

PROVIDERS: Mapping[str, VmProvider] = {provider.NAME: provider for provider in (GceProvider(), AlibabaProvider())}


def every_route(titles: str = "ROUTES") -> list[tuple[str, Route]]:
    """Each provider's name with each of its routes; ``titles`` is the provider's list of those that are meant."""
    found = []
    for name, provider in PROVIDERS.items():
        chosen = [route if isinstance(route, Route) else route_of(name, route) for route in getattr(provider, titles)]
        found += [(name, route) for route in chosen]
    return found


def route_of(provider: str, title: str) -> Route:
    """A route by its title."""
    return next(route for route in PROVIDERS[provider].ROUTES if route.title == title)
