"""Waiting for conditions, never for time to pass."""
import threading
import time

# Nobody sets it: waiting on it is how long a poll pauses.
_never = threading.Event()


def until(condition, what, timeout=30.0, every=0.02):
    """Calls condition() until it returns something true, and returns that.

    "what" says in the failure what was awaited; it may be a function.  An
    AssertionError raised by the condition ends the waiting.  It pauses longer from call to call,
    up to 0.25 s, or "every" when that is more.
    """
    deadline = time.monotonic() + timeout
    slowest = max(every, 0.25)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {timeout:g} s: {text} (last: {value!r})")
        _never.wait(every)
        every = min(every * 1.3, slowest)


def stays(condition, while_not, what, timeout=60.0, every=0.05):
    """condition() holds all the time until while_not() becomes true."""
    deadline = time.monotonic() + timeout
    while not while_not():
        assert condition(), f"did not stay so: {what}"
        assert time.monotonic() < deadline, f"the wait for the end of \"{what}\" took too long"
        _never.wait(every)
    assert condition(), f"did not stay so: {what}"
