"""Connections that are given up when nobody acknowledges them, as PostgreSQL's client does by its own options.

MariaDB's client only has limits for whole answers, which would end long statements as well.
"""

import os
import socket
from typing import Any

from django.db.backends.mysql import base

from project.databases import PROBE_AFTER, PROBE_EVERY, UNACKNOWLEDGED

OPTIONS = {
    "TCP_KEEPIDLE": PROBE_AFTER,
    "TCP_KEEPINTVL": PROBE_EVERY,
    "TCP_USER_TIMEOUT": UNACKNOWLEDGED,
}


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        made = super().get_new_connection(conn_params)
        with socket.socket(fileno=os.dup(made.fileno())) as wire:  # a descriptor of our own, to be closed
            if wire.family in (socket.AF_INET, socket.AF_INET6):
                _probe(wire)
        return made


def _probe(wire: socket.socket) -> None:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in OPTIONS.items():
        if hasattr(socket, name):  # not every system has each
            wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
