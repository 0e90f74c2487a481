# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The aiohttp application of one service: the control API, and everything else to the provider."""

from __future__ import annotations

from aiohttp import web

from .control import add_control_routes
from .service import Service

MAX_BODY_BYTES = 64 * 1024 * 1024


def make_application(service: Service) -> web.Application:
    """Puts the routes together."""
    application = web.Application(client_max_size=MAX_BODY_BYTES)
    add_control_routes(application, service)
    application.router.add_route("*", "/{anything:.*}", service.serve)
    return application
