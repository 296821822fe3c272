"""Held-out edits of the demo's scenes: what the benchmarks judge on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from lab.render import SIZE, Picture, changed_region, render
from lab.scenes import Edit, Scene, edit, scene

SMALL = 0.6
VISIBLE, RIM = 8, 3  # a removal's region: a change in levels of 255, widened by so many pixels


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


def make_case(one: Edit, size: int = SIZE) -> Case:
    source, target = render(one.source, size), render(one.target, size)
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


def removals_of(things: int, count: int, first_seed: int) -> list[Case]:
    """The first scenes of so many things from a seed on, one of which goes: by turns the left one
    and the right one.
    """
    cases: list[Case] = []
    seed = first_seed
    while len(cases) < count:
        source = scene(seed)
        if len(source.things) == things:
            cases.append(make_removal(source, len(cases) % things))
        seed += 1
    return cases


def make_removal(source: Scene, index: int) -> Case:
    """The removal of a thing; the region that must change is the thing and its shadow."""
    one = Edit("remove", source, source.without(index), index)
    before, after = render(one.source), render(one.target)
    return Case(one, before, after, _visibly_changed(before.rgb, after.rgb))


def _visibly_changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Bool (H, W): where uint8 pictures differ visibly, and a rim around that."""
    changed = np.abs(before.astype(int) - after).max(-1) > VISIBLE
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1,) * 2)
    return cv2.dilate(changed.astype(np.uint8), disc) > 0


def _scaled(scene: Scene, scale: float) -> Scene:
    places = tuple(replace(place, scale=scale * place.scale) for place in scene.places)
    return replace(scene, places=places)
