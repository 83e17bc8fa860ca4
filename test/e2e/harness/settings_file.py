"""The settings of a relay in a file, and SIGHUP."""
import json
import os
import signal

from .wait import until

LOADED = "reloaded the configuration"


class File:
    """The relay's settings in a file; those that a test changes are in no other place."""

    def __init__(self, scene, daemon_name="relay", **settings):
        self.path = os.path.join(scene.base, daemon_name + ".ini")
        self.settings = settings
        self.write()
        options = {name: None for name in settings}
        self.relay = scene.relay(daemon_name, **options)
        plain = self.relay.arguments
        self.relay.arguments = lambda: [*plain(), "--config", self.path]

    def write(self, text=None, **changes):
        for name, value in changes.items():
            self.settings[name] = value
        lines = [f"{name} = {value}" for name, value in self.settings.items() if value is not None]
        # As an editor or a configuration manager does it.
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(text if text is not None else "\n".join(lines) + "\n")
        os.replace(self.path + ".new", self.path)

    def reload(self, text=None, may_end=False, **changes):
        """Gives the log's line about it; None when the relay may end, and did so before it wrote one."""
        before, pid = self.answers(), self.relay.pid
        self.write(text, **changes)
        self.relay.signal(signal.SIGHUP)

        def ended():
            return may_end and (self.relay.pid != pid or not self.relay.running())
        until(lambda: len(self.answers()) > len(before) or ended(), "the reload is over")
        return None if ended() else self.answers()[-1]

    def answers(self):
        return [e for e in self.relay.entries()
                if e.get("msg") == LOADED or str(e.get("job", "")).startswith("reload")]

    def status(self):
        return json.loads(self.relay.http("/status")[1])

    def config(self):
        return self.status()["config"]
