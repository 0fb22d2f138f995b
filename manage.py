#!/usr/bin/env python
"""Rota's command line; a setting that is wrong ends it with one line and exit code 2."""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        django.setup()
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"Rota cannot start: {' '.join(str(error).split())}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
