"""Every setting, read from the environment; each comment gives the unit or the meaning of a value."""

import logging
from pathlib import Path
from urllib.parse import quote
from zoneinfo import available_timezones

from django.conf import global_settings
from django.templatetags.static import static
from django.utils.csp import CSP
from environ import Env

from project import __version__
from project import environment as env
from project.cache import cache
from project.databases import database
from project.logs import configuration
from project.mail import mailer

ROOT = Path(__file__).resolve().parent.parent
Env.read_env(env.settings_file(ROOT))  # what the environment already has is kept

# Who may come in, and how
DEBUG = env.flag("DEBUG", False)
MAKE_ONE = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
SECRET_KEY = env.text("SECRET_KEY", "only-for-debugging" * 3 if DEBUG else "")
if not SECRET_KEY:
    env.refuse("SECRET_KEY", f"must be set; {MAKE_ONE}")
if not DEBUG and (len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5):
    env.refuse("SECRET_KEY", f"must be 50 random characters or more; {MAKE_ONE}")
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS")  # former keys whose sessions still count
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "localhost, 127.0.0.1, [::1]")
CSRF_TRUSTED_ORIGINS = env.addresses("CSRF_TRUSTED_ORIGINS")  # like https://rota.example.org
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
AUTHENTICATION_BACKENDS = ["scheduling.tenants.Backend"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# HTTPS: on unless DEBUG is; each part can be set by itself
HTTPS = env.flag("HTTPS", not DEBUG)
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", HTTPS)
SECURE_REDIRECT_EXEMPT = [r"^health/?$"]
SESSION_COOKIE_SECURE = env.flag("SESSION_COOKIE_SECURE", HTTPS)
CSRF_COOKIE_SECURE = env.flag("CSRF_COOKIE_SECURE", HTTPS)
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 31_536_000 if HTTPS else 0)  # a year
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("SECURE_HSTS_INCLUDE_SUBDOMAINS", HTTPS)
SECURE_HSTS_PRELOAD = env.flag("SECURE_HSTS_PRELOAD", HTTPS)
# Plain http without DEBUG is only by HTTPS=false, which says it all: no further warnings of HSTS, redirect and cookies.
PLAIN_HTTP = [f"security.{number}" for number in ("W004", "W008", "W012", "W016")]
LESS_OF_INDEXES = ["models.W037", "models.W043"]  # what MariaDB cannot index it looks for: slower, and right
SILENCED_SYSTEM_CHECKS = LESS_OF_INDEXES + ([] if HTTPS or DEBUG else PLAIN_HTTP)
BEHIND_PROXY = env.flag("BEHIND_PROXY", False)  # only where a proxy always sets this header and X-Forwarded-For
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],  # Alpine.js in django-unfold evaluates expressions
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],  # django-unfold writes its colours into the page
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}

# What the project is made of
DEMO = env.text("TRAKT_CLIENT_ID") == "demo"  # as script/server has it until someone sets his own credentials
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_apscheduler",
    "ninja",
    "scheduling",
    "tasks",
    "tasks.watch_history",
    "tasks.audiobooks",
    "tasks.classifieds",
    "tasks.social",
    "tasks.tickets",
    *(["tasks.demo"] if DEMO else []),
]
MIDDLEWARE = [
    "project.requests.Requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "scheduling.api.middleware.Manners",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "scheduling.middleware.ViewerZone",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
UNFOLD = {
    "SITE_TITLE": "Rota",
    "SITE_HEADER": "Rota",
    "SITE_SYMBOL": "schedule",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "scheduling.admin.dashboard.dashboard_callback",
    "SIDEBAR": {"navigation": "scheduling.admin.navigation.navigation"},
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("scheduling/favicon.svg")}
    ],
    "STYLES": [lambda request: static("scheduling/rota.css")],
    "SCRIPTS": [lambda request: static("scheduling/rota.js")],
}

