"""The project's settings for tests in whose processes Discord is on loopback: apprise's client, another address."""

import os

from apprise.plugins.discord import NotifyDiscord

from tests.settings import *  # noqa: F403

NotifyDiscord.notify_url = f"{os.environ['DISCORD_ON_LOOPBACK']}/api/webhooks"
