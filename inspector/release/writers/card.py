"""What the cards of Hugging Face's formats share: their header is YAML, written as JSON on one line."""

from __future__ import annotations

import json
import re
from typing import Any

from inspector.release.names import safe

_ESCAPES = re.compile("[\\x7f-\\x9f\\u2028\\u2029\\ufeff\\ufffe\\uffff]")


def flow(value: Any) -> str:
    """YAML on one line: JSON, with the signs escaped that YAML does not take as they are."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return _ESCAPES.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def plain_split(split: str) -> str:
    """A split's name as `datasets` takes it: words."""
    return re.sub(r"\W", "_", safe(split)) or "data"
