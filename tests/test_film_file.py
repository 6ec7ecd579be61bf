import av
import numpy as np
import pytest
from PIL import Image

from mbench.disk import check_place
from mbench.errors import HarnessError, UsageError
from mbench.views.film_file import encode_film, frame_s, read_digests

SUFFIXES = (".mp4", ".gif", ".webp")


def moving_square(n_frames, size=(64, 96)):
    """Yield a white square that moves by 8 pixels a frame."""
    for number in range(n_frames):
        frame = np.zeros((*size, 3), dtype=np.uint8)
        frame[16:48, 8 * number : 8 * number + 8] = (250, 40, 60)
        yield frame


def test_an_mp4_is_h264_that_browsers_play_at_even_times(tmp_path):
    path = tmp_path / "film.mp4"
    assert encode_film(path, moving_square(12), 10) == 12
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        frames = list(film.decode(stream))
        times = [float(frame.pts * frame.time_base) for frame in frames]
        assert stream.codec_context.colorspace == 1  # BT.709, which browsers take HD films for
        pictures = [frame.to_ndarray(format="rgb24") for frame in frames]
    np.testing.assert_allclose(times, np.arange(12) / 10, atol=1e-9)
    for number, picture in enumerate(pictures):
        right, wrong = picture[32, 8 * number + 4], picture[32, (8 * number + 48) % 96 + 4]
        assert np.abs(right.astype(int) - (250, 40, 60)).max() < 12
        assert wrong.max() < 12


def test_the_index_of_an_mp4_comes_first(tmp_path):
    path = tmp_path / "film.mp4"
    encode_film(path, moving_square(12), 10)
    content = path.read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("fps", [10, 25])
def test_a_gif_and_a_webp_have_their_frames_at_even_times(tmp_path, suffix, fps):
    path = tmp_path / f"film{suffix}"
    encode_film(path, moving_square(12), fps)
    durations = []
    with Image.open(path) as film:
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            durations.append(film.info["duration"])
    assert durations == [1000 // fps] * 12
    assert frame_s(path, fps) == 1 / fps


def test_a_gif_shows_frames_for_hundredths_of_a_second(tmp_path):
    path = tmp_path / "film.gif"
    encode_film(path, moving_square(2), 30)
    with Image.open(path) as film:
        assert film.info["duration"] == 30 == 1000 * frame_s(path, 30)


def test_a_wide_gif_is_made_smaller(tmp_path):
    encode_film(tmp_path / "film.gif", moving_square(2, (100, 1600)), 10)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.size == (800, 50)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_film_that_is_interrupted_leaves_what_was_there(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    path.write_bytes(b"the old one")

    def interrupted():
        yield from moving_square(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_film(path, interrupted(), 10)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"the old one"


@pytest.mark.parametrize("name", ["film", "film.avi", "film.png"])
def test_another_ending_is_usage(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.mp4, \.gif, \.webp"):
        encode_film(tmp_path / name, moving_square(1), 10)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_frame_and_frames_that_do_not_fit_are_refused(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    with pytest.raises(ValueError, match="needs a frame"):
        encode_film(path, iter([]), 10)
    odd = [np.zeros((64, 95, 3), dtype=np.uint8)]
    with pytest.raises(ValueError, match="even size"):
        encode_film(path, odd, 10)
    two = [np.zeros((64, 96, 3), dtype=np.uint8), np.zeros((64, 98, 3), dtype=np.uint8)]
    with pytest.raises(ValueError, match="expected"):
        encode_film(path, two, 10)
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_our_failure(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError):
        encode_film(tmp_path / "file" / "film.mp4", moving_square(1), 10)


@pytest.mark.parametrize("place", ["file/film.mp4", "file/new/film.mp4", f"{'x' * 300}.mp4", f"{'x' * 300}/film.mp4"])
def test_a_place_that_cannot_be_written_is_found_by_a_trial(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="cannot be written"):
        check_place(tmp_path / place)


def test_a_trial_leaves_a_place_as_it_was(tmp_path):
    (tmp_path / "old.mp4").write_text("the old one")
    for name in ("old.mp4", "new/folder/film.mp4"):
        check_place(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["old.mp4"]
    assert (tmp_path / "old.mp4").read_text() == "the old one"


def test_an_mp4_says_which_sources_it_shows(tmp_path):
    path = tmp_path / "film.mp4"
    encode_film(path, moving_square(2), 10, ["1" * 64, "2" * 64])
    assert read_digests(path) == {"1" * 64, "2" * 64}
    encode_film(path, moving_square(2), 10)
    assert read_digests(path) == frozenset()


@pytest.mark.parametrize("content", [None, b"", b"\x00\x00\x00\x18ftypmp42 and so on", b"<script>"])
def test_what_is_no_film_shows_no_source(tmp_path, content):
    if content is not None:
        (tmp_path / "film.mp4").write_bytes(content)
    assert read_digests(tmp_path / "film.mp4") == frozenset()
