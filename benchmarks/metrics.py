"""How far a mask or a picture is from the truth."""

import numpy as np
from skimage.metrics import structural_similarity


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of bool masks."""
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


def precision(mask: np.ndarray, truth: np.ndarray) -> float:
    """How much of a bool mask is true; 1 for an empty one."""
    return float((mask & truth).sum() / mask.sum()) if mask.any() else 1.0


def recall(mask: np.ndarray, truth: np.ndarray) -> float:
    """How much of the truth is in a bool mask."""
    return float((mask & truth).sum() / truth.sum())


def best_iou(values: np.ndarray, truth: np.ndarray) -> float:
    """The largest IoU that any threshold of a map can reach.

    values: any numbers, of truth's shape.
    """
    order = np.argsort(-values, axis=None, kind="stable")
    hits = np.cumsum(truth.ravel()[order])
    sizes = np.arange(1, values.size + 1)
    # A threshold takes in all places of one value or none.
    descending = values.ravel()[order]
    distinct = np.append(descending[:-1] != descending[1:], True)
    return float((hits / (sizes + truth.sum() - hits))[distinct].max())


def ssim(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """Structural similarity of uint8 pictures (H, W, 3), the mean of its map over the pixels
    `where` is True and over the channels (Wang et al., IEEE Transactions on Image Processing 2004).
    """
    paper = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, similarity = structural_similarity(a, b, channel_axis=-1, full=True, **paper)
    return float(similarity[where].mean())