# Files
STATIC_URL = "static/"
STATIC_ROOT = ROOT / "staticfiles"
STATIC_STORAGES = {
    True: "django.contrib.staticfiles.storage.StaticFilesStorage",
    False: "whitenoise.storage.CompressedManifestStaticFilesStorage",
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": STATIC_STORAGES[DEBUG]},
}

# Language and time
LANGUAGES_OF_DJANGO = {"en-us", *(code for code, _ in global_settings.LANGUAGES)}
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en-us", LANGUAGES_OF_DJANGO, "a language code like en-gb or de")
TIME_ZONE = env.choice("TIME_ZONE", "UTC", available_timezones(), "a zone name like Europe/Berlin")
USE_I18N = True
USE_TZ = True

# Database
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": database(
        env.text("DATABASE_URL", f"sqlite:///{quote(str(ROOT / 'db.sqlite3'))}"),
        root=ROOT,
        conn_max_age=env.integer("CONN_MAX_AGE", 60),  # seconds that a connection is kept for the next request
        synchronous=env.choice("SQLITE_SYNCHRONOUS", "FULL", {"FULL", "NORMAL"}),  # NORMAL outlives no power cut
    )
}
if SOURCE := env.text("SOURCE_DATABASE_URL"):  # another scheduler's tables, for `importjobs --database source`
    DATABASES["source"] = database(SOURCE, root=ROOT, conn_max_age=0, synchronous="FULL", setting="SOURCE_DATABASE_URL")

# Cache: what is counted in it is right only where all web processes share one
CACHES = {"default": cache(env.text("CACHE_URL", "locmemcache://"))}

# Mail
MAILERS = {"default": mailer(env.text("EMAIL_URL", "consolemail://" if DEBUG else "smtp://localhost:25"))}
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "rota@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ADMINS = env.names("ADMINS")  # addresses that get a mail when a page crashes

# Telemetry: off unless an address is given
SENTRY_DSN = env.secret_address("SENTRY_DSN")  # where errors go
OTEL = env.secret_address("OTEL_EXPORTER_OTLP_ENDPOINT")  # where the spans of runs and API requests go, by http
OBSERVERS = []
if SENTRY_DSN:
    env.package("SENTRY_DSN", "sentry_sdk", "'sentry-sdk>=2.20'")
    INSTALLED_APPS.append("project.telemetry")
    OBSERVERS.append("project.telemetry.errors.Errors")
if OTEL:
    exporter = "opentelemetry.exporter.otlp.proto.http"
    env.package("OTEL_EXPORTER_OTLP_ENDPOINT", exporter, "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http")
    MIDDLEWARE.insert(1, "project.telemetry.tracing.Requests")  # within project.requests, which names them
    OBSERVERS.append("project.telemetry.tracing.Spans")

# Scheduling; spans in seconds
QUEUES = env.queues("QUEUES", "default=processes:4, light=threads:16")  # name=executor:slots
HEARTBEAT = env.number("HEARTBEAT", 2, 0.1, 60)  # between two signs of life of a worker
STALE_AFTER = env.number("STALE_AFTER", 8, 0.3, 3600)  # without a sign of life, a worker counts as dead
if STALE_AFTER < 3 * HEARTBEAT:
    env.refuse("STALE_AFTER", "must be three times HEARTBEAT or more, or living workers would be taken for dead")
INSTANCE = env.text("INSTANCE", "default")  # the name of this installation: its schedulers turn on no other's database
if len(INSTANCE) > 100:
    env.refuse("INSTANCE", "must have 100 characters or less")
