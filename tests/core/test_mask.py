import pytest
import torch

from diffedit_core.mask import find_differences
from diffedit_core.noise import noise_like
from tests.core.gaussian_mixture import GaussianMixture
from tests.counting import CountingDenoiser

SIGMA = 1.5


def region(height: int = 8, width: int = 10) -> torch.Tensor:
    place = torch.zeros(height, width)
    place[2:5, 3:7] = 1
    return place


@pytest.fixture
def denoiser() -> GaussianMixture:
    """The prompts agree on the picture but for a region, where their means are one apart."""
    return GaussianMixture({"source": [0.0, 1.0], "target": [region(), region() + 1.0]})


@pytest.fixture
def graded() -> GaussianMixture:
    """The prompts disagree everywhere, more so to the right."""
    return GaussianMixture({"source": [0.0], "target": [torch.linspace(0, 1, 10), 0.5]})


@pytest.fixture
def latent() -> torch.Tensor:
    return torch.randn(3, 4, 8, 10, generator=torch.Generator().manual_seed(0))


def find(denoiser, latent, sigmas=(SIGMA,), draws=4, seed=0, **options):
    return find_differences(denoiser, latent, sigmas, draws, seed, **options)


def test_finds_the_region_that_the_prompts_disagree_about(denoiser, latent):
    found = find(denoiser, latent).map
    assert torch.equal(found > 0, region().expand(3, -1, -1).bool())


@pytest.mark.parametrize("shape", [(2, 7, 8, 10), (2, 3, 5, 8, 10), (2, 1, 8, 10)])
def test_any_channels_and_dimensions(denoiser, shape):
    found = find(denoiser, torch.zeros(shape)).map
    assert torch.equal(found > 0, region().expand(2, -1, -1).bool())


@pytest.mark.parametrize("sigmas", [(SIGMA,), (0.5, 4.0)])
def test_is_in_multiples_of_each_images_mean(graded, latent, sigmas):
    found = find(graded, latent, sigmas).map
    torch.testing.assert_close(found.mean((1, 2)), torch.ones(3))


def test_one_sigma_gives_the_mean_of_the_draws_over_its_mean(graded, latent):
    """By hand: two noises, each with its negative."""
    total = 0
    for noise in (noise_like(latent, 0, 0), noise_like(latent, 0, 1)):
        for x in (latent + SIGMA * noise, latent - SIGMA * noise):
            source, target = graded.denoise(x, SIGMA, ("source", "target"))
            total = total + (target - source).abs().mean(1)
    torch.testing.assert_close(find(graded, latent).map, total / total.mean((1, 2), keepdim=True))


def test_sigmas_weigh_the_same(graded, latent):
    """At a high sigma the predictions differ many times as much; that must not drown the low one.
    Two draws, a noise and its negative, belong to the first sigma, the next two to the second.
    """
    low = find(graded, latent, [0.3], draws=2).map
    both = find(graded, latent, [0.3, 8.0], draws=4).map
    x = [latent + sign * 8.0 * noise_like(latent, 0, 1) for sign in (1, -1)]
    high = sum(
        (target - source).abs().mean(1)
        for source, target in (graded.denoise(one, 8.0, ("source", "target")) for one in x)
    )
    high = high / high.mean((1, 2), keepdim=True)
    torch.testing.assert_close(both, (low + high) / 2)
    assert (low - high).abs().max() > 0.1


def test_a_noise_and_its_negative_err_in_opposite_ways(latent):
    """Where the difference is linear in the noise and of one sign, a pair is exact."""

    class Linear(GaussianMixture):
        def denoise(self, x, sigma, conds):
            return [torch.zeros_like(x), 100.0 + x]

    pair = find(Linear({}), latent, draws=2).map
    exact = (100 + latent).mean(1)
    torch.testing.assert_close(pair, exact / exact.mean((1, 2), keepdim=True))
    single = find(Linear({}), latent, draws=1).map
    assert (single - pair).abs().max() > 1e-3


@pytest.mark.parametrize("draws", [1, 5, 8])
@pytest.mark.parametrize("sigmas", [(SIGMA,), (0.5, 4.0)])
def test_two_evaluations_a_draw_and_image(denoiser, latent, draws, sigmas):
    counting = CountingDenoiser(denoiser)
    found = find(counting, latent, sigmas, draws)
    assert counting.evaluations == 2 * draws * len(latent)
    assert found.draws == [draws] * 3


class Sizes(GaussianMixture):
    """Remembers how many samples it was given at once."""

    def denoise(self, x, sigma, conds):
        self.sizes.append(len(x))
        return super().denoise(x, sigma, conds)


@pytest.mark.parametrize(("batch", "sizes"), [(1, [3] * 5), (2, [6, 6, 3]), (9, [15])])
def test_draws_are_evaluated_in_batches_and_give_the_same(graded, latent, batch, sizes):
    one_by_one = find(graded, latent, draws=5).map
    watched = Sizes(graded.means)
    watched.sizes = []
    torch.testing.assert_close(find(watched, latent, draws=5, batch=batch).map, one_by_one)
    assert watched.sizes == sizes


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_an_image_does_not_depend_on_its_batch(graded, latent, tolerance):
    latent[2] *= 30  # needs more draws than the others
    options = {"draws": 12, "tolerance": tolerance, "sigmas": (0.5, 4.0)}
    together = find(graded, latent, **options)
    alone = find(graded, latent[1:2], indices=[1], **options)
    swapped = find(graded, latent.flip(0), indices=[2, 1, 0], **options)
    torch.testing.assert_close(together.map[1:2], alone.map)
    torch.testing.assert_close(together.map.flip(0), swapped.map)
    assert together.draws[1:2] == alone.draws
    assert together.draws[::-1] == swapped.draws


