"""What the user chose, kept from one start to the next in one small JSON file.

What is not understood in the file is replaced by the default.
"""

from __future__ import annotations

import getpass
import json
import os
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock, Timeout

from inspector.core.files import write_atomic

OUTPUTS = ("builtin", "vlc")


@dataclass(frozen=True, slots=True)
class Latency:
    """How much later a sound output is heard than a picture is seen, and when somebody measured it."""

    ms: float
    on: str
    """ISO date."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything in Preferences. Sizes bound what the program takes, whatever the record holds."""

    sound_output: str = "builtin"
    latency: dict[str, Latency] = field(default_factory=dict)
    """By output name; an output without one runs on the constant measured by us, and says "estimated"."""
    scrub_sound: bool = True
    sync_overlay: bool = False
    proxies: bool = True
    hardware_decoding: bool = True
    picture_mb: int = 192
    """Decoded pictures kept in memory, all cameras together."""
    cache_gb: int = 8
    """Indexes, pyramids and proxies on disk, all datasets together."""
    author: str = ""
    """Who works, as edits are signed; empty for the login name."""
    workspaces: dict[str, str] = field(default_factory=dict)
    """By a dataset's id the folder where its curation work is kept, where one was named."""
    roots: dict[str, list[str]] = field(default_factory=dict)
    """By the word that journals have for a root of re-linked files its folders here, the newest first."""


_LIMITS = {"picture_mb": (32, 16384), "cache_gb": (0, 100_000)}


def settings_path() -> Path:
    """Where they are kept: `$INSPECTOR_CONFIG`, else the system's place for a user's settings."""
    folder = os.environ.get("INSPECTOR_CONFIG") or platformdirs.user_config_dir("inspector", False)
    return Path(folder) / "settings.json"


def settings() -> Settings:
    """The settings in force; the file is read when first asked for."""
    global _kept
    path = settings_path()
    with _lock:
        if _kept is None or _kept[0] != path:
            _kept = (path, _load(path), True)
        return _kept[1]


def author_name() -> str:
    """Who works: as the settings say, else as the user logged in."""
    if settings().author:
        return settings().author
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "curator"


def change_settings(**changed: Any) -> Settings:
    """Put some of them into force and keep them; on a disk that cannot be written they are forgotten.

    A function in place of a value is given the old value, as any other process left it, and gives the new.
    """
    global _kept
    path = settings_path()
    with ExitStack() as stack:
        stack.enter_context(_lock)
        with suppress(OSError, Timeout, NotImplementedError):  # some file systems have no locks
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_name(f".{path.name}.lock")).acquire(_PATIENCE_S))
        # What another program has written is kept; what we could not write is not on the disk.
        stale = _kept is None or _kept[0] != path or (_kept[2] and path.exists())
        old = _load(path) if _kept is None or stale else _kept[1]
        given = {name: each(getattr(old, name)) if callable(each) else each for name, each in changed.items()}
        new = replace(old, **given)
        text = json.dumps(asdict(new), indent=1)
        _kept = (path, new, write_atomic(path, lambda beside: beside.write_text(text, "utf-8")))
    return new


_kept: tuple[Path, Settings, bool] | None = None
"""Where they lie, those in force, and whether the file has them."""
_lock = threading.Lock()
_PATIENCE_S = 5.0
"""For how long another process may be writing them."""


def _load(path: Path) -> Settings:
    try:
        plain = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Settings()
    return _from_plain(plain if isinstance(plain, dict) else {})


def _from_plain(plain: dict[str, Any]) -> Settings:
    usual = Settings()
    kept: dict[str, Any] = {}
    for name, value in plain.items():
        default = getattr(usual, name, None)
        if name == "latency":
            kept[name] = _latencies(value)
        elif name == "workspaces":
            pairs = value.items() if isinstance(value, dict) else ()
            kept[name] = {str(id_): folder for id_, folder in pairs if isinstance(folder, str)}
        elif name == "roots":
            pairs = value.items() if isinstance(value, dict) else ()
            lists = {str(word): each for word, each in pairs if isinstance(each, list)}
            kept[name] = {word: [str(folder) for folder in each] for word, each in lists.items()}
        elif default is not None and type(value) is type(default):
            low, high = _LIMITS.get(name, (None, None))
            kept[name] = value if low is None or high is None else min(max(value, low), high)
    if kept.get("sound_output", "builtin") not in OUTPUTS:
        del kept["sound_output"]
    return replace(usual, **kept)


def _latencies(value: Any) -> dict[str, Latency]:
    found: dict[str, Latency] = {}
    for name, each in value.items() if isinstance(value, dict) else ():
        ms, on = (each.get("ms"), each.get("on")) if isinstance(each, dict) else (None, None)
        if isinstance(ms, (int, float)) and -1000 <= ms <= 5000 and isinstance(on, str):
            found[name] = Latency(float(ms), on)
    return found