LOG_FORMAT = env.choice("LOG_FORMAT", "text", {"text", "json"})
SCHEDULING = {
    "QUEUES": QUEUES,
    "STOP_GRACE": env.number("STOP_GRACE", 30),  # how long running tasks may go on after SIGTERM
    "HEARTBEAT": HEARTBEAT,
    "STALE_AFTER": STALE_AFTER,
    "POLL": env.number("POLL", 1, 0.01, 60),  # the longest sleep of the scheduler
    "MISFIRE_GRACE_TIME": env.number("MISFIRE_GRACE_TIME", 900),  # how late a run of a new job may still start
    "DEFAULT_TIMEOUT": env.number("DEFAULT_TIMEOUT", 3600),  # of a run whose job names none; 0 is no limit
    "MAX_TASKS_PER_CHILD": env.integer("MAX_TASKS_PER_CHILD", 500, 1),  # runs, then a child process is replaced
    "LOG_LIMIT": env.integer("LOG_LIMIT", 1_000_000),  # characters of log kept per run
    "KILL_GRACE": env.number("KILL_GRACE", 1, 0, 60),  # between asking a run to stop and killing it
    "KEEP_DAYS": env.integer("KEEP_DAYS", 30, 0, 36_500),  # of runs whose job does not say; 0 is for ever
    "KEEP_UNWELL_DAYS": env.integer("KEEP_UNWELL_DAYS", 90, 0, 36_500),  # of those that failed, timed out or were lost
    "API_RATE": env.integer("API_RATE", 600),  # requests a minute for each token or user; 0 is no limit
    "SITE_URL": env.address("SITE_URL", "http://localhost") if env.text("SITE_URL") else "",  # for links in notices
    "NOTICE_CHANNELS": env.with_prefix("NOTICE_CHANNEL_"),  # name -> address for apprise, or of a web hook
    "NOTICE_SECRET": env.text("NOTICE_SECRET"),  # signs web hooks
    "NOTICE_PRIVATE": env.flag("NOTICE_PRIVATE", False),  # web hooks and pings may reach addresses that are not public
    "NOTICE_EVERY": env.number("NOTICE_EVERY", 5, 0.1, 60),  # between two looks for what is to be told
    "NOTICE_TOGETHER": env.number("NOTICE_TOGETHER", 10, 0, 600),  # how long a line waits for others
    "NOTICE_WATCH": env.flag("NOTICE_WATCH", True),  # the web process tells when no scheduler is alive
    "PINGS": env.named_addresses("PINGS"),  # name -> address that is told of a job's starts and ends
    "PING_SCHEDULER": env.secret_address("PING_SCHEDULER"),  # asked for each minute while a scheduler's loop turns
    "BEHIND_PROXY": BEHIND_PROXY,  # then X-Forwarded-For tells where a request comes from
    "IN_WEB": env.flag("SCHEDULER_IN_WEB", False),  # whether each web process runs jobs too, in its background
    "VERSION": __version__,
    "INSTANCE": INSTANCE,
    "OBSERVERS": OBSERVERS,
    "LOG_JSON": LOG_FORMAT == "json",  # then the scheduler's own words are log lines too
    "REDACT": env.names("REDACT"),  # more names of settings and arguments whose values are secret
}
TASKS = {
    "default": {
        "BACKEND": "scheduling.backends.RotaBackend",
        "QUEUES": list(QUEUES),
    }
}

# How the clients of outside services introduce themselves
CONTACT = env.text("CONTACT")  # how the operators of those services reach you: a mail address or a page
USER_AGENT = env.text(
    "USER_AGENT", f"Rota/{__version__} (+https://github.com/rota/rota{'; ' + CONTACT if CONTACT else ''})"
)

