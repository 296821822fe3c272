"""Draws a scene by sphere tracing: lit, shaded things with soft shadows, and their exact masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from . import camera, shapes
from .camera import EYE
from .scenes import COLOURS, Edit, Place, Scene, Thing

SIZE = 192
SUPERSAMPLE = 1.5

_FRUIT = {
    "apples": (shapes.apple, (0.66, 0.05, 0.06)),
    "oranges": (shapes.orange, (0.92, 0.38, 0.03)),
    "lemons": (shapes.lemon, (0.92, 0.76, 0.08)),
    "pears": (shapes.pear, (0.42, 0.56, 0.10)),
    "plums": (shapes.plum, (0.26, 0.07, 0.36)),
}


@dataclass(frozen=True)
class Picture:
    """rgb: uint8 (H, W, 3).  things, fruits: bool (n, H, W), what is seen of each thing and of the
    fruit in it.
    """

    rgb: np.ndarray
    things: np.ndarray
    fruits: np.ndarray


def changed_region(edit: Edit, source: Picture, target: Picture) -> np.ndarray:
    """Bool (H, W): the region that must change, the old thing united with the new one."""
    if edit.name == "fruit":
        return source.fruits[edit.index] | target.fruits[edit.index]
    return source.things[edit.index] | target.things[edit.index]


_WALL_Z = 3.0
_SKY = np.float32((0.42, 0.46, 0.52))
_SUN = np.float32((1.45, 1.36, 1.20))


@dataclass(frozen=True)
class _Part:
    """A piece of a thing: its distance function in the thing's own space, its albedo, its gloss."""

    sdf: Callable[[np.ndarray], np.ndarray]
    albedo: np.ndarray
    gloss: float
    is_fruit: bool


@dataclass(frozen=True)
class _Solid:
    """A thing set in its place: its parts and the sphere that holds them all."""

    parts: list[_Part]
    place: Place

    @property
    def centre(self) -> np.ndarray:
        return np.float32((self.place.x, 0.8 * self.place.scale, self.place.z))

    @property
    def radius(self) -> float:
        return 1.28 * self.place.scale

    def part_distances(self, p: np.ndarray) -> list[np.ndarray]:
        """Distance to each part from world points p (N, 3)."""
        c, s, scale = np.cos(self.place.yaw), np.sin(self.place.yaw), np.float32(self.place.scale)
        to_local = np.float32([[c, 0, s], [0, 1, 0], [-s, 0, c]]) / scale
        local = (p - np.float32((self.place.x, 0, self.place.z))) @ to_local
        return [part.sdf(local) * scale for part in self.parts]

    def distance(self, p: np.ndarray) -> np.ndarray:
        return reduce(np.minimum, self.part_distances(p))


def _solid(thing: Thing, place: Place) -> _Solid:
    albedo = np.float32(COLOURS[thing.colour])
    if not thing.fruit:
        return _Solid([_Part(getattr(shapes, thing.kind), albedo, 0.5, False)], place)
    rng = np.random.default_rng(place.seed)
    sdf, fruit_albedo = _FRUIT[thing.fruit]
    parts = [_Part(shapes.bowl, albedo, 0.6, False)]
    angles = np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1)
    heap = [(0.42 * np.cos(a), 0.66, 0.42 * np.sin(a)) for a in angles] + [(0.0, 1.0, 0.0)]
    for spot in heap:
        spot = np.float32(np.add(spot, rng.uniform(-0.04, 0.04, 3)))
        a, b = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.35)
        about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        turned = partial(_turned, sdf, spot, np.float32(about_y @ about_x))
        shade = np.float32(fruit_albedo) * np.float32(rng.uniform(0.88, 1.1))
        parts.append(_Part(turned, shade, 0.35, True))
    return _Solid(parts, place)


def _turned(sdf, spot: np.ndarray, turn: np.ndarray, p: np.ndarray) -> np.ndarray:
    return sdf((p - spot) @ turn)


