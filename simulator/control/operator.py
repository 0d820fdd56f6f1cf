"""Operating a run that goes on: what people ask of it and say to it, answered between two of its events.

    people ──▶ desk (its own thread) ──▶ Operations ──▶ the driver's thread ──▶ events ──▶ the core

Whether a word is possible is asked of the core in the very moment in which its event is journalled, and so of two
people who speak at once the second is answered by what the first one's word has brought about. A word that is refused
is journalled all the same, with what the core makes of it: it changes nothing, and every report tells who said it. Only
what could be said to no deployment at all leaves no trace.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from fleet.base import MakeEvent
from scenarios.model import Scenario
from simulator.control import journal, operator_again
from simulator.control import operator_words as words
from simulator.control.agenda import Driver
from simulator.control.operator_picture import Picture
from simulator.control.operator_words import Word
from simulator.control.promotions import AT_A_GATE
from simulator.control.rehearsal import Rehearsal
from simulator.control.result import Observer
from simulator.rollout.commands import Command
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import Event, GateAnswered, OperatorSpoke, StopRequested
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import OperatorVerb

Answering = Callable[[words.Answer], None]
"""Where an answer goes; it is called in the driver's thread, and does not wait."""
Post = Callable[[Callable[[], None]], None]
"""Have the driver call something in its own thread, between two events. May be called in any thread."""
Tell = Callable[[Event, Sequence[Command], Rollout | None], list[str]]
"""The lines that a person reads of an event."""

_STOPS = frozenset({Word.STOP, Word.ABORT})
_AGAIN = frozenset({Word.RETRY, Word.UNDO})
_OVER = "the run is about to begin, or has just ended"


