"""The scenes that everything is trained and judged on: their pictures, captions and exact masks."""

import numpy as np
import pytest

from lab.render import SIZE, changed_region, render
from lab.scenes import COLOURS, EDITS, KINDS, Place, Scene, Thing, edit, scene

LIGHT = (-0.6, 1.0, -0.6)


def still_life(*things: Thing) -> Scene:
    columns = [0.0] if len(things) == 1 else [-1.0, 1.0]
    places = tuple(Place(x=x, z=0.0, scale=1.0, yaw=0.0, seed=5) for x in columns)
    return Scene(things, places, "slate table", (0.5, 0.5, 0.5), LIGHT, texture_seed=3)


def test_a_seed_is_a_picture():
    assert scene(7) == scene(7) != scene(8)
    assert np.array_equal(render(scene(7)).rgb, render(scene(7)).rgb)


def test_captions_name_things_from_left_to_right():
    both = still_life(Thing("ball", "orange"), Thing("bowl", "red", "plums"))
    assert both.caption == "an orange ball and a red bowl of plums on a slate table"
    assert both.caption_without(colours=True, table=True) == "a ball and a bowl of plums"
    left, right = render(both).things
    columns = np.arange(SIZE)
    assert (left.sum(0) @ columns) / left.sum() < (right.sum(0) @ columns) / right.sum()


def test_a_thing_is_taken_off_the_table():
    """What is left is the same picture but for the thing and its shadow; an empty table is one."""
    both = still_life(Thing("ball", "orange"), Thing("cup", "red"))
    alone = both.without(1)
    assert alone.caption == "an orange ball on a slate table"
    empty = alone.without(0)
    assert empty.caption == "a slate table"
    pictures = [render(one) for one in (both, alone, empty)]
    assert [len(picture.things) for picture in pictures] == [2, 1, 0]
    assert np.array_equal(pictures[0].rgb[:, :60], pictures[1].rgb[:, :60])
    assert np.array_equal(pictures[1].rgb[:20], pictures[2].rgb[:20])
    assert not np.array_equal(pictures[1].rgb, pictures[2].rgb)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_covers_its_thing_and_nothing_else(kind):
    """Against a scene without shading to rely on: only the thing has the colour of the thing."""
    red, blue = (render(still_life(Thing(kind, colour))) for colour in ("red", "blue"))
    mask = red.things[0]
    assert np.array_equal(mask, blue.things[0])
    differs = np.abs(red.rgb.astype(int) - blue.rgb).max(-1) > 40
    assert (differs & mask).sum() / mask.sum() > 0.9
    assert (differs & ~mask).sum() / mask.sum() < 0.05


def test_a_ball_covers_a_disc_as_large_as_geometry_says():
    (mask,) = render(still_life(Thing("ball", "red"))).things
    height, width = (np.ptp(axis) + 1 for axis in np.nonzero(mask))
    assert abs(height - width) <= 2
    assert abs(mask.sum() / (np.pi / 4 * height * width) - 1) < 0.02


def test_fruit_is_part_of_its_bowl():
    picture = render(still_life(Thing("bowl", "white", "oranges"), Thing("cup", "red")))
    assert picture.fruits[0].any() and not picture.fruits[1].any()
    assert not (picture.fruits[0] & ~picture.things[0]).any()


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_one_thing_within_its_region(name):
    one = edit(11, name)
    others = [i for i in range(len(one.source.things)) if i != one.index]
    assert [one.source.things[i] for i in others] == [one.target.things[i] for i in others]
    old, new = one.source.things[one.index], one.target.things[one.index]
    assert (old.colour != new.colour) == (name in ("colour", "replace"))
    assert (old.kind != new.kind) == (name in ("kind", "replace"))
    assert (old.fruit != new.fruit) == (name == "fruit")
    source, target = render(one.source), render(one.target)
    region = changed_region(one, source, target)
    change = np.abs(source.rgb.astype(int) - target.rgb).max(-1)
    assert change[region].mean() > 10 * change[~region].mean()


def test_every_colour_can_be_told_from_every_other():
    pictures = {name: render(still_life(Thing("ball", name))) for name in COLOURS}
    means = [picture.rgb[picture.things[0]].mean(0) for picture in pictures.values()]
    distances = [np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i]]
    assert min(distances) > 25
