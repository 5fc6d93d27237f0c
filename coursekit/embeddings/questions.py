"""Words with known relations, to ask vectors about: groups of words that belong together, and analogies.

Written down from the words that occur at least twenty times in Jane Austen's novels, before any vector was
trained; rarer words of the same kinds are missing for that reason alone. Notebook: 05_word_vectors.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUPS = {
    "numbers": "two three four five six seven eight nine ten twelve fifteen twenty thirty forty fifty",
    "times": "day days week weeks month months year years hour hours minute minutes fortnight twelvemonth",
    "family": "mother father sister brother daughter son uncle aunt niece nephew cousin husband wife",
    "parts of the body": "eyes hand hands head face heart hair arm cheeks lips ear tears",
    "house and garden": "room house parlour garden stairs door window hall gallery library staircase drawing",
    "travel": "carriage horses coach chaise barouche curricle road journey miles travelling",
    "fear and grief": "pain sorrow grief misery distress terror horror despair agony fears",
    "seasons": "spring summer autumn winter september november christmas monday saturday sunday tuesday",
    "saying": "said cried replied exclaimed answered asked added told continued repeated",
}

KINDS = {
    "gender": "he she|him her|himself herself|man woman|men women|father mother|brother sister|son daughter"
    "|uncle aunt|nephew niece|husband wife|gentleman lady|gentlemen ladies|boy girl|boys girls|mr mrs"
    "|sir madam",
    "tense": "walk walked|look looked|talk talked|wish wished|hope hoped|call called|seem seemed|leave left"
    "|come came|go went|see saw|give gave|take took|know knew|think thought|speak spoke|begin began|tell told"
    "|write wrote|find found|feel felt|make made",
    "plural": "day days|year years|hour hours|week weeks|month months|minute minutes|mile miles"
    "|friend friends|sister sisters|brother brothers|daughter daughters|letter letters|room rooms"
    "|house houses|eye eyes|hand hands|word words|thing things"
    "|party parties|lady ladies|feeling feelings|horse horses",
}


def grouped_words(vocabulary: Any) -> tuple[NDArray, NDArray]:
    """Numbers (n,) of the words in `GROUPS` that the vocabulary has, and the group of each (n,), from 0."""
    found = [
        (word, group)
        for group, words in enumerate(GROUPS.values())
        for word in words.split()
        if word in vocabulary
    ]
    words, groups = zip(*found, strict=True)
    return vocabulary.ids(words), np.array(groups)


def analogy_pairs(vocabulary: Any) -> dict[str, NDArray]:
    """For each kind in `KINDS` the pairs (n_pairs, 2), as numbers, of which the vocabulary has both words."""
    kinds = {}
    for kind, pairs in KINDS.items():
        pairs = [pair.split() for pair in pairs.split("|")]
        kinds[kind] = np.array([vocabulary.ids(pair) for pair in pairs if all(w in vocabulary for w in pair)])
    return kinds
