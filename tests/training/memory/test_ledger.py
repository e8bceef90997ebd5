"""The ledger: who holds what, when most is held, and what it took to compute."""

from __future__ import annotations

import torch

from aurora_dash.training.memory.ledger import Ledger

KIB = 1024


def test_it_counts_what_is_held_and_forgets_what_is_gone() -> None:
    with Ledger(torch.device("cpu")) as ledger:
        with ledger.charged_to("first"):
            kept = torch.zeros(KIB, dtype=torch.float32)
        with ledger.charged_to("second"):
            gone = torch.zeros(3 * KIB, dtype=torch.float32)
            view = gone[:10]
            assert ledger.held("second") == 12 * KIB
            del gone
            # A view holds all of it.
            assert ledger.held("second") == 12 * KIB
            del view
        assert ledger.held("first", "second") == 4 * KIB
        assert (ledger.peak, ledger.peak_part) == (16 * KIB, "second")
        assert ledger.at_peak == {"first": 4 * KIB, "second": 12 * KIB}
        ledger.move(kept, "other")
        ledger.begin()
        assert ledger.at_peak == {"first": 0, "second": 0, "other": 4 * KIB}


def test_it_counts_operations_forward_and_backward() -> None:
    x, weight = torch.ones(5, 7), torch.ones(7, 11, requires_grad=True)
    with Ledger(torch.device("cpu")) as ledger:
        (x @ weight).sum().backward()
    # Two a product and sum; the gradient of the weights takes as many as the product itself.
    assert ledger.flops == 2 * (2 * 5 * 7 * 11)
