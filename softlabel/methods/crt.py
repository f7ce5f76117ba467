"""Classifier re-training, cRT (Kang et al., ICLR 2020, section 4.2)."""

from __future__ import annotations

from softlabel.methods.base.decoupled import Decoupled, linear_head


class ClassifierRetraining(Decoupled):
    """A new head is trained on the frozen backbone with class-balanced sampling."""

    needs_one_class = True

    def begin_classifier(self) -> None:
        linear_head(self.network, "crt").reset_parameters()
