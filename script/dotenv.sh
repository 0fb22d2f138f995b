# shellcheck shell=bash
# Sourced by script/server: the .env that it writes on its first run.

# demo_settings PORT: what points the watch history at the demo there, its files apart from real ones.
demo_settings() {
    local demo=http://127.0.0.1:$1
    cat <<ENV
DEMO_PORT=$1
TRAKT_CLIENT_ID=demo
TRAKT_CLIENT_SECRET=demo
TMDB_API_TOKEN=demo
PRIMARY_USER=ada
ADDITIONAL_USERS=grace,linus
TRAKT_API_URL=$demo
TRAKT_AUTH_URL=$demo
TMDB_API_URL=$demo/3
TMDB_IMAGE_URL=$demo/t/p
DATA_DIR=_demo
TRAKT_TOKEN_FILE=trakt.demo.json
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
# An invented Trakt and TMDB, which script/server starts while TRAKT_CLIENT_ID is demo. For the real ones set
# TRAKT_CLIENT_ID, TRAKT_CLIENT_SECRET, TMDB_API_TOKEN and the users, and delete the other lines.
$(demo_settings "$2")
ENV
    )
}

# move_demo FILE PORT: the demo of FILE is at PORT from now on, for commands in other shells too.
move_demo() {
    local old moved
    old=$(sed -n 's/^DEMO_PORT=//p' "$1" | tail -n 1)
    if [[ -z $old || $old == "$2" ]]; then return; fi
    moved=$(sed -e "s/^DEMO_PORT=.*/DEMO_PORT=$2/" -e "s#=http://127\.0\.0\.1:$old#=http://127.0.0.1:$2#" "$1")
    printf '%s\n' "$moved" >"$1" # keeps the file's owner and mode
}
