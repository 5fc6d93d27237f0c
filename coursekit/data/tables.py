"""Tables in the repository: states, cities, moods, lecturers. data/README.md tells where each comes from."""

import csv
import lzma

import numpy as np

from coursekit.data.dataset import Dataset, embedded


def usarrests() -> Dataset:
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


def eurodist() -> Dataset:
    """Road distances between 21 cities of Europe; x (21, 21) float64, km, symmetric, named by city.

    The table is no metric: from Marseilles to Athens it says 2865 km, and by way of Rome 1828.
    """
    return _distances(
        "eurodist.csv",
        source="R's package datasets, eurodist, after The Cambridge Encyclopaedia (1990)",
    )


def us_cities() -> Dataset:
    """Distances by air between 10 cities of the USA; x (10, 10) float64, miles, symmetric."""
    return _distances("UScitiesD.csv", source="R's package datasets, UScitiesD")


def moods() -> Dataset:
    """How 3893 people say that they feel just now; x (3893, 75) float64 from 0 to 3, NaN where nobody asked.

    One column for each mood word, 0 "not at all" to 3 "very much". Different studies asked for different
    words, so 5.5 % of the answers are missing; three people who answered nothing are left out.
    """
    with lzma.open(embedded("msq.csv.xz"), "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    x = np.array([[float(value or "nan") for value in row] for row in rows])
    return Dataset(
        x=x[~np.isnan(x).all(axis=1)],
        feature_names=tuple(word.replace(".", " ") for word in header),
        value_range=(0.0, 3.0),
        source="R's package psychTools, msq (Motivational State Questionnaire), Revelle & Anderson (1998)",
        licence="GPL-2 or later, as part of psychTools",
    )


def lecturers() -> Dataset:
    """Students of ETH Zurich rate their lecturers; x (73421, 3) int64, one rating a row.

    Columns: student 0 to 2971, lecturer 0 to 1127, rating 1 to 5. No pair appears twice, and 2.2 % of all
    pairs appear. `student, lecturer, rating = lecturers().x.T` is all it takes to fill a matrix.
    """
    with lzma.open(embedded("InstEval.csv.xz"), "rt", encoding="utf-8") as file:
        student, lecturer, rating = np.loadtxt(file, delimiter=",", skiprows=1, dtype=np.int64).T
    # R numbers from 1, and lecturers with gaps.
    students, lecturers = (np.unique(who, return_inverse=True)[1] for who in (student, lecturer))
    return Dataset(
        x=np.stack([students, lecturers, rating], axis=1),
        feature_names=("student", "lecturer", "rating"),
        source="R's package lme4, InstEval: ETH Zurich, anonymised and slightly simplified",
        licence="GPL-2 or later, as part of lme4",
    )


def _distances(name, source):
    with open(embedded(name), newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    cities = tuple(SPACED.get(city, city) for city in header[1:])
    return Dataset(
        x=np.array([row[1:] for row in rows], dtype=np.float64),
        row_names=cities,
        feature_names=cities,
        source=source,
        licence="GPL-2 or GPL-3, as part of R",
    )


# Names as people write them; R writes a name as it writes a variable.
SPACED = {
    "LosAngeles": "Los Angeles",
    "NewYork": "New York",
    "SanFrancisco": "San Francisco",
    "Washington.DC": "Washington DC",
}
