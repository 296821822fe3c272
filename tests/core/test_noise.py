import torch

from diffedit_core.noise import noise_like


def test_noise_belongs_to_the_image():
    batch = noise_like(torch.zeros(4, 3, 5, 6), seed=7, draw=2)
    alone = noise_like(torch.zeros(1, 3, 5, 6), seed=7, draw=2, indices=[2])
    assert torch.equal(batch[2:3], alone)


def test_noise_is_that_of_the_cpu_in_float32_whatever_torchs_defaults_are():
    latent = torch.zeros(1, 4, 8, 8)
    expected = noise_like(latent, seed=7)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("meta"):  # as code that loads models does
            found = noise_like(latent, seed=7)
    finally:
        torch.set_default_dtype(before)
    assert torch.equal(found, expected)


def test_seeds_images_and_draws_share_no_noise():
    latent = torch.zeros(3, 2, 4, 4)
    noises = [noise_like(latent, seed, draw) for seed in range(3) for draw in range(3)]
    flat = torch.cat(noises).flatten(1)
    assert len(torch.unique(flat, dim=0)) == 27


def test_noise_is_standard_normal_and_takes_the_largest_seed():
    noise = noise_like(torch.zeros(1, 4, 100, 100), seed=2**64 - 1)
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 1) < 0.03
