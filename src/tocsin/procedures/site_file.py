"""What `site.yaml` may say: the company's own values, asked for at set-up (decision S)."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tocsin.procedures.fields import (
    Line,
    MailAddress,
    Secret,
    Span,
    Strict,
    WebAddress,
    as_written,
    is_phone_number,
    shown,
    wrong,
)


def _conference(text: str) -> str:
    unknown = [name for name in re.findall(r"\{([^{}]*)\}", text) if name != "incident_id"]
    if unknown:
        raise wrong(f"{{{unknown[0]}}} is not known here; the one placeholder is {{incident_id}}")
    return text


class MailServer(Strict):
    """How mail goes out."""

    host: Line
    """Name or address of the server that takes mail for delivery."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    security: Literal["none", "starttls", "tls"] = "none"
    """none: as it is. starttls: begins in the clear and must switch (587). tls: encrypted from the start (465)."""
    username: str = ""
    """Empty for a server that asks for none."""
    password: Secret = ""
    """${NAME} or file:/path; never the password itself."""
    sender: MailAddress
    """The address that pages come from."""


class TextMessages(Strict):
    """How text messages and calls go out, and answers come back: a service that speaks Twilio's API."""

    base_url: WebAddress = ""
    """Where that API is; Twilio's own when left out."""
    account_sid: str = ""
    """The account, such as AC and 32 letters and digits."""
    auth_token: Secret = ""
    """${NAME} or file:/path. It also proves that a receipt or an answer comes from the service."""
    sender: str = ""
    """The number that messages and calls come from, with its country: +1-555-0100. Answers come back to it."""

    @model_validator(mode="after")
    def _number_is_one(self) -> Self:
        if self.sender and not is_phone_number(self.sender):
            raise wrong(
                f"{shown(self.sender)} is not a phone number with its country; write it like '+15550100001'", "sender"
            )
        return self


class Slack(Strict):
    """How messages reach a Slack channel."""

    webhook_url: Secret = ""
    """An incoming webhook's. Whoever knows it can write to the channel, so it is kept like a password."""
    bot_token: Secret = ""
    signing_secret: Secret = ""
    base_url: WebAddress = ""


class Webhook(Strict):
    """How messages to people's webhooks are signed (Standard Webhooks)."""

    secret: Secret = ""
    """${NAME} or file:/path; never the secret itself."""


class Degraded(Strict):
    """When Tocsin says by mail that it cannot do its own work; this needs no database."""

    after: Span = as_written("1 min")
    """How long something is wrong before the first mail."""
    every: Span = as_written("10 min")
    """How long until it is said again while it lasts."""
    to: list[MailAddress] = Field(default_factory=list)
    """Who is told beside whoever is on call, such as a list of those who run the machines."""


class SiteFile(Strict):
    """The file `site.yaml`: the company's own values; they take effect at once, also for open incidents."""

    organization: Line
    """What the company calls itself in messages."""
    public_url: Annotated[WebAddress, Field(min_length=1)]
    """The address at which phones reach this server; every acknowledge link begins with it."""
    support_address: MailAddress
    """Where users write to for help."""
    status_page_url: WebAddress = ""
    """Where users read how things stand; empty when there is no such page."""
    conference_url: Annotated[WebAddress, AfterValidator(_conference)] = ""
    """Where an incident's call takes place; {incident_id} in it is filled in."""
    heartbeat_url: WebAddress = ""
    """An outside watchdog, asked by GET each time a canary went through the whole path; empty for none."""
    heartbeat_every: Span = as_written("1 min")
    """How often a canary is sent through the whole path."""
    degraded: Degraded = Field(default_factory=Degraded)
    mail: MailServer
    sms: TextMessages | None = None
    slack: Slack | None = None
    webhook: Webhook | None = None
