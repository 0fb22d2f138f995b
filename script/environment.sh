# shellcheck shell=bash
# Sourced by the other scripts: the right Python, a virtual environment, packages installed when their list changed.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
var=$venv/var # what the scripts keep between two runs

say() { printf '%s\n' "$*"; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The Python that .python-version names, else another that is new enough, else one that uv fetches.
find_python() {
    local wanted candidate
    wanted=$(<"$root/.python-version")
    for candidate in "python$wanted" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$wanted"*/bin/python \
        python3 python python3.14 python3.13 python3.12; do
        if is_python "$candidate" "$wanted"; then return; fi
    done
    for candidate in python3.14 python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}/versions"/3.1[2-9]*/bin/python; do
        if is_python "$candidate"; then return; fi
    done
    python_by_uv "$wanted"
}

# Prints the candidate's own path when it can make a virtual environment and is of version $2, or 3.12 and newer.
is_python() {
    "$1" - "${2:-}" 2>/dev/null <<'PYTHON'
import sys, ensurepip, venv
version = "%d.%d" % sys.version_info[:2]
fits = version == sys.argv[1] if sys.argv[1] else sys.version_info >= (3, 12)
print(sys.executable) if fits else sys.exit(1)
PYTHON
}

python_by_uv() {
    local uv=uv folder
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/rota
    if ! command -v uv >/dev/null; then
        python3 -m pip install --quiet --target "$folder/uv" uv >&2 ||
            die "Rota needs Python 3.12 or newer, with pip and venv; install python$1 and run this again."
        uv=$folder/uv/bin/uv
    fi
    "$uv" python install --quiet "$1" >&2 || die "Python $1 could not be had; install it and run this again."
    "$uv" python find "$1"
}

# Makes .venv where there is none that works, and puts its commands first on PATH.
make_venv() {
    local python
    if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
        python=$(find_python)
        say "Making .venv with $("$python" --version)"
        "$python" -m venv --clear "$venv"
    fi
    mkdir -p "$var"
    export PATH=$venv/bin:$PATH PYTHONUNBUFFERED=1
}

# install NAME [ARGUMENT…]: what pip is told by the arguments, unless NAME was installed from the same lists before.
install() {
    local name=$1 stamp
    shift
    stamp=$(cat "$root/requirements.txt" "$root/tests/requirements.txt" | cksum)
    if [[ -f $var/$name && $(<"$var/$name") == "$stamp" ]]; then return; fi
    say "Installing $name"
    python -m pip --version >/dev/null 2>&1 || python -m ensurepip >/dev/null
    python -m pip install --quiet --disable-pip-version-check "$@"
    printf '%s' "$stamp" >"$var/$name"
}

# Debian's package $1, if we may install it.
apt() {
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
    say "Installing Debian's $1"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"; } \
        >"$var/apt.log" 2>&1
}

# What runs Rota and what checks it; MariaDB's client is built, which takes its headers.
install_to_test() {
    install "packages to run" -r "$root/requirements.txt"
    if command -v mariadb_config >/dev/null || apt libmariadb-dev; then
        install "packages to test" -r "$root/tests/requirements.txt"
    else
        grep -v '^mysqlclient' "$root/tests/requirements.txt" >"$var/requirements.txt"
        install "packages to test without MariaDB" -r "$var/requirements.txt"
    fi
}
