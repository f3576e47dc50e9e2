"""What a bench that goes on with the next one has to catch."""

import pytest

FAILURES = (Exception, pytest.fail.Exception)
"""The waiting of the tests gives up with an exception of pytest, which is no `Exception`."""
