"""Tables that lie in the repository: states, cities, moods, lecturers."""

import csv

import numpy as np

from coursekit.data.dataset import Dataset, embedded


def usarrests():
    """The 50 states of the USA in 1973; x (50, 4) float64, no labels, rows named by state.

    Murder, Assault, Rape: arrests per 100 000 residents. UrbanPop: per cent of people living in towns.
    """
    with open(embedded("USArrests.csv"), newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return Dataset(
        x=np.array([row[1:] for row in rows], dtype=np.float64),
        row_names=tuple(row[0] for row in rows),
        feature_names=tuple(header[1:]),
        source="R's package datasets, USArrests, after McNeil (1977), Interactive Data Analysis",
        licence="GPL-2 or GPL-3, as part of R",
    )
