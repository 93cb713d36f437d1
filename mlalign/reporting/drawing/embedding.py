"""From vectors to a plane."""

import numpy as np
import pandas as pd
from jaxtyping import Float

Array = np.ndarray
Vectors = Float[Array, "rows dim"]
PERPLEXITY = 30.0


def plane(vectors: Vectors, *, seed: int, perplexity: float = PERPLEXITY) -> pd.DataFrame:
    """t-SNE of vectors of unit length, so that neighbours are neighbours by cosine.

    Van der Maaten and Hinton 2008, as scikit-learn computes it, started from the two first
    principal components; on one machine a seed always gives the same plane. Distances between far
    points mean nothing.

    Args:
        vectors: at least four, of any norm.
        seed: of t-SNE.
        perplexity: about how many neighbours count; less where there are few vectors.

    Returns:
        Columns ``x`` and ``y``.

    Raises:
        ValueError: fewer than four vectors, or one that is not finite.
    """
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import normalize

    if len(vectors) < 4 or not np.isfinite(vectors).all():
        raise ValueError(
            f"t-SNE needs at least 4 finite vectors, found {len(vectors)}, of which "
            f"{int(np.isfinite(vectors).all(axis=1).sum())} are finite"
        )
    perplexity = min(perplexity, (len(vectors) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    found = tsne.fit_transform(normalize(vectors.astype(np.float32)))
    return pd.DataFrame(found, columns=["x", "y"])
