#!/usr/bin/env bash
# Makes the virtual environment that the Makefile works in: python-env.sh FOLDER run|dev
# `run` installs Inspector from this tree, editable; `dev` adds the tools of tests and lint. A second call finds the
# stamp and returns at once; a changed pyproject.toml, interpreter or place of the tree installs again.
# PYTHON=... names the interpreter to use. Prints to stderr only.
set -euo pipefail
exec >&2
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "$here")"
venv="$1" group="$2"

die() { printf '%s\n' "$@"; exit 1; }

checks='import sys; sys.exit(0 if sys.version_info >= (3, 11) else 3)'
# A venv that was copied, or whose interpreter was upgraded away, does not start: it is made anew.
if [[ -e "$venv" ]] && ! "$venv/bin/python" -c "$checks" 2>/dev/null; then
    [[ -e "$venv/pyvenv.cfg" || -z "$(ls -A "$venv")" ]] || die "$venv is in the way: it is no virtual environment."
    rm -rf "$venv"
fi

state() { printf '%s\n' "$root"; cat "$root/pyproject.toml"; "$venv/bin/python" -VV; }
stamp="$venv/.installed-$group"
if [[ -e "$venv" && -e "$stamp" && "$(state | sha256sum)" == "$(cat "$stamp")" ]]; then exit 0; fi

# Prints the first interpreter that is new enough and can make a venv; the versions that cannot go to `unfit`.
unfit=""
find_python() {
    local name path
    for name in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3}; do
        path="$(command -v "$name")" || continue
        # A pyenv shim may exist and still run nothing.
        "$path" -c "$checks" >/dev/null 2>&1 || continue
        if "$path" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            found="$path"
            return 0
        fi
        unfit="$path"
    done
    return 1
}

if [[ ! -e "$venv" ]]; then
    found=""
    if ! find_python && [[ -z "${PYTHON:-}" && "$(id -u)" == 0 ]]; then
        "$here/system-deps.sh" python || true
        hash -r
        find_python || true
    fi
    if [[ -z $found && -n $unfit ]]; then
        version="$("$unfit" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        die "$unfit is Python $version without venv and ensurepip." \
            "On Debian and Ubuntu: sudo apt-get install python$version-venv" \
            "Elsewhere, install a complete Python and name it: make PYTHON=/path/to/python3 ..."
    elif [[ -z $found && -n ${PYTHON:-} ]]; then
        die "PYTHON=$PYTHON is no Python 3.11 or newer."
    elif [[ -z $found ]]; then
        die "Inspector needs Python 3.11 or newer; none was found on PATH." \
            "On Debian 12 and Ubuntu 24.04 or newer: sudo apt-get install python3 python3-venv" \
            "Elsewhere, install one and name it: make PYTHON=/path/to/python3.12 ..."
    fi
    printf 'Making %s with %s ...\n' "$venv" "$("$found" -V) ($found)"
    "$found" -m venv "$venv" || { rm -rf "$venv"; die "$found -m venv failed (above)."; }
fi

if [[ $group == dev ]]; then what="$root[dev]"; else what="$root"; fi
printf 'Installing Inspector (%s) from the package index; the first time this takes some minutes ...\n' "$group"
pip=("$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --retries 5 --timeout 60)
"${pip[@]}" -e "$what" || "${pip[@]}" -e "$what" || die "pip failed (above). Is the package index reachable?"
state | sha256sum >"$stamp"
if [[ $group == dev ]]; then cp "$stamp" "$venv/.installed-run"; fi
