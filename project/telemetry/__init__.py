"""Sentry (an app, installed only where SENTRY_DSN is set) and OpenTelemetry: what of them this project uses."""
