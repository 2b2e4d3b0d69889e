"""JPEG files as cameras write them, composed of small photos: a fruit on a textured background, with sensor noise.

There are no photographs of camera size to measure with. A photo here has what makes decoding slow (its number of
pixels, and detail in every block of 8 by 8) and what the features depend on (a fruit of the album, some 60 % of the
height of the picture). The same album gives the same files.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from benchmarks.harness.places import FOLDER
from sample_photos.albums import Album
from sample_photos.fruits import FRUITS
from sample_photos.orchard import draw_orchard
from sample_photos.studio import draw_photo

LABELS = 24
QUALITY = 90
TILE = 1024
"""Side of the square of sensor noise that covers a picture."""

NOISE = 7.0
"""Standard deviation of the sensor noise, in levels of 255."""

DRAWN_PHOTOS, DRAWN_SIDES = 240, (1200, 1600)


@dataclass(frozen=True)
class Camera:
    """A size of photos, and how many distinct ones are made."""

    name: str
    width: int
    height: int
    photos: int

    @property
    def folder(self) -> Path:
        """Folder of the photos: <label>/<number>.jpg."""
        return FOLDER / "camera" / self.name.replace(" ", "-")


TWELVE = Camera("12 Mpx", 4000, 3000, 480)
TWO = Camera("2 Mpx", 1600, 1200, 1440)
Job = tuple[Path, Callable[[], bytes]]
"""A file, and what computes its content."""


def make(camera: Camera, images: Path) -> Path:
    """Make the photos of a camera that do not exist yet, in one process for each core, and return their folder.

    Parameters
    ----------
    camera : Camera
    images : Path
        Folder or zip of <label>/<photo>. If it does not exist, drawn photos take its place.
    """
    sources = _sources(images)
    names = sorted(sources)
    jobs: list[Job] = []
    for number in range(camera.photos):
        label = names[number % len(names)]
        some = sources[label]
        path = camera.folder / label / f"{number:05d}.jpg"
        jobs.append((path, partial(compose, camera, some[number // len(names) % len(some)], number)))
    return _make(camera.folder, jobs)


def make_drawn() -> Path:
    """Draw photos with sharp edges at DRAWN_SIDES that do not exist yet, and return their folder."""
    names = sorted(FRUITS)
    folder = FOLDER / "camera" / "drawn"
    numbers = range(DRAWN_PHOTOS)
    return _make(
        folder,
        [
            (
                folder / names[number % len(names)] / f"{number:05d}.jpg",
                partial(draw, names[number % len(names)], number),
            )
            for number in numbers
        ],
    )


def draw(label: str, seed: int) -> bytes:
    """Return a JPEG: a photo of `sample_photos.studio` at the size of a camera."""
    rng = np.random.default_rng([seed, *DRAWN_SIDES])
    return encoded(draw_photo(label, rng, DRAWN_SIDES), rng)


def compose(camera: Camera, fruit: bytes, seed: int) -> bytes:
    """Return a JPEG: a small photo, enlarged, on a background of its own."""
    rng = np.random.default_rng([seed, camera.width])
    picture = _background(camera, rng)
    side = int(camera.height * rng.uniform(0.5, 0.8))
    with Image.open(io.BytesIO(fruit)) as small:
        large = small.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    corner = (int(rng.integers(0, camera.width - side)), int(rng.integers(0, camera.height - side)))
    picture.paste(large, corner, _ellipse(side))
    return encoded(ImageChops.add(picture, _noise(camera, rng), 1.0, -128), rng)


def encoded(picture: Image.Image, rng: np.random.Generator) -> bytes:
    """Return the picture as a camera's JPEG, with the tags and the maker note of its EXIF block."""
    exif = Image.Exif()
    exif.update({271: "Orchard", 272: "Orchard One", 274: 1, 282: 72.0, 283: 72.0, 306: "2026:09:01 07:30:00"})
    details: dict[int, Any] = exif.get_ifd(34665)
    details |= {33434: 0.004, 33437: 2.8, 34855: 200, 36867: "2026:09:01 07:30:00", 37500: rng.bytes(20_000)}
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, exif=exif)
    return buffer.getvalue()


def _sources(images: Path) -> dict[str, list[bytes]]:
    """Return the small photos of LABELS labels."""
    if not images.exists():
        images = FOLDER / "camera" / "orchard"
        draw_orchard(images)
    found: dict[str, list[bytes]] = defaultdict(list)
    for name, content in Album(images).files():
        found[name.split("/")[-2]].append(content)
    names = sorted(found)
    step = max(len(names) // LABELS, 1)
    return {name: found[name] for name in names[::step][:LABELS]}


def _background(camera: Camera, rng: np.random.Generator) -> Image.Image:
    """Return smooth colours with two layers of texture, as leaves and grass have."""
    size = (camera.width // 6, camera.height // 6)
    colours = Image.fromarray(rng.integers(30, 220, (6, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    layers = (
        Image.fromarray(rng.normal(128, 30, (size[1] // each, size[0] // each, 3)).clip(0, 255).astype(np.uint8))
        for each in (8, 1)
    )
    for layer in layers:
        colours = ImageChops.add(colours, layer.resize(size, Image.Resampling.BICUBIC), 1.0, -128)
    return colours.resize((camera.width, camera.height), Image.Resampling.BICUBIC)


def _ellipse(side: int) -> Image.Image:
    small = Image.new("L", (200, 200))
    ImageDraw.Draw(small).ellipse((6, 6, 193, 193), fill=255)
    return small.filter(ImageFilter.GaussianBlur(2)).resize((side, side), Image.Resampling.BICUBIC)


def _noise(camera: Camera, rng: np.random.Generator) -> Image.Image:
    values = rng.normal(128, NOISE, (TILE, TILE, 3)).clip(0, 255).astype(np.uint8)
    tile, noise = Image.fromarray(values), Image.new("RGB", (camera.width, camera.height))
    for top in range(0, camera.height, TILE):
        for left in range(0, camera.width, TILE):
            noise.paste(tile, (left, top))
    return noise


def _make(folder: Path, jobs: Sequence[Job]) -> Path:
    missing = [job for job in jobs if not job[0].exists()]
    if missing:
        print(f"making {len(missing):,} photos in {folder}", flush=True)
        with ProcessPoolExecutor() as pool:
            list(pool.map(_write, missing, chunksize=4))
    return folder


def _write(job: Job) -> None:
    path, content = job
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content())
    temporary.replace(path)
