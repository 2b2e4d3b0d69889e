"""What can go wrong with a call, and the rules that select the calls."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from local_aws.faults.calls import Call


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What the proxy does with a call. Without a value it passes request and answer on unchanged.

    Attributes
    ----------
    delay_s : float
        Seconds before the answer.
    passed_on : bool
        Whether the server receives the request.
    answered : bool
        Whether the client receives an answer. Otherwise the connection ends.
    status : int or None
        HTTP status of an error that replaces the answer.
    code, message : str
        Error code and message of that answer.
    cut_at : int or None
        Bytes of the body after which the answer stops.
    stall_s : float
        Seconds for which the answer stops at `cut_at`. It goes on after that time.
    reset : bool
        The connection ends by a reset (RST) instead of a close (FIN).
    """

    delay_s: float = 0.0
    passed_on: bool = True
    answered: bool = True
    status: int | None = None
    code: str = ""
    message: str = "injected by the proxy"
    cut_at: int | None = None
    stall_s: float = 0.0
    reset: bool = False


def late(seconds: float) -> Fault:
    """Return a fault: the answer comes so much later."""
    return Fault(delay_s=seconds)


def refused(status: int, code: str, *, after: bool = False) -> Fault:
    """Return a fault: an error instead of the answer; `after`: the server has processed the request."""
    return Fault(status=status, code=code, passed_on=after)


def unanswered(seconds: float = 0.0) -> Fault:
    """Return a fault: the server does not receive the request, and the connection closes after so many seconds."""
    return Fault(delay_s=seconds, passed_on=False, answered=False)


def lost() -> Fault:
    """Return a fault: the server processes the request, and the connection closes without an answer."""
    return Fault(answered=False)


def reset(at: int | None = None) -> Fault:
    """Return a fault: a reset instead of the answer, or after so many bytes of the body."""
    return Fault(answered=at is not None, cut_at=at, reset=True)


def truncated(at: int) -> Fault:
    """Return a fault: the connection closes after so many bytes of the body."""
    return Fault(cut_at=at)


def stalled(at: int, seconds: float) -> Fault:
    """Return a fault: the body stops after so many bytes and goes on later."""
    return Fault(cut_at=at, stall_s=seconds)


@dataclass
class Rule:
    """A fault, and the calls that have it.

    Attributes
    ----------
    fault : Fault
    operation, key : str
        Patterns with `*` of the operation and the key.
    skip : int
        Matching calls that have no fault, before the first one that has it.
    times : int or None
        How many calls have it; None: all.
    share : float
        The share of the matching calls that have it, drawn with `seed`.
    seed : int
    hits : int
        How many calls had it so far.
    """

    fault: Fault
    operation: str = "*"
    key: str = "*"
    skip: int = 0
    times: int | None = None
    share: float = 1.0
    seed: int = 0
    hits: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def takes(self, call: Call) -> bool:
        """Whether this call has the fault. Counts the call."""
        if not (fnmatchcase(call.operation, self.operation) and fnmatchcase(call.key, self.key)):
            return False
        with self._lock:
            if self.times is not None and self.hits >= self.times:
                return False
            if self.skip:
                self.skip -= 1
                return False
            if self._random.random() >= self.share:
                return False
            self.hits += 1
            return True
