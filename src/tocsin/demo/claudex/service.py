"""The long-running part of Claudex: answers requests on loopback for as long as its configuration is valid."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tocsin.demo.claudex import config, metrics
from tocsin.demo.claudex.home import Home
from tocsin.demo.claudex.memory import Cache, OpenFiles, resident_bytes

LOOPBACK = "127.0.0.1"
TICK = 0.2
"""Seconds between two looks at the configuration file."""
REPEAT_ERROR_EVERY = 5.0
"""Seconds between two ERROR lines about the same fault."""


@dataclass(frozen=True)
class Answer:
    """What one request gets."""

    status: int
    text: str
    kind: str = "text/plain; charset=utf-8"


class Service:
    """Claudex at work on one home.

    Args:
        home: where its files are.
        settings: the configuration to start with.
    """

    def __init__(self, home: Home, settings: config.Config) -> None:
        self.home = home
        self._settings = settings
        self._faults: tuple[str, ...] = ()
        self._requests = metrics.Requests()
        self._cache = Cache(home.caches[0])
        self._files = OpenFiles()
        self._workers = threading.BoundedSemaphore(settings.workers)
        self._seen = self._stamp()
        self._complained_at = 0.0
        self._cache.fit(settings.cache_mb)

    def tick(self) -> None:
        """Look at the configuration, complain about a broken one, and let the files in memory grow."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            self._read_again()
        if self._faults and time.monotonic() - self._complained_at >= REPEAT_ERROR_EVERY:
            self._complain()
        if self._cache.was_cleared():
            self._files.forget()
        self._files.step(self._settings.max_files)

    def answer(self, path: str) -> Answer:
        """What a GET of a path gets."""
        if path == "/metrics":
            return Answer(200, self._metrics(), "text/plain; version=0.0.4; charset=utf-8")
        if path == "/healthz":
            return self._refusal() or Answer(200, "ok\n")
        if path == "/debug/memory":
            return Answer(200, json.dumps(self.memory()) + "\n", "application/json")
        if path == "/work":
            return self._work()
        return Answer(404, "There is /work, /healthz, /metrics and /debug/memory.\n")

    def memory(self) -> dict[str, int]:
        """What is held, in bytes and counts."""
        return {
            "resident_bytes": resident_bytes(),
            "open_files": len(self._files),
            "max_files": self._settings.max_files,
            "cache_entries": len(self._cache.entries()),
            "threads": threading.active_count(),
        }

    def _work(self) -> Answer:
        began = time.perf_counter()
        with self._workers:
            answer = self._refusal()
            if answer is None:
                self._cache.add(self._settings.cache_mb)
                answer = Answer(200, f"done {self._cache.look_up():08x}\n")
        self._requests.count(answer.status, time.perf_counter() - began)
        return answer

    def _refusal(self) -> Answer | None:
        return Answer(503, "The configuration is invalid.\n" + "\n".join(self._faults) + "\n") if self._faults else None

    def _read_again(self) -> None:
        try:
            settings = config.read(self.home.config)
        except config.ConfigError as error:
            self._faults = tuple(error.faults)
            self._complain()
            return
        if self._faults:
            self.home.note(self.home.log, "INFO", "the configuration is valid again")
        self._faults = ()
        if settings.workers != self._settings.workers:
            self._workers = threading.BoundedSemaphore(settings.workers)
        self._settings = settings
        self._cache.fit(settings.cache_mb)

    def _complain(self) -> None:
        self._complained_at = time.monotonic()
        for fault in self._faults:
            self.home.note(self.home.hooks_log, "ERROR", f"hook config-check failed: {fault}")

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self.home.config.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _metrics(self) -> str:
        free = shutil.disk_usage(self.home.root).free
        valid = int(not self._faults)
        values = [
            ("claudex_up", "gauge", "1 while the service runs.", 1),
            ("claudex_config_valid", "gauge", "1 if the configuration is valid, else 0.", valid),
            ("claudex_resident_memory_bytes", "gauge", "Memory in RAM.", resident_bytes()),
            ("claudex_open_files", "gauge", "Files kept in memory.", len(self._files)),
            ("claudex_cache_entries", "gauge", "Entries of the cache on disk.", len(self._cache.entries())),
            ("claudex_disk_free_bytes", "gauge", "Free disk.", free),
            ("claudex_cpu_seconds_total", "counter", "Processor time used since the start.", time.process_time()),
        ]
        return "".join(metrics.sample(*value) for value in values) + self._requests.text()


def handler_of(service: Service) -> type[BaseHTTPRequestHandler]:
    """The class that hands a GET to a service; every other method is refused."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = service.answer(urllib.parse.urlsplit(self.path).path)
            body = answer.text.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the service keeps its own logs."""

    return Handler


class Server(ThreadingHTTPServer):
    """The HTTP side of a service, on loopback."""

    daemon_threads = True


def serve(home: Home, port: int | None) -> None:
    """Serve until SIGTERM or SIGINT; prints the address once requests are answered.

    Args:
        home: where the files are; directories that are missing are made.
        port: TCP port instead of the configured one; None for the configured one.

    Raises:
        ConfigError: the configuration is invalid; nothing was started.
        OSError: the port is taken.
    """
    settings = config.read(home.config)
    home.lay_out()
    service = Service(home, settings)
    address = (LOOPBACK, settings.port if port is None else port)
    with Server(address, handler_of(service)) as server:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        answering = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="http")
        answering.start()
        with _announced(home, server.server_port):
            while not stop.wait(TICK):
                service.tick()
        server.shutdown()
        answering.join()


@contextlib.contextmanager
def _announced(home: Home, port: int) -> Iterator[None]:
    """Tell others of this home where the service is, while it is there."""
    home.running.write_text(json.dumps({"pid": os.getpid(), "port": port}), encoding="utf-8")
    home.note(home.log, "INFO", f"started on port {port}, process {os.getpid()}")
    print(f"claudex serves http://{LOOPBACK}:{port}", flush=True)  # noqa: T201 - a program talking to its terminal
    try:
        yield
    finally:
        home.running.unlink(missing_ok=True)
        home.note(home.log, "INFO", "stopped")


def running_port(home: Home) -> int | None:
    """Port of the service that says it runs on this home; None when none does."""
    try:
        return int(json.loads(home.running.read_bytes())["port"])
    except (OSError, ValueError, KeyError):
        return None
