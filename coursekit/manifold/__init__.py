"""Manifold learning: coordinates for data that lie on a bent, low-dimensional sheet.

Every method starts from distances or from neighbours and ends, t-SNE apart, with a few eigenvectors of one
n x n matrix. `distances` has classical MDS and Isomap, which keep distances; `spectral` the local methods
(LLE, LTSA, Hessian and Laplacian eigenmaps); `diffusion` the random walk; `sensors` a map from a few
distances; `tsne` neighbours as probabilities. `graphs` builds the neighbour graph, `surfaces` the sheets
with known coordinates, and `matching` says how well a map agrees with them. Notebook: 03_manifold_learning.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "diffusion": ["DiffusionMap", "diffusion_kernel"],
        "distances": ["ClassicalMDS", "Isomap", "as_distances", "check_n_components", "double_center"],
        "graphs": [
            "geodesic_distances",
            "join_pieces",
            "neighbor_graph",
            "neighbor_lists",
            "patches",
            "squared_distances",
        ],
        "matching": [
            "affine_residual",
            "aligned",
            "procrustes_residual",
            "same_label_share",
            "with_signs_of",
        ],
        "sensors": ["Localization", "sensor_localization"],
        "spectral": [
            "LTSA",
            "HessianEigenmap",
            "LaplacianEigenmap",
            "LocallyLinearEmbedding",
            "bottom_eigenvectors",
            "extreme_eigenpairs",
            "graph_laplacian",
            "hessian_matrix",
            "lle_matrix",
            "lle_weights",
            "ltsa_matrix",
            "tangents",
        ],
        "surfaces": ["arc_length", "flat_sheet", "roll_up"],
        "tsne": ["TSNE", "conditional_probabilities", "joint_probabilities", "kl_and_gradient"],
    },
)
