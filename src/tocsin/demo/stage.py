"""Everything the demo's story needs, running: a throw-away home, a product, a mail server, and Tocsin between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tocsin.demo.alerting import AlertRule
from tocsin.demo.api import Api
from tocsin.demo.children import LOOPBACK, Child, ChildError, free_port
from tocsin.demo.pace import Pace, shorten
from tocsin.demo.product import Product
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.steps import Steps, UnmetError
from tocsin.demo.tocsin_server import Home, TocsinServer, lay_out
from tocsin.procedures import packs

PACK = "claudex-windows"
SERVICE = "claudex"
_OK = 200


@dataclass(frozen=True, slots=True)
class Stage:
    """What is running.

    Args:
        pace: how much shorter the waits for an answer are.
        steps: takes down what is observed.
        sink: the mail server.
        product: the stand-in product.
        rule: writes what Alertmanager would send about the product.
        server: Tocsin.
        api: its API, as an admin.
    """

    pace: Pace
    steps: Steps
    sink: SmtpSink
    product: Product
    rule: AlertRule
    server: TocsinServer
    api: Api


@contextmanager
def stage(folder: Path, pace: Pace, steps: Steps, sink: SmtpSink | None = None) -> Iterator[Stage]:
    """Lay everything out and start it; whatever happens, what was started is ended when the block ends.

    Args:
        folder: becomes Tocsin's home; the product's files and the mail go below `demo` in it. Made when missing.
        pace: how much shorter the waits for an answer are.
        steps: takes down what is observed.
        sink: a mail server to use instead of the usual one; not started yet.

    Raises:
        StepFailedError: something did not start.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    props = folder / "demo"
    sink = sink or SmtpSink(props / "mail")
    with ExitStack() as running:
        with steps.step("product", "A product, claudex, is installed and healthy") as observed:
            product = running.enter_context(Product(props))
            observed.note("running", f"{product.version}, {product.url}")
            observed.note("health", f"/healthz 200 · /metrics claudex_config_valid {product.config_valid()}")
        with steps.step("home", "Tocsin is laid out with the procedures for that product") as observed:
            running.enter_context(sink)
            port = free_port()
            home = _home(folder, pace, sink.port, port)
            observed.note("home", str(folder))
            observed.note("pack", f"{PACK}, waits for an answer shortened {pace.factor}×")
        with steps.step("server", "tocsin serve is ready") as observed:
            server = running.enter_context(_server(home, port, sink))
            api = running.enter_context(Api(server.url, server.token))
            if (status := api.ask("GET", "/readyz").status_code) != _OK:
                raise UnmetError("/readyz to answer 200", str(status))
            observed.note("address", server.url)
        steps.meanwhile += [_alive("claudex", product.process), _alive("tocsin serve", server.process)]
        yield Stage(pace, steps, sink, product, AlertRule(product, SERVICE), server, api)


def _home(folder: Path, pace: Pace, mail_port: int, port: int) -> Home:
    """A home whose pages go to our mail server and whose links lead to our port."""
    values = {"mail.host": LOOPBACK, "mail.port": str(mail_port), "public_url": f"http://{LOOPBACK}:{port}"}
    packs.lay_out(PACK, folder / "procedures", {**packs.defaults(), **values})
    shorten(folder / "procedures", pace)
    return lay_out(folder, pack=PACK)


def _server(home: Home, port: int, sink: SmtpSink) -> TocsinServer:
    return TocsinServer(home, service=SERVICE, integration="alertmanager", port=port, sink=sink)


def _alive(name: str, child: Child | None) -> Callable[[], None]:
    def look() -> None:
        code = child.process.poll() if child is not None else None
        if child is not None and code is not None:
            raise ChildError(f"{name} has ended with {code}.\n{child.last_words()}".strip())

    return look
