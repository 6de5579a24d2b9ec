"""Pages from templates: autoescaped Jinja, and the way times are written for tired people."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC = Path(__file__).parent / "static"


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page.

    Args:
        request: whose session is shown in the page's head; its `tocsin.zone` is the person's time zone, if known.
        template: file below templates/.
        context: what the template shows.
        status: HTTP status.
        headers: further headers.
    """
    scope = request.scope
    shown = {
        "now": datetime.now(UTC),
        "zone": scope.get("tocsin.zone", ""),
        "who": scope.get("tocsin.principal"),
        "path": request.url.path,
        **context,
    }
    return HTMLResponse(_environment().get_template(template).render(shown), status, headers)


@cache
def _environment() -> Environment:
    # Half of the import's time is Jinja's; the doors must not wait for it.
    from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("tocsin.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = pass_context(lambda context, at: clock(at, context["now"], context["zone"]))
    environment.filters["ago"] = pass_context(lambda context, at: relative(at, context["now"]))
    environment.filters["clock_short"] = pass_context(lambda context, at: clock_short(at, context["now"]))
    environment.filters["input_time"] = lambda at: rfc3339(at.replace(second=0))
    environment.filters["safe_link"] = safe_link
    environment.filters["words"] = lambda text: str(text).replace("_", " ").replace("-", " ")
    environment.globals["static"] = static_url
    environment.globals["hours"] = lambda number: timedelta(hours=number)
    return environment


@cache
def static_url(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep what they have."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def instant(at: str | datetime) -> datetime:
    """An instant as the views give it (RFC 3339), read."""
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def clock(at: str | datetime | None, now: datetime, zone: str = "") -> Markup:
    """An instant in UTC, and in the reader's own zone when it is another: `02:41 UTC · 03:41 Berlin`.

    Args:
        at: what to show; None shows a dash.
        now: decides whether the date has to be said.
        zone: IANA name; empty for UTC alone.
    """
    if at is None:
        return Markup("–")
    moment = instant(at).astimezone(UTC)
    text = f"{_of_day(moment, now)} UTC"
    if zone and zone != "UTC":
        here = moment.astimezone(ZoneInfo(zone))
        if here.utcoffset():
            place = zone.rpartition("/")[2].replace("_", " ")
            text += f" · {_of_day(here, now.astimezone(here.tzinfo))} {place}"
    return Markup('<time datetime="{}">{}</time>').format(rfc3339(moment), text)


def clock_short(at: str | datetime, now: datetime) -> Markup:
    """An instant in UTC where the column says the rest."""
    moment = instant(at).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(rfc3339(moment), _of_day(moment, now))


def safe_link(address: str | None) -> bool:
    """Whether an address that a sender gave may become a link; `javascript:` may not."""
    return (address or "").lower().startswith(("https://", "http://"))


def _of_day(moment: datetime, now: datetime) -> str:
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b %H:%M}" if moment.year == now.year else f"{moment.day} {moment:%b %Y %H:%M}"


def relative(at: str | datetime | None, now: datetime) -> Markup:
    """How long ago, or until: `4 min ago`, `in 40 s`; the script keeps it current."""
    if at is None:
        return Markup("–")
    moment = instant(at)
    return Markup('<time class="ago" datetime="{}">{}</time>').format(
        rfc3339(moment.astimezone(UTC)), span(moment - now)
    )


_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def span(distance: timedelta) -> str:
    """A distance in time as people say it; negative ones lie in the past."""
    seconds = round(distance.total_seconds())
    size = abs(seconds)
    if size < _MINUTE:
        said = f"{size} s"
        if seconds <= 0:
            return "just now"
    elif size < _HOUR:
        said = f"{size // _MINUTE} min"
    elif size < _DAY:
        said = f"{size // _HOUR} h {size % _HOUR // _MINUTE} min"
    else:
        days = size // _DAY
        said = f"{days} day{'s' if days > 1 else ''}"
    return f"in {said}" if seconds > 0 else f"{said} ago"


def rfc3339(moment: datetime) -> str:
    """An aware UTC instant as it is written everywhere else."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
