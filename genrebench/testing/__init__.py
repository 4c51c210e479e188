"""The conformance kit for authors of plugins: checks of what they offer, on tiny made examples.

In a plugin's tests, one line gives a test for each check::

    from genrebench.testing import conformance_tests
    from genrebench_my_model import genrebench_models

    test_contract = conformance_tests(genrebench_models()[0], epochs=1)

The same checks run as ``genrebench plugins check NAME``.
"""

from genrebench.plugin.lazy import ListInputs
from genrebench.testing.check import Check
from genrebench.testing.conformance import assert_conforms, conformance
from genrebench.testing.examples import GENRES, tiny_examples
from genrebench.testing.tests import conformance_tests

__all__ = ["GENRES", "Check", "ListInputs", "assert_conforms", "conformance", "conformance_tests", "tiny_examples"]
