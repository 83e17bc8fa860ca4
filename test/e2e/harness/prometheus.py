"""A Prometheus of a test's own: Debian's program in a private directory, on a free port."""
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from . import paths
from .ports import free_port
from .wait import until


def program(name):
    return subprocess.run([os.path.join(paths.TOP, "scripts", "prometheus"), "path", name], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


class Prometheus:
    """jobs: {name: address or addresses}; rule_files: paths."""

    def __init__(self, base, reap, jobs, rule_files=(), interval="1s"):
        self.base = os.path.join(base, "prometheus")
        os.mkdir(self.base)
        self.port = free_port()
        self.log_path = os.path.join(self.base, "log")
        config = {"global": {"scrape_interval": interval, "scrape_timeout": interval,
                             "evaluation_interval": interval},
                  "rule_files": list(rule_files),
                  "scrape_configs": [{"job_name": job, "static_configs": [{"targets": targets}]}
                                     for job, targets in jobs.items()]}
        path = os.path.join(self.base, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)     # which is YAML
        with open(self.log_path, "wb") as log:
            self._process = subprocess.Popen(
                [program("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={self.base}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        reap.process(self._process.pid)
        until(self._ready, lambda: f"Prometheus is ready: {self.log()[-2000:]}")

    def _ready(self):
        assert self._process.poll() is None, self.log()[-4000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        self._process.terminate()
        self._process.wait(30)

    def get(self, path, **parameters):
        """What is in "data"; fails with what it says when it has an error."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        assert found["status"] == "success" and not found.get("warnings"), found
        return found["data"]

    def healths(self):
        return [target["health"] for target in self.get("targets")["activeTargets"]]

    def alerts(self):
        """{(name, state)} of those that are pending or raised."""
        return {(alert["labels"]["alertname"], alert["state"]) for alert in self.get("alerts")["alerts"]}
