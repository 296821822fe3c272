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

from ..diffedit_core.window import is_much_larger, working_size
from .adapter.inputs import checked
from .adapter.model_facts import (
    cell_size,
    latent_dimensions,
    liked_size,
    makes_videos,
    needs_prompt,
    scheduler,
    size_multiple,
)
from .adapter.node_registry import require_own
from .ddim_invert import DDIMInvert
from .diffedit_mask import DiffEditMask
from .edit_window import DiffEditWindow
from .mask_refine import MaskRefine
from .masked_ddim_sample import MaskedDDIMSample
from .paste_edit import DiffEditPaste
from .widgets.defaults import widget_defaults
from .widgets.sampling import cfg_input, seed_input

REFERENCES = {"reference_latents", "concat_latent_image"}
"""What in a CONDITIONING a model of edits looks at."""

OF_ONE_PICTURE = REFERENCES | {"area", "mask", "control", "gligen", "concat_mask"}
"""What in a CONDITIONING lies over a picture, place by place."""


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
            search_aliases=[
                *("edit image", "edit picture", "edit photo", "edit by text", "instruct"),
                *("prompt to prompt", "change object", "replace object", "swap object", "swap"),
                *("replace", "recolor", "inpaint"),
            ],
            inputs=[
                io.Model.Input("model", tooltip="The model that makes the edit."),
                io.Clip.Input("clip", tooltip="The text encoder that was loaded with the model."),
                io.Vae.Input("vae", tooltip="The VAE that was loaded with the model."),
                io.Image.Input(
                    "image",
                    tooltip="The picture to edit, of any size, or a batch of pictures for the "
                    "same edit. One larger than the model likes is edited in a window around the "
                    "region.",
                ),
                io.String.Input(
                    "source",
                    multiline=True,
                    placeholder="source: what the picture shows now",
                    dynamic_prompts=True,
                    tooltip="What the picture shows now. A full caption finds the region better "
                    "than a word.",
                ),
                io.String.Input(
                    "target",
                    multiline=True,
                    placeholder="target: what it should show",
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
                    default=20,
                    min=1,
                    max=1000,
                    tooltip="Steps of the whole schedule from pure noise to picture; strength says "
                    "how many of them to take. More are slower and more exact. Good: 10 to 50.",
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
                    tooltip="Widen the found region by this many pixels, at the size that the "
                    "model works at, where the new thing needs more room or a rim of the old one "
                    "stays; below 0, shrink it. Good: 0 to 16.",
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
                    tooltip="How much each place of the whole picture would change, 0 to 1.",
                ),
            ],
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id],
            enable_expand=True,
        )

    @classmethod
    @checked
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
        links = cls.hidden.dynprompt.get_node(cls.hidden.unique_id)["inputs"]
        stages = _Stages(model, len(image), links)
        model_link, image_link = links["model"], links["image"]
        if image.shape[-1] == 1:
            image_link = stages.coloured(image_link)
        source_prompt = stages.prompt("source", source)
        target_prompt = stages.prompt("target", target)
        empty_prompt = stages.prompt("empty", "")

        def find(name: str, pictures: Link, latent: Link) -> Link:
            inputs = {"source": source_prompt, "target": target_prompt, "latent": latent}
            found = stages.add(
                DiffEditMask, name, model=model_link, image=pictures, seed=seed, **inputs
            )
            return found.out(1)

        size, liked = (image.shape[1], image.shape[2]), liked_size(model)
        if is_much_larger(size, liked) and not _over_one_picture(
            source_conditioning, target_conditioning, empty_conditioning
        ):
            small = working_size(size, liked, size_multiple(model))
            shrunk = stages.resized("shrink", image_link, "area", small)
            region = find("find_region", shrunk, stages.encoded("encode_shrunk", shrunk))
            window = stages.add(
                DiffEditWindow, "window", model=model_link, image=image_link, mask=region
            )
            pictures, same_region, place, nearly_whole = (window.out(i) for i in range(4))
            latent = stages.encoded("encode", pictures)
            found = find("find_mask", pictures, latent)
            # Lazy: where the window is nearly all of the picture, nothing is looked for again.
            heat_map = stages.choice("heat_map", nearly_whole, same_region, found)
            into = {"window": place}
            shown = stages.resized_mask("region", region, size)
        else:
            pictures = image_link
            latent = stages.encoded("encode", pictures)
            shown = heat_map = find("find_mask", pictures, latent)
            into = {"original": image_link}
        mask = stages.add(MaskRefine, "refine_mask", mask=heat_map, image=pictures, grow=grow)
        inversion = {"latent": latent, "steps": steps, "strength": strength}
        if needs_prompt(model) or empty_conditioning is not None:
            inversion["conditioning"] = empty_prompt
        inverted = stages.add(
            DDIMInvert, "invert", model=model_link, scheduler=scheduler(model), **inversion
        )
        sampling = {"positive": target_prompt, "negative": empty_prompt, "cfg": cfg}
        edited = stages.add(
            MaskedDDIMSample,
            "sample",
            model=model_link,
            latent=inverted.out(0),
            mask=mask.out(0),
            **sampling,
        )
        decoded = stages.decoded("decode", edited.out(0))
        pasted = stages.add(DiffEditPaste, "paste", edited=decoded, mask=mask.out(0), **into)
        return io.NodeOutput(pasted.out(0), pasted.out(1), shown, expand=stages.graph.finalize())


