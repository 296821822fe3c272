"""DiffEdit: the whole method as one node, which expands into the stage nodes.

ComfyUI caches each of them by what leads to it, so that a change repeats only the stages it
concerns.  So they get the links to the model and the picture: the values themselves it cannot
compare with those of the run before.
"""

from typing import Any

from comfy_api.latest import io
from comfy_execution.graph_utils import GraphBuilder, Node
from comfy_execution.utils import get_executing_context
from torch import Tensor

from .adapter.model_facts import (
    cell_size,
    latent_dimensions,
    makes_videos,
    needs_prompt,
    scheduler,
)
from .adapter.node_registry import require_own
from .adapter.pictures import check_pictures
from .ddim_invert import DDIMInvert
from .diffedit_mask import DiffEditMask
from .mask_refine import MaskRefine
from .masked_ddim_sample import MaskedDDIMSample
from .paste_edit import DiffEditPaste
from .widgets.defaults import widget_defaults
from .widgets.sampling import cfg_input, seed_input

REFERENCES = {"reference_latents", "concat_latent_image"}
"""What in a CONDITIONING a model of edits looks at."""


class DiffEdit(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEdit",
            display_name="DiffEdit",
            category="DiffEdit",
            description="Changes one thing in a picture by two prompts: what the picture shows "
            "now, and what it should show. Finds the region by itself and leaves every other pixel "
            "as it is. "
            "The other DiffEdit nodes are its stages, for those who want every knob.",
            search_aliases=["edit image", "edit by text", "change object", "instruct", "inpaint"],
            inputs=[
                io.Model.Input("model", tooltip="The model that makes the edit."),
                io.Clip.Input("clip", tooltip="The text encoder that was loaded with the model."),
                io.Vae.Input("vae", tooltip="The VAE that was loaded with the model."),
                io.Image.Input(
                    "image",
                    tooltip="The picture to edit, or a batch of pictures for the same edit.",
                ),
                io.String.Input(
                    "source",
                    multiline=True,
                    dynamic_prompts=True,
                    tooltip="What the picture shows now. A full caption finds the region better "
                    "than a word.",
                ),
                io.String.Input(
                    "target",
                    multiline=True,
                    dynamic_prompts=True,
                    tooltip="What the picture should show. Repeat source and change only the words "
                    "of the edit.",
                ),
                seed_input(
                    "Chooses the noises by which the region is found. The same seed gives "
                    "the same edit.",
                    # A new seed for each run would find the region anew each time.
                    control=io.ControlAfterGenerate.fixed,
                ),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=1,
                    max=1000,
                    tooltip="Steps of the whole schedule from pure noise to picture; strength says "
                    "how many of them to take. More are slower and more exact. Good: 20 to 100.",
                ),
                io.Float.Input(
                    "strength",
                    default=0.8,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of the old thing to forget. Higher edits more decidedly, "
                    "lower keeps more of its shape and colours. Good: 0.5 to 0.9.",
                ),
                cfg_input(
                    "How closely to follow target. Higher edits more decidedly, lower "
                    "stays closer to the picture. Good: 3 to 10; 1 to 4 for Flux and its like.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-256,
                    max=256,
                    tooltip="Widen the found region by this many pixels, where the new thing needs "
                    "more room or a rim of the old one stays; below 0, shrink it. Good: 0 to 16.",
                ),
                io.Conditioning.Input(
                    "source_conditioning",
                    optional=True,
                    tooltip="What the picture shows, ready-made, in the place of source. For edit "
                    "models such as Kontext or Qwen-Image-Edit, whose prompts carry a reference.",
                ),
                io.Conditioning.Input(
                    "target_conditioning",
                    optional=True,
                    tooltip="What it should show, ready-made, in the place of target.",
                ),
                io.Conditioning.Input(
                    "empty_conditioning",
                    optional=True,
                    tooltip="An empty prompt, ready-made, with the reference that the other two "
                    "have: the picture is inverted under it.",
                ),
            ],
            outputs=[
                io.Image.Output("edited", display_name="image", tooltip="The edited picture."),
                io.Mask.Output("mask", tooltip="The region that was edited."),
                io.Mask.Output(
                    "heat_map",
                    tooltip="How much each place would change, 0 to 1, of which the mask was made.",
                ),
            ],
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id],
            enable_expand=True,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        image: Tensor,
        source: str,
        target: str,
        seed: int,
        steps: int,
        strength: float,
        cfg: float,
        grow: int,
        source_conditioning: list[Any] | None = None,
        target_conditioning: list[Any] | None = None,
        empty_conditioning: list[Any] | None = None,
    ) -> io.NodeOutput:
        _check(model, image)
        _check_reference(source_conditioning, target_conditioning, empty_conditioning)
        given = cls.hidden.dynprompt.get_node(cls.hidden.unique_id)["inputs"]
        model_link, clip_link, vae_link, image_link = (
            given[name] for name in ("model", "clip", "vae", "image")
        )
        graph = GraphBuilder()

        def prompt(name: str, text: str) -> list[Any]:
            encoded = given.get(f"{name}_conditioning")
            if encoded:
                return encoded
            return graph.node("CLIPTextEncode", f"{name}_prompt", clip=clip_link, text=text).out(0)

        def stage(name: str, node: type[io.ComfyNode], **inputs: Any) -> Node:
            require_own(node)
            schema = node.define_schema()
            return graph.node(schema.node_id, name, **widget_defaults(schema.inputs) | inputs)

        def encode() -> list[Any]:
            if latent_dimensions(model) == 2 or len(image) == 1:
                return graph.node("VAEEncode", "encode", pixels=image_link, vae=vae_link).out(0)
            # Its VAE would take several pictures for the frames of a video.
            latents = []
            for number in range(len(image)):
                one = graph.node("ImageFromBatch", image=image_link, batch_index=number, length=1)
                latents.append(graph.node("VAEEncode", pixels=one.out(0), vae=vae_link).out(0))
            while len(latents) > 1:
                batch = graph.node("LatentBatch", samples1=latents[0], samples2=latents[1])
                latents[:2] = [batch.out(0)]
            return latents[0]

        source_prompt = prompt("source", source)
        target_prompt = prompt("target", target)
        empty_prompt = prompt("empty", "")
        latent = encode()
        found = stage(
            "find_mask",
            DiffEditMask,
            model=model_link,
            source=source_prompt,
            target=target_prompt,
            latent=latent,
            image=image_link,
            seed=seed,
        )
        heat_map = found.out(1)
        refined = stage("refine_mask", MaskRefine, mask=heat_map, image=image_link, grow=grow)
        inverted = stage(
            "invert",
            DDIMInvert,
            model=model_link,
            latent=latent,
            steps=steps,
            strength=strength,
            scheduler=scheduler(model),
        )
        if needs_prompt(model) or empty_conditioning is not None:
            inverted.set_input("conditioning", empty_prompt)
        edited = stage(
            "sample",
            MaskedDDIMSample,
            model=model_link,
            positive=target_prompt,
            negative=empty_prompt,
            latent=inverted.out(0),
            mask=refined.out(0),
            cfg=cfg,
        )
        decoded = graph.node("VAEDecode", "decode", samples=edited.out(0), vae=vae_link)
        pasted = stage(
            "paste",
            DiffEditPaste,
            original=image_link,
            edited=decoded.out(0),
            mask=refined.out(0),
        )
        return io.NodeOutput(pasted.out(0), pasted.out(1), heat_map, expand=graph.finalize())


