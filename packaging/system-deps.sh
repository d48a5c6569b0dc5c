#!/usr/bin/env bash
# Installs the system libraries of the named groups, or says how: system-deps.sh GROUP...
# Groups are the sections of system-packages-debian.txt; one written `GROUP?` is optional: what cannot be had of it
# is reported and no failure. Prints to stderr only, and nothing when all is there.
# INSPECTOR_SKIP_SYSTEM_DEPS=1 skips it, for a machine where the libraries come from elsewhere.
set -euo pipefail
list="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/system-packages-debian.txt"

say() { printf '%s\n' "$*" >&2; }

[[ "${INSPECTOR_SKIP_SYSTEM_DEPS:-}" == 1 ]] && exit 0
[[ "$(uname -s)" == Linux ]] || exit 0

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "This is not Debian or Ubuntu. Should the window not open, install what corresponds to the libraries in"
    say "$list; INSPECTOR_SKIP_SYSTEM_DEPS=1 silences this line."
    exit 0
fi

# The lines of one section, comments and blanks removed: `name`, or `name | older name`.
section() {
    awk -v want="[$1]" '
        { sub(/#.*/, ""); gsub(/^[ \t]+|[ \t]+$/, "") }
        /^\[/ { inside = ($0 == want); found = found || inside; next }
        inside && NF { print }
        END { exit !found }' "$list" || { say "system-deps: no group [$1] in $list"; return 2; }
}

# Of the lines on stdin, those of which no name is installed.
not_installed() {
    local installed line name there
    installed="$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')"
    while IFS= read -r line; do
        there=no
        for name in ${line//|/ }; do
            if grep -Fqx -- "$name" <<<"$installed"; then there=yes; fi
        done
        if [[ $there == no ]]; then printf '%s\n' "$line"; fi
    done
}

# For each line on stdin the name that this release has: the first that apt can install.
available() {
    local line name chosen
    while IFS= read -r line; do
        chosen="${line##*| }"
        if [[ $line == *"|"* ]]; then
            for name in ${line//|/ }; do
                if apt-cache policy "$name" 2>/dev/null | grep -q '^  Candidate: [^(]'; then
                    chosen="$name"
                    break
                fi
            done
        fi
        printf '%s\n' "$chosen"
    done
}

required="" optional=""
for group in "$@"; do
    lines="$(section "${group%\?}")"
    if [[ $group == *\? ]]; then optional+="$lines"$'\n'; else required+="$lines"$'\n'; fi
done
missing() { printf '%s' "$1" | not_installed; }
missing_required="$(missing "$required")"
missing_optional="$(missing "$optional")"
[[ -n "$missing_required$missing_optional" ]] || exit 0
wanted() { printf '%s\n%s\n' "$missing_required" "$missing_optional" | sed '/^$/d' | available | xargs; }

if [[ "$(id -u)" != 0 ]]; then
    if [[ -n $missing_required ]]; then
        say "Missing system libraries. Install them, then run the same command again:"
    else
        say "Optional system libraries are not there. To have them too:"
    fi
    say "    sudo apt-get update && sudo apt-get install --no-install-recommends -y $(wanted)"
    [[ -z $missing_required ]]
    exit
fi

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
failed_update='^E: |^W: (Failed to fetch|Some index files)'

say "Installing system packages with apt-get: $(wanted)"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    # The lock of the package lists is the one that apt does not wait for by itself.
    if apt-get update -q -o Acquire::Retries=3 >"$log" 2>&1 && ! grep -Eq "$failed_update" "$log"; then break; fi
    if ((attempt < 10)) && grep -q 'Could not get lock' "$log"; then sleep 6; continue; fi
    say "apt-get update failed, going on with the package lists that are there:"
    { grep -E "$failed_update" "$log" || tail -n 10 "$log"; } >&2
    break
done
# shellcheck disable=SC2046  # one word a package
if apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    $(wanted) >"$log" 2>&1 </dev/null; then
    exit 0
fi
tail -n 20 "$log" >&2
say "apt-get install failed (above). Mend that, or install by hand: apt-get install $(wanted)"
[[ -z "$(missing "$required")" ]]
