"""Procedural still lifes and their captions: what the demo model learns and is judged on.

A scene is a few things on a table, lit from the upper left, in front of a plain wall. Everything
follows from one integer seed: `scene(seed)` describes a picture of one or two things that fill it,
`wide_scene(seed)` one of up to three things of any size anywhere on the table, `edit(seed)` a pair
of pictures that differ in one thing. `render.py` draws them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .camera import WHOLE_FRAME, View, seen_at

KINDS = ("ball", "block", "cone", "cup", "vase")
COLOURS = {
    "red": (0.72, 0.06, 0.06),
    "orange": (0.90, 0.34, 0.04),
    "yellow": (0.90, 0.70, 0.06),
    "green": (0.10, 0.46, 0.12),
    "blue": (0.06, 0.20, 0.66),
    "purple": (0.36, 0.10, 0.52),
    "white": (0.86, 0.85, 0.82),
}
FRUITS = ("apples", "oranges", "lemons", "pears", "plums")
TABLES = ("wooden table", "marble table", "slate table", "checkered cloth")
EDITS = ("colour", "kind", "replace", "fruit")
SCALES = (1.3, 0.98, 0.85)
"""The usual scale of a thing where there are one, two or three."""


@dataclass(frozen=True)
class Thing:
    """One thing on the table: a shape of one colour, or a bowl of that colour with fruit in it."""

    kind: str
    colour: str
    fruit: str | None = None

    @property
    def words(self) -> str:
        article = "an" if self.colour[0] in "aeiou" else "a"
        return f"{article} {self.colour} {self.noun}"

    @property
    def noun(self) -> str:
        return f"{self.kind} of {self.fruit}" if self.fruit else self.kind


@dataclass(frozen=True)
class Place:
    """Where a thing stands, its scale, its turn about the vertical, and the seed of its details."""

    x: float
    z: float
    scale: float
    yaw: float
    seed: int

    @property
    def outline(self) -> View:
        """The square of the frame that holds the thing, about."""
        return seen_at((self.x, 0.75 * self.scale, self.z), 0.85 * self.scale)


@dataclass(frozen=True)
class Scene:
    things: tuple[Thing, ...]
    places: tuple[Place, ...]
    table: str
    wall: tuple[float, float, float]
    light: tuple[float, float, float]
    texture_seed: int
    view: View = WHOLE_FRAME

    @property
    def caption(self) -> str:
        return self.caption_without()

    def caption_without(self, colours: bool = False, table: bool = False) -> str:
        """The caption, leaving out the things' colours or the table where asked; of an empty table,
        the table alone.
        """
        if not self.things:
            return f"a {self.table}"
        words = [f"a {thing.noun}" if colours else thing.words for thing in self.things]
        return " and ".join(words) + ("" if table else f" on a {self.table}")

    def without(self, *indices: int) -> Scene:
        """The scene with the things of these numbers taken off the table."""
        left = [number for number in range(len(self.things)) if number not in indices]
        things, places = (tuple(one[n] for n in left) for one in (self.things, self.places))
        return replace(self, things=things, places=places)

    @property
    def hidden(self) -> list[int]:
        """The numbers of the things whose middle is outside the view."""
        outlines = [place.outline for place in self.places]
        return [n for n, one in enumerate(outlines) if not self.view.holds(one.x, one.y)]


@dataclass(frozen=True)
class Edit:
    """Two scenes that differ in the source's thing number `index` alone; `name` is one of EDITS, or
    "remove" where the target has no such thing.
    """

    name: str
    source: Scene
    target: Scene
    index: int


def _thing(rng: np.random.Generator, bowls: float = 0.3) -> Thing:
    colour = str(rng.choice(list(COLOURS)))
    if rng.random() < bowls:
        return Thing("bowl", colour, str(rng.choice(list(FRUITS))))
    return Thing(str(rng.choice(KINDS)), colour)


def scene(seed: int) -> Scene:
    """The scene of a seed: things that fill the frame, named in the caption from left to right."""
    rng = np.random.default_rng((seed, 1))
    count = 1 if rng.random() < 0.55 else 2
    columns = [0.0] if count == 1 else [-1.0, 1.0]
    spread = 0.35 if count == 1 else 0.12
    places = tuple(
        Place(
            x=column + rng.uniform(-spread, spread),
            z=rng.uniform(-0.3, 0.3),
            scale=SCALES[count - 1] * rng.uniform(0.92, 1.08),
            yaw=rng.uniform(-0.6, 0.6),
            seed=int(rng.integers(1 << 30)),
        )
        for column in columns
    )
    return _furnished(rng, places)


def wide_scene(seed: int, smallest: float = 0.3, largest: float = 1.2) -> Scene:
    """The scene of a seed with one to three things anywhere on the table, their scales between
    `smallest` and `largest` of the usual one.
    """
    rng = np.random.default_rng((seed, 5))
    count = int(rng.integers(1, 4))
    places: list[Place] = []
    while len(places) < count:
        place = Place(
            x=rng.uniform(-2.8, 2.8),
            z=rng.uniform(-1.8, 2.2),
            scale=SCALES[count - 1] * rng.uniform(smallest, largest),
            yaw=rng.uniform(-0.6, 0.6),
            seed=int(rng.integers(1 << 30)),
        )
        if WHOLE_FRAME.contains(place.outline) and not any(_meet(place, one) for one in places):
            places.append(place)
    return _furnished(rng, tuple(sorted(places, key=lambda place: place.outline.x)))


def close_up(wide: Scene, seed: int) -> Scene:
    """A scene seen through a window around one of its things, or anywhere if there is none."""
    rng = np.random.default_rng((seed, 6))
    if wide.places:
        thing = wide.places[int(rng.integers(len(wide.places)))].outline
        half = min(thing.half / rng.uniform(0.4, 0.9), 1.0)
        x, y = (middle + rng.uniform(-0.25, 0.25) * half for middle in (thing.x, thing.y))
    else:
        half = rng.uniform(0.3, 1.0)
        x, y = rng.uniform(-1.0, 1.0, 2)
    return replace(wide, view=View(float(x), float(y), float(half)).within_frame())


def _meet(one: Place, other: Place) -> bool:
    """Whether two things touch, or one hides much of the other."""
    apart = np.hypot(one.x - other.x, one.z - other.z)
    if apart < 0.9 * (one.scale + other.scale):
        return True
    a, b = one.outline, other.outline
    return max(abs(a.x - b.x), abs(a.y - b.y)) < 0.75 * (a.half + b.half)


def _furnished(rng: np.random.Generator, places: tuple[Place, ...]) -> Scene:
    """Things in these places, with a table, a wall and a light."""
    wall = 0.42 + 0.30 * rng.random() + rng.uniform(-0.10, 0.10, 3)
    light = (rng.uniform(-0.75, -0.45), rng.uniform(0.9, 1.1), rng.uniform(-0.75, -0.45))
    return Scene(
        things=tuple(_thing(rng) for _ in places),
        places=places,
        table=str(rng.choice(TABLES)),
        wall=tuple(float(v) for v in wall),
        light=light,
        texture_seed=int(rng.integers(1 << 30)),
    )


def edit(seed: int, name: str | None = None, scenes: Callable[[int], Scene] = scene) -> Edit:
    """The edit of a seed: its scene with one thing changed in colour, kind, both, or fruit."""
    rng = np.random.default_rng((seed, 2))
    name = name or str(rng.choice(EDITS))
    source = scenes(seed)
    index = int(rng.integers(len(source.things)))
    old = _thing(rng, bowls=1.0 if name == "fruit" else 0.0)
    source = _with_thing(source, index, old)

    def other(options, current: str) -> str:
        return str(rng.choice([option for option in options if option != current]))

    new = old
    if name in ("colour", "replace"):
        new = replace(new, colour=other(COLOURS, old.colour))
    if name in ("kind", "replace"):
        new = replace(new, kind=other(KINDS, old.kind))
    if name == "fruit":
        new = replace(new, fruit=other(FRUITS, old.fruit))
    return Edit(name, source, _with_thing(source, index, new), index)


def _with_thing(scene: Scene, index: int, thing: Thing) -> Scene:
    things = list(scene.things)
    things[index] = thing
    return replace(scene, things=tuple(things))
