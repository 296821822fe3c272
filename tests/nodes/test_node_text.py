"""What nodes say of their runs, as the editor and API clients get it."""

from tools.in_process import defaults


def said(output) -> str:
    (text,) = output.ui["diffedit_text"]
    return text


def test_an_inversion_says_what_it_took(nodes, demo, latent):
    inputs = {**defaults(nodes.DDIMInvert), "model": demo.model, "latent": latent}
    output = nodes.DDIMInvert.execute(**{**inputs, "steps": 5, "strength": 0.8, "iterations": 2})
    assert said(output).startswith("4 steps, 16 model evaluations, residual 0.")


def test_equal_prompts_are_said(find_mask, latent, prompts):
    assert "the same" not in said(find_mask(latent))
    assert "source and target say the same" in said(find_mask(latent, target=prompts.source))


def test_a_map_without_a_difference_is_said(find_mask, latent, demo):
    """Different prompts, which this model takes for the same."""
    model = demo.model.clone()
    model.set_model_unet_function_wrapper(lambda apply_model, call: 0 * call["input"])
    assert "nothing found" in said(find_mask(latent, model=model))
