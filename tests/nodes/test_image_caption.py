"""Image Caption against transformers' own BLIP on the same folder."""

import pytest
import torch
from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

from tests.language_models import save_blip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_blip(tmp_path_factory.mktemp("models") / "blip")


@pytest.fixture
def caption(nodes, folder, monkeypatch):
    """The node's captions of a batch."""
    import folder_paths

    places = ([str(folder.parent)], set())
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "LLM", places)
    (loaded,) = nodes.DiffEditCaptionModelLoader.execute("blip").result

    def run(image: torch.Tensor, prefix: str = "", max_tokens: int = 8) -> list[str]:
        output = nodes.DiffEditImageCaption.execute(
            caption_model=loaded, image=image, prefix=prefix, max_tokens=max_tokens
        )
        captions = output.result[0]
        assert output.ui == {"text": captions, "diffedit_text": ["\n".join(captions)]}
        return captions

    return run


def pictures(count: int, height: int = 40, width: int = 56, channels: int = 3) -> torch.Tensor:
    """Pictures of 8-bit values, from dark to light, so that their captions differ."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(count, height, width, channels, generator=generator)
    lightness = torch.linspace(0.2, 1, count)[:, None, None, None]
    return (noise * lightness * 255).round() / 255


@pytest.mark.parametrize("prefix", ["", "a photograph of"])
def test_captions_are_those_of_transformers(caption, folder, prefix):
    processor = BlipProcessor.from_pretrained(folder)
    network = BlipForConditionalGeneration.from_pretrained(folder)
    images = pictures(3)
    expected = []
    for pixels in images:
        picture = Image.fromarray((pixels * 255).round().byte().numpy())
        inputs = processor(picture, *([prefix] if prefix else []), return_tensors="pt")
        written = network.generate(**inputs, max_new_tokens=8)
        expected.append(processor.decode(written[0], skip_special_tokens=True))
    found = caption(images, prefix)
    assert found == expected
    assert len(set(found)) == 3
    assert all(text.startswith(prefix) for text in found)


def test_a_caption_does_not_depend_on_the_batch(caption):
    images = pictures(5)
    assert caption(images) == [caption(image[None])[0] for image in images]


def test_transparency_is_left_out(caption):
    with_alpha = pictures(2, channels=4)
    assert caption(with_alpha) == caption(with_alpha[..., :3])


@pytest.mark.parametrize(
    ("height", "width"), [(16, 16), (1, 1), (1, 7), (2, 7), (3, 7), (7, 3), (8, 3000), (2000, 8)]
)
def test_any_size_will_do(caption, height, width):
    (found,) = caption(pictures(1, height, width))
    assert found


def test_many_pictures(caption):
    assert len(caption(pictures(64, 16, 16), max_tokens=2)) == 64


@pytest.mark.parametrize("prefix", ["🍎", "صورة", "A  Photograph of\n"])
def test_any_script_will_do(caption, prefix):
    assert caption(pictures(1), prefix)


@pytest.mark.parametrize(
    ("image", "prefix", "said"),
    [
        (torch.zeros(0, 16, 16, 3), "", r"^image: there is no picture .*\.$"),
        (torch.full((1, 16, 16, 3), torch.nan), "", r"^image: .*NaN.*\.$"),
        (torch.zeros(1, 16, 16, 3), "bowl " * 5000, r"^prefix: it is 5002 tokens .* 64; .*\.$"),
    ],
)
def test_bad_input_is_one_sentence(caption, image, prefix, said):
    with pytest.raises(ValueError, match=said):
        caption(image, prefix)


def test_cancel_ends_it(caption):
    import comfy.model_management as management

    management.interrupt_current_processing()
    with pytest.raises(management.InterruptProcessingException):
        caption(pictures(2))
