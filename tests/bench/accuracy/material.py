"""Sounds of known truth: espeak-ng speech with exact cue times, real recordings, and what is done to them."""

from __future__ import annotations

import io
import itertools
import shutil
import subprocess
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.correlate import fast_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 16_000

TUNED_VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+m7")
"""Those that the gates and latencies of the transcript's estimators were set on, with TUNED_TEXT."""
VOICES = ("en-us+f4", "en-gb-scotland+m3", "de", "fr+f2", "es+m2", "en-029+f1", "it", "pt+f5")
"""Those that are reported on: nothing was tuned on them."""
TUNED_TEXT = """The kettle is on the stove. Please bring me the blue cup. It stands beside the sink, behind
two plates.
Yes. I can see it now, but the handle is broken. Never mind. We shall take the green one instead.
Pour slowly and hold it with both hands. Careful, it is hot! Good. Put the lid on the table.
Where did you leave the long spoon? In the second drawer, under the towels. Thank you very much.
Now we count to five and stir. One, two, three, four, five. That is enough for today.
Open the window a little. The steam has to go somewhere. Wait until the light turns red.
Then press the button once, and only once. Did you hear the click? I did not. Try it again, please.
There it was. Write down the number on the display. Seventeen point four. It was sixteen
yesterday.""".replace("\n", " ")
TEXT = """Nobody had counted the steps. There were a hundred and twelve. She took them two at a time,
with the camera in one hand and the map in the other. Halfway up a door stood open. A dog slept in the
sun. Go on, said the guide. The view is better from the tower. He was right. Far below, the ferry left
the harbour, and a minute later its horn arrived. Sound is slow. Light is not. That is why the thunder
always comes second. We waited. Then the bells began, first one, then all of them. It lasted a quarter of
an hour. Afterwards nobody wanted to speak. The battery was nearly empty. Two more pictures, perhaps
three. She chose the gate, the clock and the dog. Later, in the train, they looked at them again. The
clock was blurred. The dog had moved. Only the gate had kept still.""".replace("\n", " ")


@dataclass(frozen=True, slots=True)
class Speech:
    """A sound (n,) at 16 kHz and where its sentences start and end, s, exact to 5 ms."""

    pcm: NDArray[np.float32]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    texts: tuple[str, ...]


def have_espeak() -> bool:
    """Whether espeak-ng can be run here."""
    return shutil.which("espeak-ng") is not None


def espeak(text: str, voice: str, speed: int) -> NDArray[np.float32]:
    """What espeak-ng says, at 16 kHz, from its first to its last audible sample."""
    done = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text], capture_output=True, check=True
    )
    # espeak-ng writes a length of its own invention to a pipe; wave reads what is there.
    with wave.open(io.BytesIO(done.stdout)) as file:
        rate = file.getframerate()
        raw = np.frombuffer(file.readframes(1 << 24), np.int16).astype(np.float32) / np.float32(32768)
    x = resampled(raw, rate / RATE)
    loud = np.flatnonzero(np.abs(x) > 0.005)
    return x[loud[0] : loud[-1] + 1]


