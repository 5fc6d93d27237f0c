"""How the search cuts text into words: American and British spelling are one, `k-means` is one word.

The same rules run over the pages when the index is made, and over what a reader types.
"""

import json
import re

from sphinx.search.en import SearchEnglish

# Pattern -> replacement, in the regular expressions that Python and JavaScript share; in this order.
RULES = [
    (r"reparameter", "reparametr"),
    (r"(reparametri[a-z]*) trick", r"\1"),
    (r"([a-z]{3})is(ations?|ed?|es|ers?|ing)\b", r"\1iz\2"),
    (r"([a-z])yse(d|s)?\b", r"\1yze\2"),
    (r"colour", "color"),
    (r"neighbour", "neighbor"),
    (r"([a-z])ll(ed|ing)\b", r"\1l\2"),
    (r"variational auto-?encoders?", "vae"),
    (r"generative adversarial (networks?|nets?)", "gan"),
    (r"diffusion models?", "ddpm diffusion"),
    (r"self-attention", "attention"),
    (r"embeddings of words", "word vectors"),
]
JOINED = r"(\w)-(?=\w)"


def normal(text):
    """Text in small letters, by the rules."""
    text = text.lower()
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return text


IN_JAVASCRIPT = json.dumps([(pattern, re.sub(r".(?=[12])", "$", text)) for pattern, text in RULES])


class CourseEnglish(SearchEnglish):
    """Sphinx's English with these rules."""

    js_splitter_code = (
        "var splitQuery = (query) => {\n"
        "  query = query.toLowerCase();\n"
        f"  for (const [pattern, text] of {IN_JAVASCRIPT})\n"
        '    query = query.replace(new RegExp(pattern, "g"), text);\n'
        f'  return query.replace(/{JOINED}/gu, "$1").split(/[^\\p{{Letter}}\\p{{Number}}_]+/gu)'
        ".filter((word) => word);\n"
        "};\n"
    )

    def split(self, input):
        """The words of a text; one with hyphens is there as a whole and in its parts."""
        text = normal(input)
        whole = [word.replace("-", "") for word in re.findall(r"\w+(?:-\w+)+", text)]
        return super().split(text) + whole