class Operations:
    """One run, as those see it who operate it. It is an observer of the run; `stay` as in `Rehearsal`."""

    def __init__(self, scenario: Scenario, *, fleet: str, seed: int, tell: Tell, stay: bool = False) -> None:
        self.run_id = secrets.token_hex(4)
        self.stay = stay
        self.picture = Picture(self.run_id, scenario, fleet, seed)
        self._tell = tell
        self._watchers: list[Answering] = []
        self._heard: dict[int, tuple[words.Say, Answering]] = {}
        """Words on their way through the core, by the id of their event."""
        self._lock = threading.Lock()
        self._open: list[Answering] = []
        """Who has asked and has no answer yet. Under the lock, as is `_post`."""
        self._post: Post | None = None
        self._rehearsal: Rehearsal | None = None
        self._driver: Driver | None = None
        self.asking: Observer | None = None
        """Somebody at the run's own keyboard, who is told after everybody else."""

    # -- the driver's side --------------------------------------------------------------------------------------

    def attach(self, rehearsal: Rehearsal, driver: Driver, post: Post) -> None:
        """The run begins: from now on it can be asked."""
        self._rehearsal, self._driver = rehearsal, driver
        with self._lock:
            self._post = post

    def detach(self) -> None:
        """The run has ended: whoever has no answer gets this one."""
        with self._lock:
            unanswered, self._open, self._post = self._open, [], None
        for answer in unanswered:
            answer(words.Mistaken(_OVER))

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """An event was handled: tell those who watch, and whoever spoke what came of it."""
        self.picture(event, commands, rollout)
        if self._watchers:
            happened = words.Happened(journal.to_dict(event), self._tell(event, commands, rollout))
            for watcher in self._watchers:
                watcher(happened)
        if self.asking is not None:
            self.asking(event, commands, rollout)
        if self._heard and (heard := self._heard.pop(event.id, None)) is not None:
            say, answer = heard
            if isinstance(event, GateAnswered):
                self._answer(answer, words.Done(f"{say.word}: the gate before {event.environment}", self._drawn()))
                return
            assert rollout is not None, "any other word is said to a deployment"
            refused = next((why for spoken, why in reversed(rollout.spoken) if spoken.id == event.id), None)
            run = self._drawn()
            self._answer(answer, words.Refused(refused, run) if refused else words.Done(_said(say, rollout), run))

    def gates(self) -> dict[str, tuple[str, str]]:
        """The environments before which a person is asked: the revision that waits, and the environment's group."""
        return self._rehearsal.promotions.open_gates() if self._rehearsal is not None else {}

    # -- the desk's side ----------------------------------------------------------------------------------------

    def ask(self, request: words.Request, answer: Answering) -> None:
        """Have a request answered, once; `answer` is called in another thread. A watcher's is called ever again."""
        with self._lock:
            post = self._post
            if post is not None:
                self._open.append(answer)
        if post is None:
            answer(words.Mistaken(_OVER))
            return
        post(lambda: self._serve(request, answer))

    def forget(self, watcher: Answering) -> None:
        """Somebody watches no longer."""
        self._watchers = [each for each in self._watchers if each is not watcher]

    # -- in the driver's thread, between two events -------------------------------------------------------------

    def _serve(self, request: words.Request, answer: Answering) -> None:
        match request:
            case words.Describe():
                self._answer(answer, words.Described(self._drawn()))
            case words.Watch():
                self._answer(answer, words.Described(self._drawn()))
                self._watchers = [*self._watchers, answer]
            case words.Say(word=word) if word in _AGAIN or word is Word.END:
                self._decide(request, answer)
            case words.Say():
                assert self._driver is not None, "a run is asked only once it is attached"
                self._driver.at(self._driver.now_ms(), self._event(request, answer))

    def _decide(self, say: words.Say, answer: Answering) -> None:
        """A word that makes no event of its own: another deployment, or the end."""
        assert self._rehearsal is not None, "a run is asked only once it is attached"
        rehearsal = self._rehearsal
        if (refusal := self.refusal(say)) is not None:
            self._answer(answer, words.Refused(refusal, self._drawn()))
            return
        if say.word is Word.END:
            going = rehearsal.active
            rehearsal.end()
            said = f"the run ends with {going.deployment_id}, and stays no longer" if going else "the run ends"
        else:
            deployment = rehearsal.create(self._another(say))
            said = f"{deployment.deployment_id} deploys {deployment.revision}: {deployment.description}"
        self._answer(answer, words.Done(said, self._drawn()))

    def _event(self, say: words.Say, answer: Answering) -> MakeEvent:
        """The word as an event, if there is a deployment that could hear it when its turn has come."""

        def make(event_id: int, at_ms: int) -> Event | None:
            crash = self._rehearsal.crash if self._rehearsal is not None else None
            if crash is not None and crash.puts_off(make):
                return None
            if (environment := self._gate(say)) is not None:
                self._heard[event_id] = say, answer
                return GateAnswered(event_id, at_ms, "", environment, say.by, AT_A_GATE[say.word])
            rollout = self._meant(say)
            if rollout is None:
                self._answer(answer, words.Refused(self.refusal(say) or _OVER, self._drawn()))
                return None
            self._heard[event_id] = say, answer
            deployment = rollout.deployment_id
            if say.word in _STOPS:
                aborts = say.word is Word.ABORT
                return StopRequested(event_id, at_ms, "", deployment, say.by, aborts or say.rollback, aborts)
            return OperatorSpoke(event_id, at_ms, "", deployment, OperatorVerb(say.word.value), say.by)

        return make

    def refusal(self, say: words.Say) -> str | None:
        """Why a word is impossible now, in the driver's thread; None where it is not."""
        rehearsal = self._rehearsal
        if rehearsal is None or not rehearsal.rollouts:
            return "no deployment has begun: the hosts are being prepared"
        if say.group is not None and say.group not in (names := [each.name for each in rehearsal.groups]):
            return f"there is no group {say.group}; there is {', '.join(names)}"
        if say.word in _AGAIN:
            return self._why_not_again(rehearsal, say)
        if say.word is Word.END:
            return None if rehearsal.stays else "the run ends by itself, when its last deployment does"
        rollout = self._meant(say)
        if self._gate(say) is not None:
            return None
        if rollout is None:
            return _nobody_hears(rehearsal, say.group)
        return rollout.deaf if say.word in _STOPS else rollout.refusal(OperatorVerb(say.word.value))

    def _why_not_again(self, rehearsal: Rehearsal, say: words.Say) -> str | None:
        try:
            deployment = self._another(say)
        except operator_again.ImpossibleError as error:
            return str(error)
        if (why := rehearsal.promotions.refusal(deployment.group, deployment.revision)) is not None:
            return why
        if not rehearsal.staying:
            return "the next deployment is about to begin" if rehearsal.stays else "the run is about to end"
        return None

    def _another(self, say: words.Say) -> Deployment:
        assert self._rehearsal is not None, "refusal() answers before the run begins"
        everything = self._rehearsal.rollouts
        group = self._rehearsal.groups[say.group or everything[-1].deployment.group]
        rollouts = [
            each for each in everything if each.deployment.group == group.name and not each.deployment.creator.beside
        ]
        if say.word is Word.RETRY:
            deployment = operator_again.retry(rollouts, group.standing)
        else:
            running = self._rehearsal.scenario.running_in(group.group)
            deployment = operator_again.undo(rollouts, group.standing, running, say.revision)
        return replace(deployment, description=f"{say.by} said {say.word}: {deployment.description}")

    def _gate(self, say: words.Say) -> str | None:
        """The environment at whose gate a word is an answer: where no deployment that is meant is under way."""
        if self._rehearsal is None or say.word not in AT_A_GATE or self._meant(say) is not None:
            return None
        return self._rehearsal.promotions.gate_of(say.group)

    def _meant(self, say: words.Say) -> Rollout | None:
        """The deployment that is spoken to: the one under way in the group that is named, or the newest."""
        rehearsal = self._rehearsal
        if rehearsal is None or say.group not in (None, *(group.name for group in rehearsal.groups)):
            return None
        return rehearsal.groups.newest(say.group)

    def _drawn(self) -> words.Run:
        possible = [word for word in Word if self.refusal(words.Say(word, "anybody")) is None]
        at_ms = self._driver.now_ms() if self._driver is not None else 0
        return self.picture.draw(self._rehearsal, at_ms, possible)

    def _answer(self, answer: Answering, what: words.Answer) -> None:
        with self._lock:
            if answer in self._open:
                self._open.remove(answer)
        answer(what)


def _nobody_hears(rehearsal: Rehearsal, group: str | None) -> str:
    """Why no deployment hears a word, said to a group or to any; and which ones would."""
    last = next((each for each in reversed(rehearsal.rollouts) if group in (None, each.deployment.group)), None)
    why = f": {last.deployment_id} has ended, {last.status}" if last is not None else ""
    going = [f"{each.deployment_id} of {each.deployment.group}" for each in rehearsal.groups.active.values()]
    others = f"; under way: {', '.join(going)}" if going else ""
    return f"no deployment{f' of {group}' if group else ''} is under way{why}{others}"


def _said(say: words.Say, rollout: Rollout) -> str:
    held = ", paused" if rollout.paused and not rollout.ended else ""
    stopping = ", being stopped" if not rollout.ended and rollout.deaf else ""
    return f"{say.word}: {rollout.deployment_id} ({rollout.deployment.revision}) is {rollout.status}{held}{stopping}"