def resampled(x: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """x read `factor` times as fast, what would fold over cut off before."""
    size = fast_size(len(x))
    spectrum = np.fft.rfft(x, size)
    if factor > 1:
        spectrum[int(len(spectrum) / factor) :] = 0
    fine = np.fft.irfft(spectrum, 4 * size) * 4
    at = np.arange(int(len(x) / factor)) * factor * 4
    read: NDArray[np.float32] = np.interp(at, np.arange(len(fine)), fine).astype(np.float32)
    return read


def speech(seconds: float, seed: int, tuned: bool = False) -> Speech:
    """Sentences in a random order with random pauses; the sentence's own extent is its cue."""
    rng = np.random.default_rng(seed)
    voices, whole = (TUNED_VOICES, TUNED_TEXT) if tuned else (VOICES, TEXT)
    voice = voices[seed % len(voices)]
    parted = whole.replace("!", ".").replace("?", ".").split(".")
    sentences = [part.strip() for part in parted if part.strip()]
    order = itertools.cycle(rng.permutation(len(sentences)).tolist())
    parts = [np.zeros(round(RATE * rng.uniform(0.3, 2.0)), np.float32)]
    at = len(parts[0])
    cues: list[tuple[float, float, str]] = []
    while at < seconds * RATE:
        text = sentences[next(order)]
        said = espeak(text, voice, int(rng.integers(140, 190)))
        cues.append((at / RATE, (at + len(said)) / RATE, text))
        pause = np.zeros(round(RATE * float(np.clip(rng.lognormal(-0.4, 0.7), 0.15, 4.0))), np.float32)
        parts += [said, pause]
        at += len(said) + len(pause)
    starts, ends, texts = zip(*cues, strict=True)
    return Speech(np.concatenate(parts), np.array(starts), np.array(ends), texts)


def noise(n: int, rng: np.random.Generator, pink: bool) -> NDArray[np.float32]:
    """Noise of power 1, white, or falling by 3 dB an octave as that of rooms does."""
    size = fast_size(n)  # a length with a great prime in it takes a minute to transform
    spectrum = np.fft.rfft(rng.normal(size=size))
    if pink:
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    x = np.fft.irfft(spectrum, size)[:n]
    unit: NDArray[np.float32] = (x / x.std()).astype(np.float32)
    return unit


def noisy(
    x: NDArray[np.float32], snr_db: float, rng: np.random.Generator, pink: bool = True
) -> NDArray[np.float32]:
    """x in noise, so many dB below its power where it is not silent."""
    loud = np.abs(x) > 0.002
    power = float((x[loud] ** 2).mean()) if loud.any() else 1e-6
    whole: NDArray[np.float32] = x + noise(len(x), rng, pink) * np.float32(
        np.sqrt(power) * 10 ** (-snr_db / 20)
    )
    return whole


def room(x: NDArray[np.float32], rng: np.random.Generator, rt60_s: float = 0.4) -> NDArray[np.float32]:
    """x as heard in a room: the direct sound, then a tail that falls by 60 dB in `rt60_s`."""
    n = round(rt60_s * RATE)
    tail = rng.normal(size=n) * 10 ** (-3 * np.arange(n) / n) * 0.06
    tail[0] = 1.0
    size = fast_size(len(x) + n)
    y = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)[: len(x)]
    wet: NDArray[np.float32] = y.astype(np.float32)
    return wet


def telephone(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """x in the band of 300 to 3,400 Hz, its tops clipped."""
    size = fast_size(len(x))
    spectrum = np.fft.rfft(x, size)
    hz = np.fft.rfftfreq(size, 1 / RATE)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    y = np.fft.irfft(spectrum, size)[: len(x)]
    top = float(np.quantile(np.abs(y), 0.995))
    band: NDArray[np.float32] = np.clip(y, -top, top).astype(np.float32)
    return band


def recorded_again(x: NDArray[np.float32], offset_s: float, drift_ppm: float) -> NDArray[np.float32]:
    """x on another recorder, `offset_s` late, its clock `drift_ppm` fast; read on a grid four times as
    fine."""
    n = round((len(x) / RATE * (1 + drift_ppm * 1e-6) + offset_s) * RATE)
    size = fast_size(len(x))
    fine = np.fft.irfft(np.fft.rfft(x, size), 4 * size) * 4
    true_s = (np.arange(n) / RATE - offset_s) / (1 + drift_ppm * 1e-6)
    y: NDArray[np.float32] = np.interp(true_s * RATE * 4, np.arange(len(fine)), fine, left=0, right=0).astype(
        np.float32
    )
    return y


def read_sound(path: Path) -> NDArray[np.float32]:
    """The first sound of a file as 16 kHz mono, by the project's own decoder."""
    from inspector.core.model import Source
    from inspector.media.audio import PcmReader
    from inspector.media.probe import probe

    track = next(each.index for each in probe(path).tracks if each.kind == "audio")
    reader = PcmReader(Source(path, "av", track), RATE)
    try:
        blocks = [pcm.mean(axis=1) for _, pcm in reader.blocks()]
    finally:
        reader.close()
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
