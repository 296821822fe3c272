"""DiffEdit as pure functions on tensors; no ComfyUI, no diffusers.

mask       where two prompts disagree about an image
refine     from a soft mask to a clean one
inversion  from an image up to the noise that decodes to it
noising    from an image up to any noise
sampling   down again under another prompt, inside the mask

Each takes a `denoiser.Denoiser`, a model seen through three methods.
"""
