"""The mixing desk: how loud each sound is wanted, kept by stream id while the dataset is open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inspector.playback.mixer import Track

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.core.model import Stream

LOWEST_DB, HIGHEST_DB = -60.0, 12.0
"""What a track's gain can be set to; less than the lowest is a mute."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How one sound is set: its mute and solo buttons and its gain in dB, LOWEST_DB to HIGHEST_DB."""

    mute: bool = False
    solo: bool = False
    gain_db: float = 0.0

    @property
    def gain(self) -> float:
        """The gain as a factor."""
        return float(10.0 ** (self.gain_db / 20))


AS_RECORDED = Mix()
"""Neither muted nor solo, at 0 dB."""


class Desk:
    """A Mix for each stream id, and one switch over all. The next record's sound of an id keeps its Mix."""

    def __init__(self) -> None:
        self._mixes: dict[str, Mix] = {}
        self.silenced = False
        """Everything is muted; what each sound is set to stays."""

    def mix(self, stream_id: str) -> Mix:
        """How a sound is set."""
        return self._mixes.get(stream_id, AS_RECORDED)

    def set(
        self,
        stream_id: str,
        *,
        mute: bool | None = None,
        solo: bool | None = None,
        gain_db: float | None = None,
    ) -> bool:
        """Set what is given and leave the rest; whether anything is another now. Gains are clamped."""
        old = self.mix(stream_id)
        new = replace(
            old,
            mute=old.mute if mute is None else mute,
            solo=old.solo if solo is None else solo,
            gain_db=old.gain_db if gain_db is None else min(max(gain_db, LOWEST_DB), HIGHEST_DB),
        )
        self._mixes[stream_id] = new
        return new != old

    def reset(self) -> None:
        """Every sound as it was recorded; the switch over all stays as it is."""
        self._mixes.clear()

    def tracks(self, streams: Iterable[Stream]) -> list[Track]:
        """What the mixer is to make of these sounds."""
        mixes = ((stream, self.mix(stream.id)) for stream in streams)
        return [Track(stream, mix.gain, mix.mute or self.silenced, mix.solo) for stream, mix in mixes]

    def heard(self, stream_id: str, among: Iterable[str]) -> bool:
        """Whether a sound is in the mix: neither muted nor shut out by a solo of another one `among` them."""
        mix = self.mix(stream_id)
        shut_out = not mix.solo and any(self.mix(each).solo for each in among)
        return not (mix.mute or self.silenced or shut_out)
