"""Checks of models."""

from __future__ import annotations

from genrebench.testing.models import answers, declared, extras, manners, saving, training

RULES = (
    *declared.RULES,
    *answers.RULES,
    *manners.RULES,
    *answers.LATER,
    *extras.RULES,
    *training.RULES,
    *saving.RULES,
)
"""In the order in which they are applied; see `Rule.needs`."""
