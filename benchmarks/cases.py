"""Held-out edits of the demo's scenes: what the benchmarks judge on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from demo.render import Picture, changed_region, render
from demo.scenes import Edit, Scene, edit

SMALL = 0.6


@dataclass(frozen=True)
class Kind:
    """A kind of edit: its name among the scenes' EDITS (None for any), how many things are in the
    picture, and their scale.
    """

    name: str | None
    things: int
    scale: float = 1.0


KINDS = {
    "colour": Kind("colour", 1),
    "shape": Kind("kind", 1),
    "kind of object": Kind("fruit", 1),
    "small object": Kind(None, 1, SMALL),
    "two objects": Kind(None, 2),
    "large change": Kind("replace", 1),
}


@dataclass(frozen=True)
class Case:
    """One held-out edit: the true pictures before and after, and the region that must change."""

    edit: Edit
    source: Picture
    target: Picture
    region: np.ndarray


def make_case(one: Edit) -> Case:
    source, target = render(one.source), render(one.target)
    return Case(one, source, target, changed_region(one, source, target))


def edits_of(kind: Kind, count: int, first_seed: int) -> list[Edit]:
    """The first edits of a kind from a seed on."""
    edits: list[Edit] = []
    seed = first_seed
    while len(edits) < count:
        one = edit(seed, kind.name)
        if len(one.source.things) == kind.things:
            scaled = replace(
                one, source=_scaled(one.source, kind.scale), target=_scaled(one.target, kind.scale)
            )
            edits.append(scaled)
        seed += 1
    return edits


def _scaled(scene: Scene, scale: float) -> Scene:
    places = tuple(replace(place, scale=scale * place.scale) for place in scene.places)
    return replace(scene, places=places)
