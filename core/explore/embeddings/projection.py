"""Vectors onto a plane: PCA, t-SNE and UMAP, seeded, and several layers turned onto one another. Draws nothing.

scikit-learn and umap-learn are imported when first used: together they take seconds.
"""

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from core.errors import LabError

METHODS = ("PCA", "t-SNE", "UMAP")
FEWEST = 5  # points that t-SNE and UMAP can arrange: both look at neighbours
PERPLEXITY = 30
NEIGHBOURS = 15
_REDUCED = 50  # t-SNE and UMAP start from so many principal components, as their authors advise

_umap_lock = threading.Lock()  # its compiled parts may end the whole process when two threads run them at once


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Points of a plane. `explained`: the share of the variance on each axis, for PCA; else empty."""

    points: Float64[np.ndarray, "point 2"]
    explained: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LayerMaps:
    """The same points at every layer, all in one orientation and size."""

    points: Float64[np.ndarray, "layer point 2"]
    explained: tuple[tuple[float, ...], ...]  # by layer; empty unless PCA


def project(
    vectors: Shaped[np.ndarray, "point hidden"],
    method: str,
    *,
    seed: int = 0,
    start: Float64[np.ndarray, "point 2"] | None = None,
) -> Projection:
    """Project vectors onto two axes.

    PCA as `sklearn.decomposition.PCA`. t-SNE and UMAP look at directions (vectors of length one, the 50 main axes of
    them, so that distances follow the cosine) and begin at `start`, by default at the PCA. The same seed
    gives the same map on one machine. Raises `LabError` for an unknown method and for too few points.
    """
    if method not in METHODS:
        raise LabError(f"There is no projection called “{method}”.", f"Use {', '.join(METHODS)}.")
    vectors = np.asarray(vectors, dtype=np.float64)  # single precision would show in the last digits of the shares
    if not len(vectors):
        raise LabError("There is nothing to draw.", "Type a few words.")
    if method == "PCA":
        points, explained = _pca(vectors, 2)
        return Projection(points, tuple(float(share) for share in explained))
    if len(vectors) < FEWEST:
        raise LabError(
            f"{method} needs at least {FEWEST} points, and here are {len(vectors)}.", "Add text, or choose PCA."
        )
    reduced, _ = _pca(directions(vectors), _REDUCED)
    begin = _spread(reduced[:, :2] if start is None else start, seed)
    return Projection(_tsne(reduced, begin, seed) if method == "t-SNE" else _umap(reduced, begin, seed), ())


def project_layers(
    vectors: Shaped[np.ndarray, "layer point hidden"],
    method: str,
    *,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> LayerMaps:
    """A map of each layer of some vectors, made so that points can be followed through them.

    Only directions count, as for the cosine: in upper layers a few tokens are so long that they would be the picture.
    Each layer gets its own projection: axes fitted to all layers at once would show how far layers lie apart, and
    squeeze each of them into a corner. Each map is then centred, drawn to the same size (root mean square distance 1)
    and turned or mirrored, never stretched, to lie as close as it can on the one before (`align`). t-SNE and UMAP also
    begin each layer at the map of the one before. `on_progress` gets the share of the layers that is done. Raises
    `LabError` as `project`.
    """
    maps: list[np.ndarray] = []
    explained = []
    for number, layer in enumerate(vectors):
        found = project(directions(layer), method, seed=seed, start=maps[-1] if maps else None)
        drawn = _same_size(found.points)
        maps.append(align(drawn, maps[-1]) if maps else drawn)
        explained.append(found.explained)
        if on_progress is not None:
            on_progress((number + 1) / len(vectors))
    return LayerMaps(np.stack(maps), tuple(explained))


def align(
    points: Float64[np.ndarray, "point 2"], reference: Float64[np.ndarray, "point 2"]
) -> Float64[np.ndarray, "point 2"]:
    """`points` turned and mirrored to lie closest to `reference`: orthogonal Procrustes (Schönemann 1966).

    min over R with RᵀR = I of ‖points·R − reference‖; distances between the points stay as they are.
    """
    left, _, right = np.linalg.svd(points.T @ reference)
    return points @ (left @ right)


def directions(vectors: Shaped[np.ndarray, "point hidden"]) -> Shaped[np.ndarray, "point hidden"]:
    """Vectors brought to length one, so that distances between them follow the cosine."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _same_size(points: np.ndarray) -> np.ndarray:
    centred = points - points.mean(0)
    size = np.sqrt((centred**2).sum(1).mean())
    return centred / size if size > 1e-12 else centred


def _pca(vectors: np.ndarray, axes: int) -> tuple[np.ndarray, np.ndarray]:
    """(point, axes) and the explained share of each axis; axes that the points do not have are zeros."""
    from sklearn.decomposition import PCA

    possible = min(axes, *vectors.shape)
    points, explained = np.zeros((len(vectors), max(2, possible))), np.zeros(max(2, possible))
    if np.ptp(vectors, axis=0).max(initial=0) > 0:  # else all points are one, and shares would be 0 / 0
        fitted = PCA(possible, svd_solver="full" if vectors.size < 500_000 else "covariance_eigh")
        points[:, :possible] = fitted.fit_transform(vectors)
        explained[:possible] = fitted.explained_variance_ratio_
    return points, explained


def _spread(points: np.ndarray, seed: int) -> np.ndarray:
    """A start with a standard deviation of one, from which points that lie on one another can part."""
    noise = np.random.default_rng(seed).normal(size=points.shape)
    centred = points - points.mean(0)
    size = centred.std()
    return (centred / size if size > 1e-12 else centred) + 1e-3 * noise


def _tsne(vectors: np.ndarray, begin: np.ndarray, seed: int) -> np.ndarray:
    """t-SNE (van der Maaten & Hinton 2008) from a small start, as scikit-learn's own."""
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    start: Any = (begin * 1e-4).astype(np.float32)  # without stubs, `init` is taken to be a name only
    fitted = TSNE(2, perplexity=perplexity, init=start, random_state=seed)
    return np.asarray(fitted.fit_transform(vectors.astype(np.float32)), np.float64)


def _umap(vectors: np.ndarray, begin: np.ndarray, seed: int) -> np.ndarray:
    """UMAP (McInnes et al. 2018). On one core, as a seed demands."""
    with _umap_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # it looks for a library that it can do without
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        from umap import UMAP

        start: Any = (begin * 5).astype(np.float32)
        fitted = UMAP(n_neighbors=min(NEIGHBOURS, len(vectors) - 1), init=start, random_state=seed, n_jobs=1)
        found: Any = fitted.fit_transform(vectors.astype(np.float32))
        return np.asarray(found, np.float64)