def _march(solid: _Solid, rays: np.ndarray) -> np.ndarray:
    """Depth of the solid along each ray, inf where missed, traced inside its bounding sphere."""
    to_centre = solid.centre - EYE
    along = rays @ to_centre
    miss2 = to_centre @ to_centre - along**2
    candidates = np.flatnonzero(miss2 < solid.radius**2)
    half_chord = np.sqrt(solid.radius**2 - miss2[candidates])
    depth = np.full(len(rays), np.inf, np.float32)
    t = along[candidates] - half_chord
    end = along[candidates] + half_chord
    for _ in range(40):
        if not len(candidates):
            break
        distance = solid.distance(EYE + t[:, None] * rays[candidates])
        hit = distance < 0.004
        depth[candidates[hit]] = t[hit]
        t = t + distance
        going = ~hit & (t < end)
        candidates, t, end = candidates[going], t[going], end[going]
    return depth


def _shadow(solid: _Solid, p: np.ndarray, light: np.ndarray) -> np.ndarray:
    """The light in 0..1 that a solid lets through to points p, by the narrowest cone (Quilez)."""
    to_centre = solid.centre - p
    along = to_centre @ light
    miss2 = np.einsum("ij,ij->i", to_centre, to_centre) - along**2
    points = np.flatnonzero((miss2 < (1.05 * solid.radius) ** 2) & (along > -solid.radius))
    lit = np.ones(len(p), np.float32)
    start = p[points]
    t = np.full(len(points), 0.06, np.float32)
    least = np.ones(len(points), np.float32)
    for _ in range(12):
        distance = solid.distance(start + t[:, None] * light)
        least = np.minimum(least, 7 * distance / t)
        t = t + np.clip(distance, 0.06, 0.4)
    lit[points] = np.clip(least, 0, 1)
    return lit * lit * (3 - 2 * lit)


def _normals(solid: _Solid, p: np.ndarray) -> np.ndarray:
    h = 0.004
    corners = np.float32([(1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)])
    n = sum(c * solid.distance(p + h * c)[:, None] for c in corners)
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-6)


def _make_noise() -> np.ndarray:
    rng = np.random.default_rng(7)
    total = np.zeros((256, 256), np.float32)
    for octave in range(5):
        cells = 4 << octave
        grid = np.pad(rng.random((cells, cells), dtype=np.float32), ((0, 1), (0, 1)), mode="wrap")
        s = np.arange(256, dtype=np.float32) * cells / 256
        x, y = np.meshgrid(s, s)
        total += cv2.remap(grid, x, y, cv2.INTER_LINEAR) * 0.5**octave
    return (total - total.mean()) / total.std()


_NOISE = _make_noise()


