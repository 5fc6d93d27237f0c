"""What teachers and authors run: notebooks, homework, decks, the site. Learners need no more than `kernel`.

- `cli`: the `coursekit` command, which puts the subjects below together
- `train`: `coursekit train`, the recipe of a lecture trained in a folder
- `notebooks`: executed notebooks from their twins (`course.py build`)
- `kernel`: what a learner's kernel says of a cell that is run out of order
- `homework`: build, prove and grade homework on top of nbgrader; `homework.island` is all that runs beside a
  submission, `homework.grading` all that judges it from outside
- `slides`: a deck for the classroom from a notebook
- `site`: the course as a web site
- `assets`: the JavaScript of decks and site, of known versions, kept for work without a network

`coursekit` never imports this package; what it needs beyond the library is the extra `tools`.
"""
