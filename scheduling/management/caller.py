"""Who is at the keyboard: it goes into the history of whatever is changed from here."""

import getpass
import os
import socket

LONGEST = 150  # characters, as the columns take


def by() -> str:
    """ "ada@batch, command line"; the person who called sudo, not root."""
    return f"{os.environ.get('SUDO_USER') or _user()}@{socket.gethostname()}, command line"[:LONGEST]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that nobody has
        return f"uid {os.getuid()}"
