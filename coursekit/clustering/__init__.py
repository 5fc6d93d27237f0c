"""Lecture 02, clustering: K-means half step by half step (`kmeans`), trees of merges (`agglomerative`)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "kmeans": ["nearest_center", "random_partition", "k_means_plus_plus", "KMeans"],
        "agglomerative": [
            "squared_distances",
            "lance_williams",
            "nearest_neighbour_chain",
            "minimum_spanning_tree",
            "closest_pairs",
            "linkage",
            "cut",
            "finite",
            "power_of_two",
            "AgglomerativeClustering",
        ],
    },
)
