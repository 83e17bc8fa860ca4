"""Something that goes on in a thread of its own until it is stopped."""
import threading


class Background:
    def __init__(self):
        self.ending = threading.Event()
        self._crash = None
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def run(self):
        """Until self.ending is set."""
        raise NotImplementedError

    def _guarded(self):
        try:
            self.run()
        except BaseException as error:  # pylint: disable=broad-except
            self._crash = error

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self.ending.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def check(self):
        """Raises what ended it before its time."""
        if self._crash is not None:
            raise self._crash
