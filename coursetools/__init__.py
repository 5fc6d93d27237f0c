"""What teachers and authors run: notebooks, homework, decks, the site. Learners never need it.

- `cli`: the `coursekit` command, which puts the subjects below together
- `train`: `coursekit train`, the recipe of a lecture trained in a folder
- `notebooks`: executed notebooks from their twins (`course.py build`)
- `homework`: build, prove and grade homework on top of nbgrader; `homework.island` is all that runs beside a
  submission, `homework.grading` all that judges it from outside
- `slides`: a deck for the classroom from a notebook
- `site`: the course as a web site
- `assets`: the JavaScript of decks and site, of known versions, kept for work without a network

`coursekit` never imports this package; what it needs beyond the library is the extra `tools`.
"""