def _noise(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Tileable fractal noise, mean 0, deviation 1, period 1 in u and v."""
    return map_coordinates(_NOISE, np.stack((v, u)) * len(_NOISE), order=1, mode="grid-wrap")


def _table_albedo(table: str, x: np.ndarray, z: np.ndarray, seed: int) -> np.ndarray:
    du, dv, tone = np.random.default_rng(seed).random(3)
    if table == "wooden table":
        grain = _noise(du + x * 0.03, dv + z * 0.35)
        boards = 1 - 0.25 * np.exp(-((np.mod(z * 0.8 + dv, 1) - 0.5) ** 2) / 0.0012)
        return (np.float32((0.42, 0.24, 0.12)) * (0.85 + 0.3 * tone)) * (
            (1 + 0.10 * grain) * boards
        )[:, None]
    if table == "marble table":
        vein = np.exp(
            -np.abs(np.sin(2.2 * (x + 0.6 * z) + 1.3 * _noise(du + x * 0.08, dv + z * 0.08))) * 5
        )
        return np.float32((0.66, 0.65, 0.63)) * (1 - 0.28 * vein)[:, None]
    if table == "slate table":
        return (
            np.float32((0.15, 0.17, 0.19))
            * (1.1 + 0.13 * _noise(du + x * 0.12, dv + z * 0.12))[:, None]
        )
    checks = np.tanh(6 * np.sin(3.4 * x + 6 * du)) * np.tanh(6 * np.sin(3.4 * z + 6 * dv))
    return np.float32((0.62, 0.60, 0.56)) + np.float32((0.10, 0.16, 0.17)) * checks[:, None]


def render(scene: Scene, size: int = SIZE) -> Picture:
    """Draw a scene on `size` by `size` pixels, and say what each thing covers."""
    big = round(size * SUPERSAMPLE)
    rays = camera.rays(big, scene.view)
    light = np.float32(scene.light) / np.float32(np.linalg.norm(scene.light))
    solids = [_solid(thing, place) for thing, place in zip(scene.things, scene.places, strict=True)]

    floor_depth = np.where(rays[:, 1] < -1e-3, -EYE[1] / np.minimum(rays[:, 1], -1e-3), np.inf)
    wall_depth = (_WALL_Z - EYE[2]) / rays[:, 2]
    depths = [_march(solid, rays) for solid in solids]
    depth = np.min([floor_depth, wall_depth, *depths], axis=0)
    p = EYE + depth[:, None] * rays

    albedo = np.empty((len(rays), 3), np.float32)
    normal = np.empty((len(rays), 3), np.float32)
    gloss = np.zeros(len(rays), np.float32)
    on_floor = floor_depth == depth
    albedo[on_floor] = _table_albedo(
        scene.table, p[on_floor, 0], p[on_floor, 2], scene.texture_seed
    )
    normal[on_floor] = (0, 1, 0)
    gloss[on_floor] = 0.04
    on_wall = wall_depth == depth
    height = p[on_wall, 1:2]
    albedo[on_wall] = np.float32(scene.wall) * (0.80 + 0.10 * np.clip(height, 0, 3))
    normal[on_wall] = (0, 0, -1)

    thing_masks = np.zeros((len(solids), len(rays)), np.float32)
    fruit_masks = np.zeros((len(solids), len(rays)), np.float32)
    for index, (solid, thing_depth) in enumerate(zip(solids, depths, strict=True)):
        seen = np.flatnonzero((thing_depth == depth) & np.isfinite(thing_depth))
        part = np.argmin(solid.part_distances(p[seen]), axis=0)
        albedo[seen] = np.stack([one.albedo for one in solid.parts])[part]
        gloss[seen] = np.float32([one.gloss for one in solid.parts])[part]
        normal[seen] = _normals(solid, p[seen])
        thing_masks[index, seen] = 1
        fruit_masks[index, seen] = np.float32([one.is_fruit for one in solid.parts])[part]

    start = p + 0.02 * normal
    lit = np.ones(len(rays), np.float32)
    contact = np.ones(len(rays), np.float32)
    for solid in solids:
        lit *= _shadow(solid, start, light)
        offset = p - solid.centre
        near = np.flatnonzero(np.einsum("ij,ij->i", offset, offset) < (1.3 * solid.radius) ** 2)
        room = solid.distance(p[near] + 0.28 * normal[near])
        contact[near] *= 0.45 + 0.55 * np.clip(room / 0.28, 0, 1)

    facing = np.maximum(normal @ light, 0)
    sky = (0.62 + 0.38 * normal[:, 1]) * contact
    halfway = light - rays
    halfway /= np.linalg.norm(halfway, axis=1, keepdims=True)
    shine = gloss * np.maximum((normal * halfway).sum(1), 0) ** 40 * lit
    colour = albedo * (_SUN * (facing * lit)[:, None] + _SKY * sky[:, None]) + shine[:, None]
    colour = np.clip(colour / (1 + 0.25 * colour), 0, 1) ** (1 / 2.2)

    def down(flat: np.ndarray, channels: int) -> np.ndarray:
        return cv2.resize(
            flat.reshape(big, big, channels), (size, size), interpolation=cv2.INTER_AREA
        )

    rgb = np.round(down(colour.astype(np.float32), 3) * 255).clip(0, 255).astype(np.uint8)
    masks = [
        np.array([down(m, 1) > 0.5 for m in group], bool).reshape(-1, size, size)
        for group in (thing_masks, fruit_masks)
    ]
    return Picture(rgb, *masks)
