"""Lecture 19: one protocol for all families of the course. There is no model in it, but one long recipe.

- `protocol`: the images, the judge, the columns of the table
- `classical`, `latent`, `pixelwise`, `from_noise`: how each family is trained, by its lecture's recipe
- `mixtures`, `bounds`: mixtures, and bounds on the probability of grey levels
- `recipe`: which families take part with how many steps
- `pictures`, `explorers`: the table as ladders and planes
"""
