"""Exact seeks, drags and steps to the painted picture, ours beside mpv's on the same film, target by target.

The rule where a seek ends is the same for both: the right number is read off the screen by another process.
Beside it stand what each says of itself: when `paintEvent` returned, and mpv's `playback-restart`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import av
import pytest
from bench import reel
from bench.harness import BOOK, Load, p
from bench.players import Mpv, Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.harness import Stand, Watcher
    from bench.reel import BenchFilm

TARGETS = 44
DRAGS = 40
STEPS = 30
PEER_STEPS = 8
"""mpv goes back by decoding a group of pictures anew each time: a few are enough to know."""
RECIPES = {"720p30 GOP 60": reel.HD, "1080p30 GOP 250": reel.FULL_HD}


class Race:
    """The window and mpv with the same film in pictures of one size, each on its part of the screen."""

    def __init__(self, stand: Stand, watcher: Watcher, film: BenchFilm, folder: Path) -> None:
        self.film, self.watcher = film, watcher
        reel.record_folder(folder, "rec", {"cam.mp4": film.path})
        self.window = Window(stand)
        try:
            self.box = self.window.open(folder)[0]
            self.mpv_box = [1300, 0, self.box[2], self.box[3]]
            self.mpv = Mpv(stand, film.path, self.mpv_box)
            self.mpv.wait_event("playback-restart")
        except BaseException:
            self.window.close()
            raise

    def close(self) -> None:
        """End both."""
        self.mpv.close()
        self.window.close()

    def number(self, frame: int) -> int:
        """What the screen must show."""
        return self.film.number(frame)

    def start_s(self, frame: int) -> float:
        """When a frame begins."""
        return int(self.film.start_ns[frame]) / 1e9

    def ours(self, frame: int) -> tuple[float, float]:
        """Seek the window: ms until seen on the screen, and until `paintEvent` returned."""
        self.window("clear")
        start = self.window("seek", at_ns=int(self.film.start_ns[frame]) + 1_000_000)
        seen, _ = self.watcher.wait(self.box, {self.number(frame)}, 30)
        assert self.window("settle")
        paints = self.window("log")["paints"]
        painted = next(at for at, _, number, _ in paints if number == frame)
        return (seen - start) * 1e3, (painted - start) * 1e3

    def theirs(self, frame: int) -> tuple[float, float]:
        """Seek mpv: ms until seen on the screen, and until `playback-restart`."""
        self.mpv.forget_events()
        start = self.mpv.send("seek", self.start_s(frame), "absolute+exact")
        seen, _ = self.watcher.wait(self.mpv_box, {self.number(frame)}, 30)
        return (seen - start) * 1e3, (self.mpv.wait_event("playback-restart") - start) * 1e3


@pytest.fixture(params=RECIPES)
def race(
    request: pytest.FixtureRequest, stand: Stand, watcher: Watcher, tmp_path: Path, home: Path
) -> Iterator[tuple[str, Race]]:
    made = Race(stand, watcher, reel.film(RECIPES[request.param]), tmp_path / "set")
    yield request.param, made
    made.close()


def _seeks(name: str, race: Race, row: str, target: str, most_ms: float | None) -> None:
    """Both in turn over the same targets, each in a group of pictures that was not decoded before."""
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    with Load() as load:
        for turn, frame in enumerate(race.film.targets(TARGETS, 3)):
            both = ((ours, race.ours), (theirs, race.theirs))
            for times, seek in both if turn % 2 else both[::-1]:
                times.append(seek(frame))
            if turn % 10 == 0:
                assert race.window("blocks") == [race.number(frame)]
    own, peer = [[each[0] for each in times] for times in (ours, theirs)]
    with Load() as raw_load:
        raw = raw_seeks(race.film, TARGETS, 3)
    reached = p(own, 95) <= (p(peer, 95) if most_ms is None else most_ms)
    BOOK.took(
        row,
        f"{row} {name}",
        own,
        peer="mpv",
        theirs=peer,
        target=target,
        reached=reached,
        load=load,
        rule="the right number read off the screen by another process",
        paint_event_ms_p50_p95=[p([each[1] for each in ours], percent) for percent in (50, 95)],
        playback_restart_ms_p50_p95=[p([each[1] for each in theirs], percent) for percent in (50, 95)],
        picture_px=race.box[2:],
        ours_ms=[round(each, 1) for each in own],
        mpv_ms=[round(each, 1) for each in peer],
    )
    BOOK.took(
        row,
        f"{row} {name}, beside bare decoding",
        own,
        peer="raw PyAV",
        theirs=raw,
        load=raw_load,
        rule="ours to the screen; PyAV to the decoded frame by seek and decode, of which nothing is made",
    )


def raw_seeks(film: BenchFilm, count: int, seed: int) -> list[float]:
    """What PyAV alone takes to the same targets, ms: the naive seek that facts and tutorials show."""
    took = []
    with av.open(str(film.path)) as box:
        stream = box.streams.video[0]
        stream.thread_type = "AUTO"
        assert stream.time_base is not None
        first = float(stream.start_time or 0) * float(stream.time_base)
        half = 0.5 / film.recipe.fps
        for frame in film.targets(count, seed):
            at_s = int(film.start_ns[frame]) / 1e9 + first
            start = time.monotonic()
            box.seek(round(at_s / float(stream.time_base)), stream=stream, backward=True)
            next(each for each in box.decode(stream) if each.time is not None and each.time > at_s - half)
            took.append((time.monotonic() - start) * 1e3)
    return took


def test_exact_seek_cold(race: tuple[str, Race]) -> None:
    """No target lies in a group of pictures that was decoded before."""
    _seeks(*race, "exact seek, cold", "p95 <= mpv", None)


def test_seek_with_proxy(race: tuple[str, Race]) -> None:
    """The same when the proxy is built: the right frame, in whatever resolution."""
    name, players = race
    if not players.window("has_proxies"):
        pytest.skip("no proxies in this build")
    assert players.window("wait_proxies")
    _seeks(name, players, "seek, proxy built", "<= 25 ms", 25)


@pytest.mark.parametrize("proxy", ["not built", "built"])
def test_first_picture_of_a_drag(race: tuple[str, Race], proxy: str) -> None:
    """A drag begins far from where the playhead was: when does anything new of the neighbourhood appear?"""
    name, players = race
    film, window = players.film, players.window
    if proxy == "built":
        assert window("wait_proxies")
    gop = film.recipe.gop
    ours, painted, theirs, exact = [], [], [], []
    frames = film.targets(DRAGS, 9)
    before, stood = players.number(0), -1
    window("seek", at_ns=int(film.start_ns[0]))
    window("settle")
    with Load() as load:
        for frame in frames:
            key = frame // gop * gop
            # As near as the key frame is, or nearer: a kept picture from beyond the target is no worse.
            near_frames = range(key, min(max(key + gop, 2 * frame - key + 1), len(film.start_ns)))
            near = {players.number(each) for each in near_frames}
            at_ns = int(film.start_ns[frame]) + 1_000_000
            window("clear")
            start = window("drag", at_ns=at_ns)
            seen, number = players.watcher.wait(players.box, near - {before}, 30)
            ours.append((seen - start) * 1e3)
            exact.append(number == players.number(frame))
            assert window("settle")
            paints = window("log")["paints"]
            painted.append(
                (next(at for at, _, each, _ in paints if each is not None and each in near_frames) - start)
                * 1e3
            )
            window("drop", at_ns=at_ns)
            before = players.number(frame)
            key_number = players.number(key)
            if key_number != stood:  # in another round of the film the key frame may show the same number
                start = players.mpv.send("seek", players.start_s(frame), "absolute+keyframes")
                seen, stood = players.watcher.wait(players.mpv_box, {key_number}, 30)
                theirs.append((seen - start) * 1e3)
    BOOK.took(
        "drag",
        f"first picture of a drag {name}, proxy {proxy}",
        ours,
        peer="mpv, key frame",
        theirs=theirs,
        target="<= 40 ms",
        reached=p(ours, 95) <= 40,
        load=load,
        rule="any picture no further off than the key frame, mpv's key frame, read off the screen",
        paint_event_ms_p50_p95=[p(painted, 50), p(painted, 95)],
        first_was_the_exact_frame=sum(exact),
        ours_ms=[round(each, 1) for each in ours],
    )


def test_steps(race: tuple[str, Race]) -> None:
    """Forward from where it settled, back over the same, and back from a place that was only just sought."""
    name, players = race
    film, window, watcher = players.film, players.window, players.watcher
    middle = film.recipe.gop * 4 + film.recipe.gop // 2
    ways = {
        "forward": (middle, [1] * STEPS),
        "back over what was seen": (None, [-1] * STEPS),
        "back from a seek": (middle + film.recipe.gop * 6, [-1] * STEPS),
    }
    at = 0
    for way, (place, steps) in ways.items():
        if place is not None:
            at = place
            window("clear")
            window("seek", at_ns=int(film.start_ns[at]) + 1000)
            assert window("settle")
            window("rest", seconds=1.0)
        players.mpv.send("seek", players.start_s(at), "absolute+exact")
        watcher.wait(players.mpv_box, {players.number(at)}, 60)
        ours, painted, theirs, lost = [], [], [], 0
        with Load() as load:
            for turn, step in enumerate(steps):
                at += step
                window("clear")
                start = window("step", frames=step)
                seen, _ = watcher.wait(players.box, {players.number(at)}, 30)
                ours.append((seen - start) * 1e3)
                assert window("settle")
                log = window("log")["paints"]
                painted.append((next(when for when, _, number, _ in log if number == at) - start) * 1e3)
                if turn >= PEER_STEPS or lost:
                    continue
                start = players.mpv.send("frame-step" if step > 0 else "frame-back-step")
                try:
                    seen, _ = watcher.wait(players.mpv_box, {players.number(at)}, 10)
                    theirs.append((seen - start) * 1e3)
                except TimeoutError:
                    lost += 1
        BOOK.took(
            "step",
            f"step {way} {name}",
            painted,
            peer="mpv",
            theirs=theirs,
            target="<= 16 ms",
            reached=p(painted, 95) <= 16,
            load=load,
            rule="ours until paintEvent returned, mpv until read off the screen",
            ours_on_the_screen_ms_p50_p95=[p(ours, 50), p(ours, 95)],
            steps_that_mpv_did_not_make_in_10_s=lost,
            ours_ms=[round(each, 1) for each in painted],
        )