def test_adaptive_draws_stop_when_the_map_has_settled(latent):
    """Where all draws say the same the first pairs will do, where they scatter all are needed."""

    class Steady(GaussianMixture):
        def denoise(self, x, sigma, conds):
            return [torch.zeros_like(x), region().expand_as(x)]

    class Scattered(GaussianMixture):
        def denoise(self, x, sigma, conds):
            return [torch.zeros_like(x), x.exp()]

    counting = CountingDenoiser(Steady({}))
    assert find(counting, latent, (0.5, 4.0), 20, tolerance=0.1).draws == [4, 4, 4]
    assert counting.evaluations == 2 * 4 * 3
    assert find(Scattered({}), latent, (0.5, 4.0), 20, tolerance=0.01).draws == [20] * 3
    loose = find(Scattered({}), latent, (0.5,), 100, tolerance=0.2).draws
    assert all(2 < draws < 100 for draws in loose)


def test_adaptive_draws_stop_within_the_tolerance(latent):
    """The map is then no further than that from the map of very many draws."""

    class Scattered(GaussianMixture):
        def denoise(self, x, sigma, conds):
            return [torch.zeros_like(x), 1 + x.exp()]

    stopped = find(Scattered({}), latent, draws=1000, tolerance=0.1)
    settled = find(Scattered({}), latent, draws=1000)
    assert max(stopped.draws) < 400
    distance = (stopped.map - settled.map).abs().mean((1, 2))
    assert (distance < 0.1).all()


def test_progress_counts_the_draws(graded, latent):
    steps = []
    find(graded, latent, (0.5, 4.0), 8, callback=lambda step, denoised, x: steps.append(step))
    assert steps == list(range(8))


def test_the_seed_matters_and_repeats(graded, latent):
    assert torch.equal(find(graded, latent, seed=1).map, find(graded, latent, seed=1).map)
    assert not torch.equal(find(graded, latent, seed=1).map, find(graded, latent, seed=2).map)


class Rescaled(GaussianMixture):
    """Answers a hundred times as much, as guidance would scale the difference."""

    def denoise(self, x, sigma, conds):
        return [100 * denoised for denoised in super().denoise(x, sigma, conds)]


def test_scaling_the_predictions_changes_nothing(graded, latent):
    found = find(graded, latent).map
    assert found.std() > 0.1
    torch.testing.assert_close(find(Rescaled(graded.means), latent).map, found)


def test_equal_prompts_differ_nowhere(latent):
    denoiser = GaussianMixture({"source": [0.0, 1.0], "target": [0.0, 1.0]})
    for tolerance in (0.0, 0.1):
        found = find(denoiser, latent, tolerance=tolerance).map
        assert torch.equal(found, torch.zeros(3, 8, 10))


@pytest.mark.parametrize(("difference", "found"), [(1e-6, False), (1e-2, True)])
def test_rounding_is_no_difference(latent, difference, found):
    denoiser = GaussianMixture({"source": [0.0], "target": [difference]})
    assert find(denoiser, latent).map.any() == found


def test_an_image_without_difference_leaves_the_others_alone(denoiser, latent):
    place = torch.stack([region(), torch.zeros(8, 10)])[:, None]
    mixed = GaussianMixture({"source": [0.0, 1.0], "target": [place, place + 1.0]})
    found = find(mixed, latent[:2]).map
    torch.testing.assert_close(found[0], find(denoiser, latent[:1]).map[0])
    assert not found[1].any()


def test_a_broken_model_is_no_empty_mask(latent):
    broken = GaussianMixture({"source": [0.0], "target": [torch.nan]})
    with pytest.raises(ValueError, match="^model: it predicts NaN"):
        find(broken, latent)


def test_predictions_are_their_means_over_the_draws(graded, latent):
    """By hand, at two noise levels; and each image's own, however long others of a batch go on."""
    found = find(graded, latent, [0.3, 8.0], draws=4)
    sums = [0.0, 0.0]
    for sigma, number in ((0.3, 0), (8.0, 1)):
        for sign in (1, -1):
            x = latent + sign * sigma * noise_like(latent, 0, number)
            for side, prediction in enumerate(graded.denoise(x, sigma, ("source", "target"))):
                sums[side] = sums[side] + prediction / 4
    torch.testing.assert_close(found.source, sums[0])
    torch.testing.assert_close(found.target, sums[1])

    options = {"draws": 40, "tolerance": 0.05}
    together = find(graded, latent, **options)
    for index in range(len(latent)):
        alone = find(graded, latent[index : index + 1], indices=[index], **options)
        assert alone.draws == together.draws[index : index + 1]
        torch.testing.assert_close(alone.target[0], together.target[index])
