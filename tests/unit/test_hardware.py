"""Decoding on a graphics processor: only where one was tried, is right and faster, and never in the way."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import accelerators
import av
import films
import pytest

from inspector.core.cache import user_cache
from inspector.core.model import Source
from inspector.core.settings import change_settings
from inspector.media import hardware, opening
from inspector.media.decoding import FrameDecoder
from inspector.media.hardware import Verdicts, chosen
from inspector.media.video import VideoReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def clip(tmp_path_factory: pytest.TempPathFactory) -> Source:
    film = films.reel(tmp_path_factory.getbasetemp()).film("bframes.mp4")
    return Source(film.path, "av", 0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Verdicts]:
    """A machine with one device of that behaviour, for films of any size."""

    def make(kind: str) -> Verdicts:
        monkeypatch.setenv("ACCELERATOR", kind)
        monkeypatch.setattr(hardware, "CHILD", "accelerators")
        monkeypatch.setattr(hardware, "LEAST_PIXELS", 1)
        monkeypatch.setattr(hardware, "_devices", ["cuda"])
        monkeypatch.setattr(hardware, "_given_up", set())
        made = Verdicts()
        monkeypatch.setattr(hardware, "verdicts", made)
        return made

    return make


def ask(clip: Source) -> str | None:
    """What is chosen for a film."""
    with av.open(str(clip.path)) as box:
        return chosen(clip, box.streams.video[0].codec_context)


@pytest.mark.parametrize("kind", ["good", "level", "wrong", "one_wrong", "late", "short"])
def test_a_device_has_to_give_the_same_frames_and_sooner(
    clip: Source, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATOR", kind)
    monkeypatch.setattr(hardware, "decoded", accelerators.decoded)
    assert (hardware.faster(clip.path, 0, "cuda") >= hardware.FASTER) is (kind == "good")


@pytest.mark.parametrize("kind", ["good", "refuses", "crashes", "hangs"])
def test_a_device_that_fails_its_trial_in_the_child_is_not_used(
    machine: Callable[[str], Verdicts], clip: Source, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "hangs":
        monkeypatch.setattr(hardware, "TRIAL_S", 5.0)
    made = machine(kind)
    assert ask(clip) is None  # nobody waits for the trial
    made.wait()
    assert ask(clip) == ("cuda" if kind == "good" else None)
    assert made.child is None
    assert list(json.loads((user_cache().root / "hardware.json").read_text())["kinds"].values()) == [
        "cuda" if kind == "good" else ""
    ]


def test_a_film_kind_is_tried_once_and_that_is_kept(
    machine: Callable[[str], Verdicts], clip: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    real = subprocess.Popen

    def popen(*args: Any, **kwargs: Any) -> Any:
        started.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", popen)
    made = machine("good")
    for _ in range(3):
        ask(clip)
    made.wait()
    ask(clip)
    assert len(started) == 1
    again = machine("good")  # the next start
    assert ask(clip) == "cuda"
    again.wait()
    assert len(started) == 1
    monkeypatch.setattr(hardware, "_devices", ["cuda", "vaapi"])  # another machine, or a new card
    fresh = Verdicts()
    monkeypatch.setattr(hardware, "verdicts", fresh)
    assert ask(clip) is None
    fresh.wait()
    assert len(started) == 3


def test_what_took_the_machine_down_is_not_tried_again(
    machine: Callable[[str], Verdicts], clip: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = machine("good")
    seen: list[str] = []

    def tried(*_: object) -> float:
        seen.append(str(json.loads((user_cache().root / "hardware.json").read_text())["kinds"]))
        return 0.0

    monkeypatch.setattr(made, "_tried", tried)
    ask(clip)
    made.wait()
    assert seen
    assert seen[0].endswith(": ''}")


@pytest.mark.parametrize("text", ["", "[]", '{"machine": 3, "kinds": 4}', "{" * 5000])
def test_a_torn_list_of_verdicts_is_made_anew(
    machine: Callable[[str], Verdicts], clip: Source, text: str
) -> None:
    user_cache().root.mkdir(parents=True)
    (user_cache().root / "hardware.json").write_text(text)
    made = machine("good")
    assert ask(clip) is None
    made.wait()
    assert ask(clip) == "cuda"


def test_a_kept_verdict_names_only_devices_that_are_there(
    machine: Callable[[str], Verdicts], clip: Source
) -> None:
    made = machine("good")
    ask(clip)
    made.wait()
    path = user_cache().root / "hardware.json"
    path.write_text(path.read_text().replace(': "cuda"', ': "../../x"'))
    assert machine("good").of(next(iter(json.loads(path.read_text())["kinds"]))) is None


def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def popen(*_: object, **__: object) -> None:
        raise AssertionError("a child was started")

    monkeypatch.setattr(hardware.subprocess, "Popen", popen)  # type: ignore[attr-defined]
    monkeypatch.setattr(Verdicts, "start_trial", popen)


def test_without_devices_no_child_is_started(clip: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    VideoReader(clip).close()  # probed
    monkeypatch.setattr(hardware, "LEAST_PIXELS", 1)
    monkeypatch.setattr(hardware, "_devices", [])
    no_child(monkeypatch)
    decoder = FrameDecoder(clip)
    assert decoder._device is None
    decoder.close()


def test_ffmpeg_offers_devices_that_are_not_in_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offered = ["cuda", "vaapi", "opencl"]
    monkeypatch.setattr(av.codec.hwaccel, "hwdevices_available", lambda: offered)
    monkeypatch.setattr(hardware, "_devices", None)
    monkeypatch.setattr(hardware.sys, "platform", "linux")  # type: ignore[attr-defined]
    monkeypatch.setattr(hardware, "NODES", {name: str(tmp_path / f"{name}[0-9]") for name in offered[:2]})
    assert hardware.devices() == []
    (tmp_path / "vaapi0").touch()
    monkeypatch.setattr(hardware, "_devices", None)
    assert hardware.devices() == ["vaapi"]


def test_switched_off_or_small_nothing_is_tried(
    machine: Callable[[str], Verdicts], clip: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("good")
    no_child(monkeypatch)
    change_settings(hardware_decoding=False)
    assert ask(clip) is None
    change_settings(hardware_decoding=True)
    monkeypatch.setattr(hardware, "LEAST_PIXELS", 1280 * 720)
    assert ask(clip) is None


# --- in use: the device is the processor in disguise, which fails when it is told to ----------------------


class Failing:
    """A codec context that gives an error from its `after`th packet on."""

    def __init__(self, context: Any, after: int) -> None:
        object.__setattr__(self, "_context", context)
        object.__setattr__(self, "_left", after)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._context, name, value)

    def decode(self, packet: Any) -> Any:
        object.__setattr__(self, "_left", self._left - 1)
        if self._left < 0:
            raise av.error.ExternalError(1, "the driver failed")
        return self._context.decode(packet)


@pytest.fixture
def disguised(
    machine: Callable[[str], Verdicts], clip: Source, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], FrameDecoder]:
    monkeypatch.setattr(machine("good"), "of", lambda kind: "cuda")
    asked: list[str] = []
    monkeypatch.setattr(opening, "_accelerator", lambda device: asked.append(device))

    def make() -> FrameDecoder:
        decoder = FrameDecoder(clip)
        assert decoder._device == "cuda"
        assert asked[-1] == "cuda"
        return decoder

    return make


def pts_of(decoder: FrameDecoder) -> list[int | None]:
    found = []
    while (each := decoder.pull(0)) is not None:
        assert each.whole
        found.append(each.pts)
    return found


@pytest.mark.parametrize("after", [0, 1, 5, 40])
@pytest.mark.parametrize("seek", [None, 2])
def test_a_failure_in_use_goes_on_without_it(
    disguised: Callable[[], FrameDecoder],
    clip: Source,
    caplog: pytest.LogCaptureFixture,
    after: int,
    seek: int | None,
) -> None:
    """No frame is lost and none comes twice; it is said once."""
    plain = FrameDecoder(clip, strict=False)
    at = int(2 / plain.stream.time_base)
    if seek is not None:
        plain.seek(at)
    want = pts_of(plain)
    plain.close()
    decoder = disguised()
    decoder.context = Failing(decoder.context, after)
    if seek is not None:
        decoder.seek(at)
    assert pts_of(decoder) == want
    assert decoder._device is None
    decoder.close()
    other = FrameDecoder(clip)
    assert other._device is None
    other.close()
    assert len([each for each in caplog.records if "graphics processor" in each.message]) == 1


def test_a_key_frame_alone_comes_all_the_same(disguised: Callable[[], FrameDecoder]) -> None:
    decoder = disguised()
    decoder.context = Failing(decoder.context, 0)
    found = decoder.key_alone(0)
    assert found is not None
    assert found.pts == 0
    decoder.close()


def test_a_device_that_does_not_open_is_left(
    disguised: Callable[[], FrameDecoder],
    clip: Source,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(device: str) -> None:
        raise RuntimeError(f"{device} is busy")

    monkeypatch.setattr(opening, "_accelerator", refuse)
    decoder = FrameDecoder(clip)
    assert decoder._device is None
    assert pts_of(decoder)
    decoder.close()
    assert "cuda is busy" in caplog.text


def test_every_frame_is_its_own_through_a_device(disguised: Callable[[], FrameDecoder], clip: Source) -> None:
    disguised().close()
    reader = VideoReader(clip)
    assert reader._decoder._device == "cuda"
    for number in (40, 3, 99, 41):
        picture = reader.read(number, (320, 240))
        assert picture is not None
        assert picture.exact
        assert films.picture_number(picture) == number
    reader.close()


def test_a_lenient_decoder_takes_no_device(disguised: Callable[[], FrameDecoder], clip: Source) -> None:
    disguised().close()
    decoder = FrameDecoder(clip, strict=False)
    assert decoder._device is None
    decoder.close()


def test_the_real_child_says_no_where_there_is_no_device(clip: Source) -> None:
    """What FFmpeg offers but the machine has not: an error, or a crash, and in either case no."""
    from av.codec.hwaccel import hwdevices_available

    for device in hwdevices_available():
        if device in hardware.devices():
            continue
        started = time.monotonic()
        assert Verdicts()._tried(device, clip.path, 0) == 0.0
        assert time.monotonic() - started < hardware.TRIAL_S
