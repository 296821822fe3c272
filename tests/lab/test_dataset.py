"""What the demo model is trained on."""

import pytest

from lab.camera import WHOLE_FRAME
from lab.dataset import EMPTY, USUAL, WIDE, training_scene
from lab.scenes import scene, wide_scene


def test_the_usual_scenes_come_first():
    assert all(training_scene(seed) == scene(seed) for seed in (0, 7, USUAL - 1))
    assert training_scene(USUAL) != scene(USUAL)


def test_the_others_are_wide_ones_close_ups_of_them_and_empty_tables():
    seeds = range(USUAL, USUAL + 1000)
    others = [training_scene(seed) for seed in seeds]
    whole = [one.view == WHOLE_FRAME for one in others]
    assert sum(whole) / len(others) == pytest.approx(WIDE, abs=0.06)
    empty = [not one.things for one in others]
    assert sum(empty) / len(others) == pytest.approx(EMPTY, abs=0.03)
    for seed, one, has_none in zip(seeds, others, empty, strict=True):
        assert has_none or one.things == wide_scene(seed).things
