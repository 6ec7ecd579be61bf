"""Frames to films: H.264 in MP4 that plays in browsers, GIF or WebP, whole or not there."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mbench.disk import Draft, check_place, disk_error, scratch_folder
from mbench.errors import UsageError
from mbench.types import IntArray

SUFFIXES = (".mp4", ".gif", ".webp")
GIF_WIDTH = 800  # pixels at most: a GIF holds every frame at nearly its full size
_BT709 = 1  # its number in H.264's tables, for primaries, transfer and matrix alike
_SOURCES = "mbench-sources"  # before the digests, in an MP4's comment


def check_film_path(path: Path) -> None:
    """Refuse a file that no film can be written to, before anything is computed for it.

    Raises UsageError for an ending that is no film's, and like `check_place`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: a film ends in {', '.join(SUFFIXES)}. Name another file")
    check_place(path)


def frame_s(path: Path, fps: int) -> float:
    """Return how long a frame of a film is shown: 1/fps seconds, in a GIF the nearest hundredth of a second."""
    return round(100 / fps) / 100 if path.suffix.lower() == ".gif" else 1 / fps


def encode_film(path: Path, frames: Iterable[IntArray], fps: int, digests: Sequence[str] = ()) -> int:
    """Write frames (height, width, 3) uint8, shown for `frame_s` each, and return how many they were.

    All have the first one's size, with an even height and width. The file appears when it is whole; whatever ends this
    earlier leaves what was there before. digests: of the sources that it shows, kept in an MP4 for `read_digests`.
    Raises UsageError for an unknown ending, ValueError for no frame or another size, HarnessError where the disk
    refuses.
    """
    check_film_path(path)
    mp4 = partial(_write_mp4, digests=digests)
    write = {".mp4": mp4, ".gif": _write_gif, ".webp": _write_webp}[path.suffix.lower()]
    with scratch_folder() as folder:
        # Not into the draft: to move an MP4's index to its start, the encoder opens the file again by its name.
        raw = folder / f"film{path.suffix.lower()}"
        n_frames = write(raw, _Counted(frames), fps)
        try:
            with Draft(path) as draft, raw.open("rb") as file:
                shutil.copyfileobj(file, draft.file)
                draft.settle()
                draft.publish()
        except OSError as error:
            raise disk_error(path, error) from error
    return n_frames


def read_last_frame(path: Path) -> IntArray:
    """Return the last frame of an MP4: (height, width, 3) uint8. Raises ValueError for a file that is no film."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path), format="mp4") as film:
            last = deque(film.decode(video=0), maxlen=1).pop()
            return last.to_ndarray(format="rgb24").astype(np.uint8)
    except (FFmpegError, LookupError) as error:
        raise ValueError(f"{path}: not a film ({error})") from error


def read_digests(path: Path) -> frozenset[str]:
    """Return the digests of the sources that an MP4 shows; none for one that bears none, and for what is no film."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path), format="mp4", metadata_errors="replace") as film:
            mark, *digests = film.metadata.get("comment", "").split() or [""]
    except FFmpegError:
        return frozenset()
    return frozenset(digests) if mark == _SOURCES else frozenset()


class _Counted:
    """Frames, checked and counted as they pass."""

    def __init__(self, frames: Iterable[IntArray]) -> None:
        self._frames = frames
        self.n_frames = 0

    def __iter__(self) -> Iterator[IntArray]:
        shape: tuple[int, ...] = ()
        for frame in self._frames:
            shape = shape or frame.shape
            if frame.shape != shape or frame.dtype != np.uint8 or shape[0] % 2 or shape[1] % 2 or shape[2:] != (3,):
                raise ValueError(f"a frame is {frame.shape} {frame.dtype}, expected {shape} uint8 of even size")
            self.n_frames += 1
            yield frame
        if not self.n_frames:
            raise ValueError("a film needs a frame")


def _write_mp4(path: Path, frames: _Counted, fps: int, digests: Sequence[str]) -> int:
    import av
    from av.video.stream import VideoStream

    # The index first, so that a browser plays while it loads.
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as film:
        film.metadata["comment"] = " ".join((_SOURCES, *digests))
        stream: VideoStream | None = None
        for number, rgb in enumerate(frames):
            if stream is None:
                stream = film.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "medium"})
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = "yuv420p"  # the one that every browser plays
                context = stream.codec_context
                context.color_primaries = context.color_trc = context.colorspace = _BT709
                context.color_range = 1
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb, dtype=np.uint8), format="rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            picture.pts = number
            film.mux(stream.encode(picture))
        assert stream is not None
        film.mux(stream.encode())
    return frames.n_frames


def _write_gif(path: Path, frames: _Counted, fps: int) -> int:
    def shrink(rgb: IntArray) -> Image.Image:
        picture = Image.fromarray(rgb)
        if picture.width > GIF_WIDTH:
            size = GIF_WIDTH, round(picture.height * GIF_WIDTH / picture.width)
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        return picture.quantize(256, dither=Image.Dither.NONE)

    return _write_pictures(path, frames, map(shrink, frames), fps)


def _write_webp(path: Path, frames: _Counted, fps: int) -> int:
    pictures = map(Image.fromarray, frames)
    return _write_pictures(path, frames, pictures, fps, quality=85, method=3)


def _write_pictures(path: Path, frames: _Counted, pictures: Iterator[Image.Image], fps: int, **options: Any) -> int:
    first, options["duration"] = next(pictures), round(1000 * frame_s(path, fps))
    with path.open("wb") as file:  # Pillow would leave it open where a frame fails
        first.save(file, path.suffix[1:], save_all=True, append_images=pictures, loop=0, **options)
    return frames.n_frames