# Watch history: Trakt and TMDB
WATCH_HISTORY = {
    "TRAKT_CLIENT_ID": env.text("TRAKT_CLIENT_ID"),
    "TRAKT_CLIENT_SECRET": env.text("TRAKT_CLIENT_SECRET"),
    "TMDB_API_TOKEN": env.text("TMDB_API_TOKEN"),
    "PRIMARY_USER": env.text("PRIMARY_USER"),  # the Trakt user whose history is always fetched anew
    "ADDITIONAL_USERS": env.names("ADDITIONAL_USERS"),
    "TRAKT_API_URL": env.address("TRAKT_API_URL", "https://api.trakt.tv"),
    "TRAKT_AUTH_URL": env.address("TRAKT_AUTH_URL", "https://auth.trakt.tv"),
    "TMDB_API_URL": env.address("TMDB_API_URL", "https://api.themoviedb.org/3"),
    "TMDB_IMAGE_URL": env.address("TMDB_IMAGE_URL", "https://image.tmdb.org/t/p"),
    "DATA_DIR": env.file_path("DATA_DIR", "_data", ROOT),
    "TRAKT_TOKEN_FILE": env.file_path("TRAKT_TOKEN_FILE", "trakt.json", ROOT),
    "CACHE_SECONDS": env.integer("CACHE_SECONDS", 3600),  # how long an additional user's history counts as new
    "USER_TIMEOUT": env.number("USER_TIMEOUT", 600, 1),  # seconds for one user
    "ENRICHMENT_DAYS": env.integer("ENRICHMENT_DAYS", 30),  # how long posters and cast are kept
    "USER_AGENT": USER_AGENT,
}

# Classifieds: Head-Fi, and who is told of what the rules match
CLASSIFIEDS = {
    "CONTACT": CONTACT,  # without it the site is not asked
    "USER_AGENT": USER_AGENT,
    "HEADFI_URL": env.address("HEADFI_URL", "https://www.head-fi.org"),
    "POLL_INTERVAL_MINUTES": env.integer("POLL_INTERVAL_MINUTES", 5, 1, 60),  # from one scan to the next
    "INITIAL_MAX_PAGES": env.integer("INITIAL_MAX_PAGES", 10, 1, 100),  # of each category in its first scan
    "SCHEDULED_MAX_PAGES": env.integer("SCHEDULED_MAX_PAGES", 2, 1, 100),  # of each category after that
    "RATE_LIMIT_DELAY_SECONDS": env.number("RATE_LIMIT_DELAY_SECONDS", 2, 0, 300),  # from one page to the next
    "SCAN_TIMEOUT": env.number("SCAN_TIMEOUT", 1800, 10),  # seconds for one scan
    "KEEP_LISTINGS_DAYS": env.integer("KEEP_LISTINGS_DAYS", 365, 0, 36_500),  # since it was last seen; 0 is for ever
    "HEADFI_FILE": env.text("HEADFI_FILE"),  # categories and selectors; empty: those that come with Rota
    "FETCHER": env.choice("FETCHER", "http", {"http", "browser"}),  # what fetches pages
    "HEADLESS": env.flag("HEADLESS", True),  # whether that browser shows no window
    "CHROMIUM": env.text("CHROMIUM"),  # its program; empty: the one on PATH
    "DISCORD_WEBHOOK_URL": env.secret_address("DISCORD_WEBHOOK_URL"),
    "GMAIL_ADDRESS": env.text("GMAIL_ADDRESS"),
    "GMAIL_APP_PASSWORD": env.text("GMAIL_APP_PASSWORD"),
    "NOTIFY_EMAIL": env.text("NOTIFY_EMAIL", env.text("GMAIL_ADDRESS")),  # who gets the mails
    "SMTP_HOST": env.text("SMTP_HOST", "smtp.gmail.com"),
    "SMTP_PORT": env.integer("SMTP_PORT", 587, 1, 65_535),
    "SMTP_SECURITY": env.choice("SMTP_SECURITY", "starttls", {"starttls", "tls", "none"}),
}

