"""A look at an experiment: its results, and the note that somebody has seen them.

What was asked last is kept, so that the same question about the same state asks the engine nothing; it is a look all
the same. Not here: what the results are (`analyze`), or how the notes are kept (`storage.catalog.peeks`).
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import TypeVar

import msgspec

from evensplit import clock
from evensplit.experiments.analyze import analyze, over_time
from evensplit.experiments.case import Reason
from evensplit.experiments.decision import Decision
from evensplit.experiments.definition import definition
from evensplit.experiments.question import Question
from evensplit.experiments.results import Daily, Looked, Results, Warned
from evensplit.model.experiment import Experiment
from evensplit.model.instant import rfc3339
from evensplit.query.as_of import decode
from evensplit.stats.looks import MOST, error_rate
from evensplit.storage.base import EventStore
from evensplit.storage.catalog import Catalog
from evensplit.storage.catalog.experiments import Weight
from evensplit.storage.catalog.peeks import Looks, Peek, Via
from evensplit.version import __version__

KEPT = 64  # answers; with many parts and metrics one takes a few hundred kilobytes
MINUTE = 60_000

A = TypeVar("A", Results, Daily)
_encode = msgspec.json.Encoder().encode


class Looker:
    """Asks, notes the look, and keeps the last answers."""

    def __init__(self, catalog: Catalog, store: EventStore) -> None:
        self._catalog = catalog
        self._store = store
        self._results: OrderedDict[bytes, Results] = OrderedDict()
        self._daily: OrderedDict[bytes, Daily] = OrderedDict()

    async def results(self, name: str, question: Question, via: Via = "api") -> Results:
        """Raises UnknownExperiment, and NotFound for a metric that it does not have."""
        experiment = self._catalog.experiment(name)
        found = await self._kept(self._results, experiment, question, analyze)
        await self._note(experiment, question, found, via)
        return _with_looks(found, self._catalog.peeks.looks(experiment.id, _moment(found.as_of)))

    async def over_time(self, name: str, question: Question, via: Via = "api") -> Daily:
        """The last line is what the results are now: who sees it has looked."""
        experiment = self._catalog.experiment(name)
        found = await self._kept(self._daily, experiment, question, over_time)
        await self._note(experiment, question, found, via)
        return found

    async def _kept(
        self,
        kept: "OrderedDict[bytes, A]",
        experiment: Experiment,
        question: Question,
        ask: Callable[[EventStore, Experiment, Sequence[Weight], Question], Awaitable[A]],
    ) -> A:
        """All that the answer depends on is looked up before the engine is asked: an answer may be newer than its key
        says and is then never found again, but none is ever older."""
        history = self._catalog.weights(experiment)
        key = await self._key(experiment, history, question)
        found = kept.get(key)
        if found is None:
            found = await ask(self._store, experiment, history, question)
            kept[key] = found
            if len(kept) > KEPT:
                kept.popitem(last=False)
        else:
            kept.move_to_end(key)
        return found

    async def _key(self, experiment: Experiment, history: Sequence[Weight], question: Question) -> bytes:
        fresh = await self._store.fresh()
        # An explicit as_of fixes which rows count, so only deletions change its answer.
        rows = (fresh.mark, fresh.tombstones) if question.as_of is not None else msgspec.structs.astuple(fresh)
        # What is dated ahead counts once its time has come.
        now = clock.now_ms() // MINUTE
        state = (experiment, history, question, rows, list(self._catalog.generations()), now)
        return blake2b(_encode(state), digest_size=32).digest()

    async def _note(self, experiment: Experiment, question: Question, seen: Results | Daily, via: Via) -> None:
        method = question.method or experiment.method
        await self._catalog.peeks.log(
            Peek(
                test_id=experiment.id,
                as_of=seen.as_of,
                moment=_moment(seen.as_of),
                method=method,
                alpha=question.alpha,
                metric=question.metric or "",
                definition=definition(experiment, method),
                version=__version__,
                via=via,
            )
        )


def _moment(as_of: str) -> str:
    """What can be seen then of events, assignments and values; a restart shows nothing new."""
    seen = decode(as_of)
    return f"{seen.events}.{seen.assignments}.{seen.metrics}"


def _with_looks(results: Results, looks: Looks) -> Results:
    seen = Looked(before=looks.before, first=_maybe(looks.first), last=_maybe(looks.last))
    if results.method != "fixed" or not looks.before:
        return msgspec.structs.replace(results, looks=seen)
    number = looks.before + 1
    rate = error_rate(number, results.alpha)
    least = "at least " if number > MOST else ""
    message = (
        f"this is look {number}: a test that is read once errs with probability {results.alpha:g}, "
        f"one that could have been stopped at each of {number} looks with {least}about {rate:.2g}"
    )
    warned = Warned("looked_before", looks.before, message, {"looks": number, "error_rate": rate})
    verdict = results.verdict
    if isinstance(verdict, Decision):
        reason = Reason(warned.code, message, {"count": warned.count, **warned.figures})
        verdict = msgspec.structs.replace(verdict, reasons=(*verdict.reasons, reason))
    return msgspec.structs.replace(
        results,
        looks=msgspec.structs.replace(seen, error_rate=rate),
        warnings=(*results.warnings, warned),
        verdict=verdict,
    )


def _maybe(text: str | None) -> str | None:
    return None if text is None else rfc3339(text)
