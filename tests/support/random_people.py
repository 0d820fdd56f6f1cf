"""What people do in a random scenario: words written in it, and words said to a run that goes on."""

from __future__ import annotations

from hypothesis import strategies as st

from simulator.control.operator_words import Say, Word
from tests.support.chance import Told, mostly, one_in, times
from tests.support.random_faults import REVISIONS, World, moments

SOON = 60
"""Events, at most, that a word waits for."""
AT_A_WAIT = 1_000_000
"""So many events never come: this word is said as the deployment begins to wait, or has ended."""


@st.composite
def phrases(draw: st.DrawFn, world: World) -> list[Told]:
    """What somebody says, and when: one word, or a pause and its end."""
    waits = world.gates & {"Ready", "Baking", "Terminating"}
    asks = bool(waits & {"Ready", "Terminating"} or world.asked_before)
    shorten = [*["continue"] * asks, *["promote", "promote-full"] * bool(waits)]
    verb = draw(st.sampled_from(["pause", "pause", "stop", "abort", *shorten * 3]))
    told: Told = {"when": draw(moments(world, ends=False)), "do": verb}
    if verb in shorten and draw(mostly(True, False)):
        told["when"] = draw(openings(world, verb))
    if verb == "stop":
        told["auto_rollback"] = draw(st.sampled_from([None, True, False]))
    if world.groups and draw(one_in(3)):
        told["group"] = draw(st.sampled_from(world.groups))
    said = [told]
    if verb == "pause" and draw(mostly(True, False)):
        said.append({"when": {"at": draw(times)}, "do": "resume"})
    return said


def openings(world: World, verb: str) -> st.SearchStrategy[Told]:
    """The moments at which somebody may be waited for."""
    statuses = sorted(world.gates & ({"Ready"} if verb == "continue" else {"Ready", "Baking"}))
    gates = [{"gate": name} for name in world.asked_before]
    return st.sampled_from([*gates, *({"status": status} for status in statuses)] or [{"status": "InProgress"}])


# -- said to a run that goes on ---------------------------------------------------------------------------------------


def words(*among: Word) -> st.SearchStrategy[Say]:
    """One of these words, to the newest deployment or to a group's."""
    return st.builds(
        lambda word, rollback, revision, group: Say(
            word, "ann", rollback if word is Word.STOP else None, revision if word is Word.UNDO else None, group
        ),
        st.sampled_from(among),
        st.sampled_from([None, True, False]),
        st.sampled_from([None, None, *REVISIONS]),
        mostly(None, "web", "batch"),
    )


AGAIN = words(Word.RETRY, Word.UNDO)
ANY = words(*(word for word in Word if word is not Word.END))
CUT_SHORT = words(Word.CONTINUE, Word.SKIP_WAIT, Word.PROMOTE, Word.PROMOTE_FULL, Word.PAUSE, Word.RESUME)
scripts = st.lists(
    st.one_of(
        st.tuples(st.integers(0, SOON), ANY),
        st.tuples(st.just(AT_A_WAIT), CUT_SHORT),
        st.tuples(st.integers(0, SOON), AGAIN),
    ),
    max_size=12,
)
"""What is said, one after the other, and after how many events each."""
