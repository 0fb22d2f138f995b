"""The way in for gunicorn; a setting that is wrong stops it with one line instead of a crash loop.

With SCHEDULER_IN_WEB the process that serves pages runs jobs as well.
"""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

import scheduling

APP_LOAD_ERROR = 4  # the exit code on which gunicorn gives up instead of starting another worker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    sys.stderr.write(f"Rota cannot start: {' '.join(str(error).split())}\n")
    raise SystemExit(APP_LOAD_ERROR) from None

from scheduling.notices.threads import keep_watch  # noqa: E402  # the apps must be loaded first

keep_watch()
if settings.SCHEDULING["IN_WEB"]:
    scheduling.start_in_web()
