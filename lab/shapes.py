"""Signed distance functions of the things that stand on the demo's table.

Each shape stands on the plane y = 0 around the y axis, about 1.5 units high and wide (fruit: around
the origin, smaller), and maps points (N, 3) to distances (N,). A distance may fall short of the
true one but never exceed it by much: the ray marcher relies on that.
"""

from __future__ import annotations

import numpy as np


def _radius(p: np.ndarray) -> np.ndarray:
    return np.sqrt(p[:, 0] ** 2 + p[:, 2] ** 2)


def sphere(p: np.ndarray, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    x, y, z = p[:, 0] - centre[0], p[:, 1] - centre[1], p[:, 2] - centre[2]
    return np.sqrt(x * x + y * y + z * z) - radius


def ball(p: np.ndarray) -> np.ndarray:
    return sphere(p, (0, 0.74, 0), 0.74)


def block(p: np.ndarray) -> np.ndarray:
    rounding = 0.07
    q = np.abs(p - np.float32((0, 0.6, 0))) - (0.6 - rounding)
    outside = np.sqrt((np.maximum(q, 0) ** 2).sum(1))
    return outside + np.minimum(q.max(1), 0) - rounding


def cone(p: np.ndarray) -> np.ndarray:
    height, base, rounding = 1.62, 0.72, 0.05
    slope = base / height
    side = (_radius(p) - slope * (height - p[:, 1])) / np.sqrt(1 + slope**2)
    return np.maximum(side, rounding - p[:, 1]) - rounding


def cup(p: np.ndarray) -> np.ndarray:
    height, wall = 1.3, 0.07
    r, y = _radius(p), p[:, 1]
    outer = 0.52 + 0.14 * y / height
    side = np.maximum((r - outer) * 0.99, np.abs(y - height / 2) - height / 2)
    hollow = np.maximum((r - outer + wall) * 0.99, wall - y)
    handle_ring = np.sqrt((p[:, 0] - 0.64) ** 2 + (y - 0.68) ** 2) - 0.32
    handle = np.sqrt(handle_ring**2 + p[:, 2] ** 2) - 0.075
    return np.maximum(np.minimum(side, handle), -hollow)


def vase(p: np.ndarray) -> np.ndarray:
    height = 1.72
    r, y = _radius(p), p[:, 1]
    t = np.clip(y / height, 0, 1)
    outer = (
        0.30
        + 0.36 * np.maximum(np.sin(np.pi * np.minimum(t * 1.35, 1)), 0) ** 1.2
        + 0.16 * np.maximum(t - 0.7, 0)
    )
    side = np.maximum((r - outer) * 0.6, np.abs(y - height / 2) - height / 2)
    hollow = np.maximum((r - outer + 0.06) * 0.6, 1.2 - y)
    return np.maximum(side, -hollow)


def bowl(p: np.ndarray) -> np.ndarray:
    radius, rim = 0.92, 0.75
    shell = np.abs(sphere(p, (0, 0.87, 0), radius)) - 0.045
    foot = np.maximum(_radius(p) - 0.4, np.abs(p[:, 1] - 0.05) - 0.05)
    return np.minimum(np.maximum(shell, p[:, 1] - rim), foot)


def apple(p: np.ndarray) -> np.ndarray:
    dimple = 0.10 * np.exp(-((_radius(p) / 0.11) ** 2)) * (p[:, 1] > 0)
    stem = np.maximum(_radius(p) - 0.025, np.abs(p[:, 1] - 0.3) - 0.12)
    return np.minimum((sphere(p, (0, 0, 0), 0.34) + dimple) * 0.8, stem)


def orange(p: np.ndarray) -> np.ndarray:
    return sphere(p, (0, 0, 0), 0.36)


def lemon(p: np.ndarray) -> np.ndarray:
    tips = 0.42 - 0.9 * np.minimum(_radius(p[:, [1, 0, 2]]), 0.3)
    body = np.sqrt((p[:, 0] * 0.72) ** 2 + p[:, 1] ** 2 + p[:, 2] ** 2) - 0.27
    point = np.maximum(np.abs(p[:, 0]) - np.maximum(tips, 0), _radius(p[:, [1, 0, 2]]) - 0.2)
    return np.minimum(body, point) * 0.75


def pear(p: np.ndarray) -> np.ndarray:
    body, neck = sphere(p, (0, -0.04, 0), 0.32), sphere(p, (0, 0.32, 0), 0.17)
    blend = np.clip(0.5 + 0.5 * (neck - body) / 0.22, 0, 1)
    smooth = neck * (1 - blend) + body * blend - 0.22 * blend * (1 - blend)
    stem = np.maximum(_radius(p) - 0.025, np.abs(p[:, 1] - 0.55) - 0.12)
    return np.minimum(smooth * 0.9, stem)


def plum(p: np.ndarray) -> np.ndarray:
    return sphere(p, (0, 0, 0), 0.27)
