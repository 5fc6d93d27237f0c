"""Homework: written once with its solution, released without it, judged where a submission cannot reach.

A homework is one twin, `notebooks/homework/source/hwNN_name/hwNN_name.py`, in the same percent format as a
notebook. Its cells carry a role:

- `# %% role="solution" exercise="whiten"`: the learner's cell; what stands between `### BEGIN SOLUTION` and
  `### END SOLUTION` is taken out of the release;
- `# %% role="test" exercise="whiten" points=3`: visible checks that answer at once with a helpful sentence,
  and, between `### BEGIN HIDDEN TESTS` and `### END HIDDEN TESTS`, a list `probes` of `Probe`s (and
  `Visible`s: the calls of the visible checks), which the release does not hold and which alone decide about
  the points;
- `# %% [markdown] role="manual" exercise="biplot" points=4`: an answer in words, graded by a person;
  model answer and rubric stand between the solution marks.

`probes` says what a probe is and judges its value, `build` makes nbgrader's notebooks out of a twin, `proof`
is the two-sided proof that the solution passes, the blank fails, and every planted mistake is caught.
"""

from coursetools.homework.island.probes import Probe, Visible

__all__ = ["Probe", "Visible"]
