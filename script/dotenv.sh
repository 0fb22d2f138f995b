# shellcheck shell=bash
# Sourced by script/server: the .env that it writes on its first run.

# demo_settings PORT: what points the workloads at the demo there, files apart from real ones.
demo_settings() {
    echo "DEMO_PORT=$1"
    demo_watch_history "http://127.0.0.1:$1"
    demo_classifieds "http://127.0.0.1:$1"
    demo_tickets "http://127.0.0.1:$1"
    demo_audiobooks "http://127.0.0.1:$1"
    demo_social "http://127.0.0.1:$1"
}

demo_watch_history() {
    cat <<ENV
TRAKT_CLIENT_ID=demo
TRAKT_CLIENT_SECRET=demo
TMDB_API_TOKEN=demo
PRIMARY_USER=ada
ADDITIONAL_USERS=grace,linus
TRAKT_API_URL=$1
TRAKT_AUTH_URL=$1
TMDB_API_URL=$1/3
TMDB_IMAGE_URL=$1/t/p
DATA_DIR=_demo
TRAKT_TOKEN_FILE=trakt.demo.json
ENV
}

demo_classifieds() {
    cat <<ENV
HEADFI_URL=$1
CONTACT=demo
POLL_INTERVAL_MINUTES=1
RATE_LIMIT_DELAY_SECONDS=0.2
DISCORD_WEBHOOK_URL=$1/api/webhooks/1/demo
GMAIL_ADDRESS=demo@localhost
GMAIL_APP_PASSWORD=demo
NOTIFY_EMAIL=newcomer@localhost
SMTP_HOST=127.0.0.1
SMTP_PORT=$((${1##*:} + 1))
SMTP_SECURITY=none
ENV
}

demo_tickets() {
    cat <<ENV
ZENDESK_URL=$1
ZENDESK_SUBDOMAIN=demo
ZENDESK_EMAIL=demo@localhost
ZENDESK_API_TOKEN=demo
ZENDESK_RATE=6000
ANTHROPIC_BASE_URL=$1
ANTHROPIC_API_KEY=demo
ENV
}

demo_audiobooks() {
    cat <<ENV
LIBRIVOX_URL=$1/librivox
ARCHIVE_URL=$1/archive
ARCHIVE_HOSTS=127.0.0.1
OPENLIBRARY_URL=$1/openlibrary
COVERS_URL=$1/covers
GOOGLE_BOOKS_URL=$1/googlebooks
GOOGLE_BOOKS_API_KEY=demo
AUDNEXUS_URL=$1/audnexus
AUDIOBOOKS_RATE=100
LIBRARY_DIR=_demo_library
LIBRARY_FREE=0
ENV
}

demo_social() {
    cat <<ENV
LINKEDIN_URL=$1/linkedin/rest
LINKEDIN_AUTH_URL=$1/linkedin/oauth/v2
LINKEDIN_CLIENT_ID=demo
LINKEDIN_CLIENT_SECRET=demo
X_URL=$1/x/2
X_CLIENT_ID=demo
X_CLIENT_SECRET=demo
META_URL=$1/meta
INSTAGRAM_URL=$1/instagram
META_APP_ID=demo
META_APP_SECRET=demo
ENV
}

# write_env FILE PORT: all that Rota needs on this machine, readable to its owner alone; the demo is at PORT.
write_env() {
    (
        umask 077
        cat >"$1" <<ENV
# Made for this machine by script/server; .env.example tells what else can be set.
SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(50))')
DEBUG=False
# This machine speaks plain http to itself.
HTTPS=False
ALLOWED_HOSTS=localhost,127.0.0.1,[::1]
# Ctrl+C leaves all processes five seconds.
STOP_GRACE=3

# --- The demo: replace these by your own credentials --------------------------------------------------------
# Invented services, which script/server starts while TRAKT_CLIENT_ID is demo. For the real ones set the users, ids,
# keys and tokens, and delete the lines with addresses at 127.0.0.1.
$(demo_settings "$2")
ENV
    )
}

# move_demo FILE PORT: the demo of FILE is at PORT from now on, for commands in other shells too.
move_demo() {
    local old moved
    old=$(sed -n 's/^DEMO_PORT=//p' "$1" | tail -n 1)
    if [[ -z $old || $old == "$2" ]]; then return; fi
    moved=$(sed -e "s/^DEMO_PORT=.*/DEMO_PORT=$2/" -e "s#=http://127\.0\.0\.1:$old#=http://127.0.0.1:$2#" \
        -e "s/^SMTP_PORT=$((old + 1))$/SMTP_PORT=$(($2 + 1))/" "$1")
    printf '%s\n' "$moved" >"$1" # keeps the file's owner and mode
}
