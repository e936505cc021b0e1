"""One campaign per transport for all tests of this folder."""

import pytest

from tests.journeys.kept import Kept, run_and_keep


@pytest.fixture(scope="package")
def on_log(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The tiny campaign on the `log` transport."""
    return run_and_keep(tmp_path_factory.mktemp("log"), "log")


@pytest.fixture(scope="package")
def on_kafka(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The same on `kafka`."""
    return run_and_keep(tmp_path_factory.mktemp("kafka"), "kafka")
