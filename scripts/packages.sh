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

# unpack_foreign ARCHITECTURE FOLDER PACKAGE...: fetch Debian packages of another architecture and
# unpack them in FOLDER, unless that was done before. Nothing is installed, and the machine's
# package lists and architectures do not change.
unpack_foreign() {
    architecture=$1
    folder=$2
    shift 2
    [ ! -e "$folder/complete" ] || return 0
    work=$(mktemp -d)
    mkdir -p "$folder" "$work/lists/partial" "$work/archives/partial"
    options="-q -o APT::Architecture=$architecture -o APT::Architectures=$architecture
        -o APT::Sandbox::User=root -o Dir::State=$work -o Dir::State::status=/dev/null
        -o Dir::Cache=$work"
    # A list that could not be fetched matters only if the package is on it.
    # shellcheck disable=SC2086 # lists
    if (
        apt-get $options update || true
        cd "$work" && apt-get $options download "$@"
    ) >&2; then
        for package in "$work"/*.deb; do dpkg -x "$package" "$folder"; done
        touch "$folder/complete"
    fi
    rm -rf "$work"
    [ -e "$folder/complete" ]
}

# The packages that the library is built with.
build_packages="cmake ninja-build gcc libc6-dev pkg-config libopenblas-dev liblapacke-dev
    librandom123-dev libcjson-dev zlib1g-dev help2man"
