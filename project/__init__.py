"""The project around the apps: its settings, its addresses, its way in, its version."""

__version__ = "0.1.0"
