"""One Kafka Connect worker with any number of connectors; those of Debezium's comparison unless it is given other jars."""
import os
import signal
import subprocess

from harness.paths import TOP

LIBS = os.path.join(TOP, "build", "compat", "libs")
LOG4J = """<Configuration status="warn"><Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console>
</Appenders><Loggers><Root level="warn"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


class Connect:
    def __init__(self, directory, broker, connectors, reap, libs=LIBS, java=("-Xmx512m",), worker=None):
        """connectors: {name: properties}; worker: more of its own properties, or others."""
        self.directory = directory
        self.log_path = os.path.join(directory, "connect.log")
        self._write("log4j2.xml", LOG4J)
        properties = self._properties("worker.properties", dict({
            "bootstrap.servers": broker.servers,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.storage.file.filename": os.path.join(directory, "offsets"),
            "offset.flush.interval.ms": "1000",
            "listeners": "http://127.0.0.1:0",
            "plugin.discovery": "only_scan",
        }, **(worker or {})))
        files = [self._properties(f"{name}.properties", dict(settings, name=name))
                 for name, settings in connectors.items()]
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["java", *java, "-cp", libs + "/*",
                 "-Dlog4j2.configurationFile=" + os.path.join(directory, "log4j2.xml"),
                 "org.apache.kafka.connect.cli.ConnectStandalone", properties, *files],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory)
        reap.process(self.process.pid)

    def _write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _properties(self, name, settings):
        return self._write(name, "".join(
            f"{key}={value}\n".replace("\\", "\\\\") for key, value in settings.items()))

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()[-6000:]

    def running(self):
        return self.process.poll() is None

    def stop(self):
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
