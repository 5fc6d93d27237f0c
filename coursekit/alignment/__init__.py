"""Lecture 18, alignment: prompting, fine-tuning, preferences, and the policy to be learned from them.

`lora` adds a thin update to a trained model, `preferences` learns a reward from comparisons, `policy` holds
the objective, its exact optimum and the steps towards it, `retrieval` reads before it answers, `experts` lets
each token use a part of the network, `arrays` refuses what does not belong together. Notebook 18_alignment.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "arrays": ["alike"],
        "experts": ["load_balance", "MixtureOfExperts"],
        "lora": ["merged", "with_lora", "LoRA"],
        "policy": [
            "advantages",
            "all_log_probs",
            "all_texts",
            "best_objective",
            "best_of_n",
            "kl_estimates",
            "objective",
            "optimal_policy",
            "ppo_loss",
        ],
        "preferences": ["bradley_terry_loss", "dpo_loss", "RewardModel"],
        "retrieval": ["mixed_answer", "retrieve"],
    },
)