# Support tickets: Zendesk, and the model that reads them
TICKETS = {
    "USER_AGENT": USER_AGENT,
    "ZENDESK_SUBDOMAIN": env.text("ZENDESK_SUBDOMAIN"),
    "ZENDESK_URL": env.address("ZENDESK_URL", f"https://{env.text('ZENDESK_SUBDOMAIN', 'unset')}.zendesk.com"),
    "ZENDESK_EMAIL": env.text("ZENDESK_EMAIL"),  # with an API token
    "ZENDESK_API_TOKEN": env.text("ZENDESK_API_TOKEN"),
    "ZENDESK_OAUTH_TOKEN": env.text("ZENDESK_OAUTH_TOKEN"),  # instead of these two
    "ZENDESK_CLIENT_ID": env.text("ZENDESK_CLIENT_ID"),  # or instead: an OAuth client, for tokens that end
    "ZENDESK_CLIENT_SECRET": env.text("ZENDESK_CLIENT_SECRET"),
    "ZENDESK_RATE": env.integer("ZENDESK_RATE", 200, 1),  # requests a minute, beside the exports
    "FIRST_BACKFILL_DAYS": env.integer("FIRST_BACKFILL_DAYS", 30, 1, 3650),  # how far the first sync reaches back
    "FETCH_COMMENTS": env.flag("FETCH_COMMENTS", True),
    "INTERNAL_NOTES": env.flag("INTERNAL_NOTES", False),  # whether the model may read comments that are not public
    "ANTHROPIC_API_KEY": env.text("ANTHROPIC_API_KEY"),  # empty: local rules look for issues
    "ANTHROPIC_BASE_URL": env.address("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
    "ANTHROPIC_MODEL": env.text("ANTHROPIC_MODEL", "claude-haiku-4-5"),
    "ANALYSIS_BATCH_SIZE": env.integer("ANALYSIS_BATCH_SIZE", 500, 1, 100_000),  # tickets analysed in one run
    "DAILY_TOKENS": env.integer("DAILY_TOKENS", 5_000_000),  # read and written by the model on one day; 0 is no limit
    "MESSAGE_BATCHES_FROM": env.integer("MESSAGE_BATCHES_FROM", 200),  # tickets in a run; 0: never in a batch
    "PIPELINE_TIMEOUT": env.number("PIPELINE_TIMEOUT", 14_400, 60),  # seconds for one run of the pipeline
}

# Social analytics: LinkedIn, X, Facebook and Instagram; the tokens of accounts are in the database, sealed
SOCIAL = {
    "USER_AGENT": USER_AGENT,
    "LINKEDIN_CLIENT_ID": env.text("LINKEDIN_CLIENT_ID"),
    "LINKEDIN_CLIENT_SECRET": env.text("LINKEDIN_CLIENT_SECRET"),
    "LINKEDIN_URL": env.address("LINKEDIN_URL", "https://api.linkedin.com/rest"),
    "LINKEDIN_AUTH_URL": env.address("LINKEDIN_AUTH_URL", "https://www.linkedin.com/oauth/v2"),
    "LINKEDIN_VERSION": env.text("LINKEDIN_VERSION", "202609"),  # YYYYMM; each lives for about a year
    "X_CLIENT_ID": env.text("X_CLIENT_ID"),
    "X_CLIENT_SECRET": env.text("X_CLIENT_SECRET"),  # empty: a public client
    "X_URL": env.address("X_URL", "https://api.x.com/2"),
    "X_POST_FIELDS": env.choice("X_POST_FIELDS", "tweet.fields", {"tweet.fields", "post.fields"}),  # its parameter
    "X_PRIVATE_METRICS": env.flag("X_PRIVATE_METRICS", True),  # what only the author's own token gets
    "META_APP_ID": env.text("META_APP_ID"),
    "META_APP_SECRET": env.text("META_APP_SECRET"),
    "META_URL": env.address("META_URL", "https://graph.facebook.com"),
    "INSTAGRAM_URL": env.address("INSTAGRAM_URL", "https://graph.instagram.com"),
    "META_VERSION": env.text("META_VERSION", "v25.0"),
    "POSTS_PER_PLATFORM": env.integer("POSTS_PER_PLATFORM", 100, 1, 100),  # of each account in one sync
    "SOCIAL_SYNC_TIMEOUT": env.number("SOCIAL_SYNC_TIMEOUT", 3000, 60),  # seconds for one sync of all businesses
    "KEEP_READINGS_DAYS": env.integer("KEEP_READINGS_DAYS", 30, 1, 3650),  # older ones are thinned to one a day
    "KEEP_SYNCS_DAYS": env.integer("KEEP_SYNCS_DAYS", 90, 1, 3650),
}

# Audiobooks: LibriVox and the Internet Archive; Open Library, Google Books and Audnexus for what is told of books
AUDIOBOOKS = {
    "CONTACT": CONTACT,  # without it nobody is asked
    "USER_AGENT": USER_AGENT,
    "CATALOGUE": env.text("CATALOGUE", "tasks.audiobooks.librivox.LibriVox"),  # the source of books, a dotted path
    "LIBRIVOX_URL": env.address("LIBRIVOX_URL", "https://librivox.org"),
    "ARCHIVE_URL": env.address("ARCHIVE_URL", "https://archive.org"),
    "ARCHIVE_HOSTS": env.names("ARCHIVE_HOSTS", ".archive.org"),  # where files may come from; with a dot: and below
    "OPENLIBRARY_URL": env.address("OPENLIBRARY_URL", "https://openlibrary.org"),
    "COVERS_URL": env.address("COVERS_URL", "https://covers.openlibrary.org"),
    "GOOGLE_BOOKS_URL": env.address("GOOGLE_BOOKS_URL", "https://www.googleapis.com/books/v1"),
    "GOOGLE_BOOKS_API_KEY": env.text("GOOGLE_BOOKS_API_KEY"),  # empty: Google Books is not asked
    "AUDNEXUS_URL": env.address("AUDNEXUS_URL", "https://api.audnex.us"),
    "AUDNEXUS": env.flag("AUDNEXUS", False),  # whether Audnexus is asked; it knows commercial titles only
    "LIBRARY_DIR": env.file_path("LIBRARY_DIR", "_library", ROOT),
    "LIBRARY_BUDGET": env.integer("LIBRARY_BUDGET", 50_000_000_000, 0),  # bytes of all files together; 0 is no limit
    "LIBRARY_FREE": env.integer("LIBRARY_FREE", 2_000_000_000, 0),  # bytes that stay free on the disk
    "AUDIO_FORMAT": env.choice("AUDIO_FORMAT", "64Kbps MP3", {"64Kbps MP3", "128Kbps MP3", "VBR MP3"}),
    "NEW_BOOKS_DAYS": env.integer("NEW_BOOKS_DAYS", 7, 1, 365),  # how long a book counts as new for metadata_new
    "TOP_BOOKS": env.integer("TOP_BOOKS", 10, 1, 100),  # of each enabled genre
    "KEEP_RECORDS_DAYS": env.integer("KEEP_RECORDS_DAYS", 30, 1, 3650),  # of task records, for cleanup_tasks
    "AUDIOBOOKS_RATE": env.number("AUDIOBOOKS_RATE", 1, 0.01, 1_000_000),  # requests a second to each of these services
    "DOWNLOAD_TIMEOUT": env.number("DOWNLOAD_TIMEOUT", 6 * 3600, 60),  # seconds for one run that downloads
}

# Metrics
METRICS_OPEN = env.flag("METRICS_OPEN", False)  # /metrics without a token or a login

# Crashes: what the admins' mail and the page of DEBUG tell of one
DEFAULT_EXCEPTION_REPORTER = "project.crashes.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "project.crashes.Filter"

# Logs
LOG_FILE = env.text("LOG_FILE")  # beside the console, for example scheduler.log
LOGGING = configuration(
    level=env.choice("LOG_LEVEL", "INFO", logging.getLevelNamesMapping()),
    style=LOG_FORMAT,
    file=str(env.file_path("LOG_FILE", LOG_FILE, ROOT)) if LOG_FILE else "",
    admins=bool(ADMINS),
)
