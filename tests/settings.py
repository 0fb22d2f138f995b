"""The project's settings, and an app whose tasks misbehave on order."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.workload"]
