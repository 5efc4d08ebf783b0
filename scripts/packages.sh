# Sourced by the other scripts: installs missing packages. Debian 12 or later.

# need PACKAGE...: install these Debian packages if they are missing, as root or with sudo. Without
# either, print the command to run, and stop.
need() {
    missing=
    for package in "$@"; do
        status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
        [ "$status" = "install ok installed" ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0

    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        as_root=none
    fi
    if [ "$as_root" = none ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "These Debian packages are missing. Please install them, then run this again:" >&2
        echo "    apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "Installing$missing" >&2
    # Messages of the installer go to stderr: stdout belongs to the caller.
    # shellcheck disable=SC2086 # $missing is a list
    { $as_root apt-get update -q &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
            --no-install-recommends $missing; } >&2
}

# The packages that the library is built with.
build_packages="cmake ninja-build gcc libc6-dev pkg-config libopenblas-dev liblapacke-dev
    librandom123-dev libcjson-dev zlib1g-dev help2man"
