"""The way in for gunicorn; a setting that is wrong stops it with one line instead of a crash loop."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

APP_LOAD_ERROR = 4  # the exit code on which gunicorn gives up instead of starting another worker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    sys.stderr.write(f"Rota cannot start: {' '.join(str(error).split())}\n")
    raise SystemExit(APP_LOAD_ERROR) from None
