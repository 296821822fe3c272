"""Noise Trajectory, on the demo model."""

import torch

from diffedit_core.noise import noise_like


def test_it_is_the_picture_under_one_noise(stages, demo, latent):
    latents, sigmas = stages.noise(latent, seed=3)["diffedit_trajectory"]
    scale = demo.model.get_model_object("latent_format").scale_factor
    noise = noise_like(latent["samples"], seed=3)
    assert torch.equal(latents[0], latent["samples"])
    for x, sigma in zip(latents[1:], sigmas[1:], strict=True):
        torch.testing.assert_close(
            (x - latent["samples"]) * scale / sigma, noise, atol=1e-4, rtol=1e-4
        )


def test_it_fits_in_the_place_of_ddim_invert(stages, latent, half_mask):
    noised, inverted = stages.noise(latent), stages.invert(latent)
    assert noised.keys() == inverted.keys()
    assert noised["diffedit_trajectory"].sigmas == inverted["diffedit_trajectory"].sigmas
    empty = stages.sample(noised, mask=torch.zeros(1, 72, 104))["samples"]
    assert torch.equal(empty, latent["samples"])
    edited = stages.sample(noised, mask=half_mask)["samples"]
    assert (edited != latent["samples"]).any() and edited.isfinite().all()


def test_it_costs_no_model_evaluation(stages, latent, count_forwards):
    sizes, _ = count_forwards()
    stages.noise(latent)
    assert not sizes


def test_a_picture_taken_out_of_its_batch_keeps_its_noise(stages, latent):
    alone = {"samples": latent["samples"][1:], "batch_index": [1]}
    assert torch.equal(stages.noise(alone)["samples"], stages.noise(latent)["samples"][1:])
