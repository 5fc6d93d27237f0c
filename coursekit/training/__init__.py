"""Training loops. A loop knows the verbs of a model (`loss`, ...) and nothing else about it.

`fit`              for a model with `loss(*batch, rng=rng)`: gradient descent, step after step
`fit_contrastive`  for a Boltzmann machine with `cd_gradient`: Gibbs chains instead of a loss
`fit_adversarial`  for a game of two players: k steps of the opponent, one of the generator
`History`          what each of them returns: the losses, the learning rate, the CPU time
`Recipe`           a model, the stages of its training, and how to look at the result

The files are meant to be read. Each loop is in a file of its own. `batches.py` and `optimizers.py` hold what
it is made of (optimisers, learning-rate schedules, averaged weights). `run.py` is what surrounds every loop
(settings, device, checkpoint and resume, Ctrl-C, time budget) and has no mathematics in it; `settings.py`
says what must hold before the first step, and what a resumed run must have in common with the first part.
`distributed.py` lets several processes, started by torchrun, share the work of one run.
"""

from coursekit.training.adversarial import fit_adversarial
from coursekit.training.contrastive import fit_contrastive
from coursekit.training.fit import fit
from coursekit.training.fresh_pixels import FreshPixels
from coursekit.training.recipe import N_SHOWN, Budgets, Recipe, Settings, Stage, for_budget
from coursekit.training.run import History

__all__ = ["N_SHOWN", "Budgets", "FreshPixels", "History", "Recipe", "Settings", "Stage"]
__all__ += ["fit", "fit_adversarial", "fit_contrastive", "for_budget"]
