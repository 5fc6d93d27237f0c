"""Lecture 07, transformers: attention, GPT and BERT, byte pairs, and the n-grams that must be beaten.

`blocks` holds attention and the block that is repeated, `gpt` the model that reads from left to right, `bert`
the one that looks both ways, `byte_pairs` a vocabulary between letters and words, `kneser_ney` n-grams.
Notebook 07_transformers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "blocks": [
            "as_tokens",
            "attention",
            "attention_weights",
            "causal_mask",
            "small_start",
            "Block",
            "SelfAttention",
        ],
        "bert": ["BERT", "TextClassifier"],
        "byte_pairs": ["merge", "BytePairs"],
        "gpt": ["GPT"],
        "kneser_ney": ["KneserNey"],
    },
)
