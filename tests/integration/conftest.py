"""What several modules of integration tests share."""

from collections.abc import Iterator

import pytest

from tests.support.standing_site import Standing, standing_site


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """One site for all tests of the local substrate, since standing up takes longer than looking at it."""
    with standing_site(tmp_path_factory.mktemp("workspace")) as standing:
        yield standing