Link = list[Any]
"""A node's id and the number of its output."""


class _Stages:
    """The graph that DiffEdit expands into.

    links: what DiffEdit's own inputs are connected to.
    """

    def __init__(self, model: Any, count: int, links: dict[str, Any]) -> None:
        self.links = links
        self.graph = GraphBuilder()
        # A VAE of videos would take several pictures for the frames of one.
        self.one_by_one = count if latent_dimensions(model) == 3 and count > 1 else 0

    def add(self, node: type[io.ComfyNode], name: str, **inputs: Any) -> Node:
        """One of the pack's own nodes; widgets that are not given have their defaults."""
        require_own(node)
        schema = node.define_schema()
        return self.graph.node(schema.node_id, name, **widget_defaults(schema.inputs) | inputs)

    def prompt(self, name: str, text: str) -> Link:
        """The ready-made conditioning of that name, or else the text."""
        encoded = self.links.get(f"{name}_conditioning")
        if encoded:
            return encoded
        inputs = {"clip": self.links["clip"], "text": text}
        return self.graph.node("CLIPTextEncode", f"{name}_prompt", **inputs).out(0)

    def coloured(self, grey: Link) -> Link:
        """Pictures of one channel as RGB, which VAE Encode needs."""
        mask = self.graph.node("ImageToMask", "grey", image=grey, channel="red").out(0)
        return self.graph.node("MaskToImage", "coloured", mask=mask).out(0)

    def encoded(self, name: str, pictures: Link) -> Link:
        vae = self.links["vae"]
        if not self.one_by_one:
            return self.graph.node("VAEEncode", name, pixels=pictures, vae=vae).out(0)
        latents = []
        for number in range(self.one_by_one):
            one = self.graph.node("ImageFromBatch", image=pictures, batch_index=number, length=1)
            latents.append(self.graph.node("VAEEncode", pixels=one.out(0), vae=vae).out(0))
        while len(latents) > 1:
            batch = self.graph.node("LatentBatch", samples1=latents[0], samples2=latents[1])
            latents[:2] = [batch.out(0)]
        return latents[0]

    def decoded(self, name: str, latent: Link) -> Link:
        return self.graph.node("VAEDecode", name, samples=latent, vae=self.links["vae"]).out(0)

    def resized(self, name: str, pictures: Link, method: str, size: tuple[int, int]) -> Link:
        inputs = {"upscale_method": method, "height": size[0], "width": size[1]}
        return self.graph.node("ImageScale", name, image=pictures, crop="disabled", **inputs).out(0)

    def resized_mask(self, name: str, mask: Link, size: tuple[int, int]) -> Link:
        picture = self.graph.node("MaskToImage", f"{name}_picture", mask=mask).out(0)
        large = self.resized(f"enlarge_{name}", picture, "bilinear", size)
        return self.graph.node("ImageToMask", name, image=large, channel="red").out(0)

    def choice(self, name: str, switch: Link, on_true: Link, on_false: Link) -> Link:
        """One of the two; only that one is worked out."""
        inputs = {"switch": switch, "on_true": on_true, "on_false": on_false}
        return self.graph.node("ComfySwitchNode", name, **inputs).out(0)


def _over_one_picture(*conditionings: list[Any] | None) -> bool:
    """Whether one of the ready-made conditionings holds what belongs to the whole picture, such as
    a reference or a region, and would be wrong in a window of it.
    """
    entries = [entry for conditioning in conditionings for entry in conditioning or []]
    return any(OF_ONE_PICTURE & options.keys() for _, options in entries)


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
