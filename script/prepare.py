"""What must be there before the servers start: tables, the admin user, static files."""

import os
import secrets
import sys

import django
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

ADMIN = "admin"


def main() -> None:
    sys.path.insert(0, os.getcwd())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        django.setup()
    except ImproperlyConfigured as error:
        sys.exit(f"Rota cannot start: {error}")
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    make_admin()


def make_admin() -> None:
    """Make the admin user, and show his password for the only time."""
    users = get_user_model().objects
    if users.filter(username=ADMIN).exists():
        say(f"Log in as {ADMIN}; a new password: .venv/bin/python manage.py changepassword {ADMIN}")
        return
    password = secrets.token_urlsafe(15)
    users.create_superuser(ADMIN, f"{ADMIN}@localhost", password)
    lines = [f"user      {ADMIN}", f"password  {password}", "", "Shown once: keep it now."]
    width = max(map(len, lines))
    border = f"+{'-' * (width + 4)}+"
    say("\n".join([border, *(f"|  {line:<{width}}  |" for line in lines), border]))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