def _check(model: Any, image: Tensor) -> None:
    """Raise ValueError for pictures that VAE Encode cannot encode, for the frames of a video, and
    for lists, which would go whole into every stage.
    """
    context = get_executing_context()
    if context and context.list_index:
        raise ValueError(
            "image: DiffEdit cannot work through a list, of pictures or of prompts; make one batch "
            "of the pictures, or run it for one prompt after the other."
        )
    check_pictures(image)
    count, height, width = image.shape[:3]
    if makes_videos(model) and count > 1:
        raise ValueError(
            "image: its pictures are the frames of a video to this model, which takes the stages "
            "instead, with DiffEdit Mask's image left open; connect one picture here."
        )
    cell = cell_size(model)
    if min(height, width) < cell:
        raise ValueError(
            f"image: it is {width}x{height} pixels, and the model works on squares of {cell}x"
            f"{cell}; use a larger picture."
        )


def _check_reference(
    source: list[Any] | None, target: list[Any] | None, empty: list[Any] | None
) -> None:
    """Raise ValueError where the picture would be inverted without the reference that it is edited
    with, which would not find back to it.
    """
    ready_made = [entry for conditioning in (source, target) for entry in conditioning or []]
    if empty is None and any(REFERENCES & options.keys() for _, options in ready_made):
        raise ValueError(
            "empty_conditioning: the other prompts carry a reference picture, so the empty one has "
            "to carry it too; encode an empty text in the same way and connect it."
        )
