"""Image Caption: what each picture shows, in words."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from .adapter.inputs import checked
from .adapter.node_text import text_ui
from .adapter.pictures import pictures
from .caption_model_loader import CAPTION_MODEL
from .language_models.lazy import imported


class DiffEditImageCaption(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditImageCaption",
            display_name="Image Caption",
            category="DiffEdit",
            description="Says in words what each picture shows: the source prompt, which you then "
            "change into the target prompt.",
            search_aliases=[
                *("diffedit", "blip", "describe", "image to text", "image to prompt"),
                *("interrogate", "caption"),
            ],
            inputs=[
                CAPTION_MODEL.Input(
                    "caption_model", tooltip="Looks at the pictures. From Load Caption Model."
                ),
                io.Image.Input("image", tooltip="The picture; several at once get a caption each."),
                io.String.Input(
                    "prefix",
                    default="",
                    tooltip="How the captions are to begin, for example: a photograph of. Empty "
                    "leaves it to the model.",
                ),
                io.Int.Input(
                    "max_tokens",
                    default=40,
                    min=1,
                    max=256,
                    tooltip="Where to cut off a caption that does not end by itself; a token is "
                    "about three quarters of a word.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "captions",
                    is_output_list=True,
                    tooltip="A caption for each picture, in their order.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(
        cls, caption_model: Any, image: Tensor, prefix: str, max_tokens: int
    ) -> io.NodeOutput:
        images = pictures(image, len(image), image.shape[1:3])
        captions = imported("captioning").captions
        found = captions(caption_model, images, prefix=prefix.strip(), max_tokens=max_tokens)
        return io.NodeOutput(found, ui={"text": found, **text_ui("\n".join(found))})
