"""Each fault, at each moment in the life of a run: what becomes of the run, of its watcher, and of what lies in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from strawberry_tasks import TaskStatus
from tests import stalls
from tests.faults.afflictions import LONG, OF_ONE, PARTED, PARTED_FROM_QUEUE, SHORT, Affliction
from tests.faults.incident import BUSY, Aftermath, Incident, Moment, Story
from tests.faults.stage import Exposed, Stage

Case = tuple[Affliction, Exposed]

CASES: list[Case] = [
    *((affliction, Exposed.BOTH) for affliction in [*SHORT, *LONG]),
    *((affliction, exposed) for exposed in (Exposed.QUEUE, Exposed.STORE) for affliction in OF_ONE),
    (PARTED_FROM_QUEUE, Exposed.QUEUE),
    (PARTED, Exposed.STORE),
]

moments = pytest.mark.parametrize("moment", list(Moment), ids=str)


def _name(case: Case) -> str:
    affliction, exposed = case
    return str(affliction) if exposed is Exposed.BOTH else f"{affliction}, {exposed} only"


PARAMETERS = [pytest.param(case, id=_name(case), marks=[pytest.mark.slow] if case[0] in LONG else []) for case in CASES]


@pytest.fixture(scope="module", params=PARAMETERS)
def case(request: pytest.FixtureRequest) -> Case:
    """Each fault in turn, and whom it befalls."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def affliction(case: Case) -> Affliction:
    """The fault."""
    return case[0]


@pytest.fixture(scope="module")
def busy(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """What the fault left where one run was at each moment."""
    return _unfold(case, BUSY, tmp_path_factory)


@pytest.fixture(scope="module")
def idle(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """What the fault left where nothing was under way."""
    return _unfold(case, [Moment.IDLE], tmp_path_factory)


def _unfold(case: Case, moments: Sequence[Moment], tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """Let the fault strike; anew where the machine stood still meanwhile, since that is a fault, too."""
    affliction, exposed = case

    def strike() -> Aftermath:
        with Stage(tmp_path_factory.mktemp("stage"), exposed=exposed) as stage:
            return asyncio.run(Incident(stage, affliction, moments).unfold())

    for _ in range(2):
        began = time.monotonic()
        try:
            aftermath = strike()
        except AssertionError:
            if not stalls.stood_still_since(began):
                raise
        else:
            if not stalls.stood_still_since(began):
                return aftermath
    return strike()


@pytest.fixture
def aftermath(request: pytest.FixtureRequest, moment: Moment) -> Aftermath:
    """What the fault left of a run at this moment, and of those beside it."""
    return request.getfixturevalue("idle" if moment is Moment.IDLE else "busy")  # type: ignore[no-any-return]


@pytest.fixture
def story(affliction: Affliction, moment: Moment, aftermath: Aftermath) -> Story:
    """What became of the run at this moment."""
    story = aftermath.stories[moment]
    assert not story.refused or affliction.refuses
    return story


@moments
def test_it_is_completed(story: Story) -> None:
    """The run ends as it is meant to, in the attempt whose result it has; one that was refused was never a run."""
    if story.refused:
        assert story.last is None
        return

    assert story.last is not None
    assert (story.last.status, story.result) == (TaskStatus.COMPLETED, story.last.attempt)


@moments
def test_its_watcher_gets_each_state_once_and_the_end(story: Story) -> None:
    """Versions rise, and the terminal state comes last; then the stream is over."""
    assert story.trouble == ""
    assert story.refused or story.is_in_order, [(state.version, str(state.status)) for state in story.states]


@moments
def test_its_end_is_final(story: Story) -> None:
    """What the watcher saw as the end is what stands in the store when everybody has come back."""
    assert story.last == (story.states[-1] if story.states else None)


@moments
def test_no_attempt_is_made_without_a_reason(story: Story, affliction: Affliction) -> None:
    """No attempt is executed twice, left out or lost, unless with its worker; and one worker costs one attempt at the most."""
    meant = 0 if story.refused else 1 + story.failures
    most = meant + 1 if affliction.loses_attempts and meant else meant

    assert len(story.executions) == len(set(story.executions))
    assert meant <= len(story.executions) <= most
    if not affliction.loses_attempts:
        assert story.executions == list(range(1, meant + 1))


@pytest.mark.parametrize("kind", ["busy", "idle"])
def test_nothing_is_left_behind(request: pytest.FixtureRequest, affliction: Affliction, kind: str) -> None:
    """After the fault there is no message, no record of a run that was refused, no key without an end."""
    aftermath: Aftermath = request.getfixturevalue(kind)

    assert aftermath.messages == 0, affliction
    assert aftermath.strangers == set()
    assert aftermath.immortal == []
