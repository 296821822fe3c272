"""DiffEdit as pure functions on tensors; no ComfyUI, no diffusers.

mask       where the predictions under two prompts differ
refine     from a soft mask to a clean binary one
inversion  from an image's latent up to the noise that decodes to it
sampling   down again under another prompt, inside the mask

`mask`, `inversion` and `sampling` take a `denoiser.Denoiser`: a model as three methods.
"""
