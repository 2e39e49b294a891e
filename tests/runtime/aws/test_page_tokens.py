from __future__ import annotations

import pytest

from stepwell.functions.errors.step_functions import InvalidToken
from stepwell.runtime.aws.page_tokens import GOOD_FOR_MS, SKEW_MS, seal, unseal

NOW_MS = 1_800_000_000_000
GIVEN = {"maxResults": 2}


def opened(now_ms: int) -> object:
    token = seal("ListActivities", GIVEN, "dig", NOW_MS)
    return unseal("ListActivities", {**GIVEN, "nextToken": token}, now_ms)["nextToken"]


@pytest.mark.parametrize("later_ms", [0, GOOD_FOR_MS - 1, -1, -SKEW_MS])
def test_a_token_counts_for_a_day_and_on_machines_whose_clocks_are_behind(later_ms: int) -> None:
    assert opened(NOW_MS + later_ms) == "dig"


@pytest.mark.parametrize("later_ms", [GOOD_FOR_MS, -SKEW_MS - 1])
def test_a_token_from_too_far_away_is_refused(later_ms: int) -> None:
    with pytest.raises(InvalidToken):
        opened(NOW_MS + later_ms)
