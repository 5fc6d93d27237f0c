"""Retrieval: look it up first, and then answer.

A model that has a library does not need to know everything. A question fetches the documents that fit it
best, and the answer is given for each of them and mixed. If every document were read, that would be the law
of total probability; reading only the best k leaves out those that hardly matter, if the search is good.

    p(answer | question) = sum over documents z of  p(z | question) p(answer | question, z)
    search: the k documents with the largest  query . document

Source: Lewis et al. 2020, section 2.1 (RAG-sequence). Notebook 18_alignment.
"""

import torch
from torch import Tensor

from coursekit.alignment.arrays import alike
from coursekit.inputs import as_input, as_tensor, positive_int


def retrieve(query: Tensor, documents: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k documents that fit each query best: their numbers (n, k), best first, and scores (n, k).

    >>> retrieve(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]]), 2)[0]
    tensor([[1, 2]])

    Args:
        query: vectors (n, d).
        documents: vectors (m, d); the score is the inner product.
        k: how many, at most m.

    Raises:
        ValueError: vectors of another width, NaN, or a k that is too large.
    """
    documents = as_tensor(documents, "documents")
    if documents.ndim != 2 or len(documents) == 0:
        raise ValueError(f"documents must be (m, d), a vector per document, got {tuple(documents.shape)}")
    documents = documents if documents.is_floating_point() else documents.double()
    documents = as_input(documents, documents.shape[1], like=documents, name="documents")
    query = as_input(query, documents.shape[1], like=documents, name="query")
    positive_int(k, "k", high=len(documents))
    scores, numbers = torch.topk(query @ documents.T, k, dim=1)
    return numbers, scores


def mixed_answer(log_weight: Tensor, log_answer: Tensor) -> Tensor:
    """log of the sum over documents of p(z | question) p(answer | question, z), (n,).

    Args:
        log_weight: (n, k), of the documents that were read, up to a constant per row: they are normalised.
            -inf for a document that is out of the question.
        log_answer: log p(answer | question, z), (n, k).

    Raises:
        ValueError: shapes that differ, NaN, or a question whose documents are all out of it.
    """
    pair = {"log_weight": log_weight, "log_answer": log_answer}
    log_weight, log_answer = alike("n, k", "a row per question, a column per document", **pair)
    if bool(log_weight.isneginf().all(1).any()):
        raise ValueError("log_weight has a row of -inf: a question needs a document of positive weight")
    return (log_weight.log_softmax(-1) + log_answer).logsumexp(-1)
