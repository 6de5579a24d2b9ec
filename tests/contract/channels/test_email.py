"""What mail does beyond what every channel does."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.contract.channels.peers import SECRETS, SITE, message, server_tls, settings
from tests.contract.channels.scripted import Exchange, Scripted, drip
from tocsin.application.ports import ChannelError, Message
from tocsin.channels import ChannelSettings
from tocsin.channels.email import Email
from tocsin.channels.sending.reach import Deadline
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.domain.errors import InvalidError
from tocsin.domain.procedures import Mail

IN_TIME = 10.0
TO = "ana@example.org"
EHLO = "250-here\r\n250 8BITMIME"


def plain(port: int, **more) -> Mail:
    return Mail("127.0.0.1", port, **{"sender": "tocsin@example.org", **more})


def send(mail: Mail, one: Message | None = None, deadline: float = IN_TIME):
    channel = Email(settings(mail))
    try:
        return channel.send(one or message(TO), deadline)
    finally:
        channel.close()


def refused(mail: Mail, one: Message | None = None, deadline: float = IN_TIME) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(mail, one, deadline)
    return caught.value


@pytest.fixture
def sink():
    with SmtpSink() as running:
        yield running


def test_one_connection_is_used_again_after_a_check_that_it_lives(mail):
    for _ in range(3):
        mail.channel.send(message(TO), IN_TIME)
    assert len(mail.server.messages) == 3
    assert mail.server.connections == 1
    assert mail.server.verbs == ["RSET", "RSET"]


def test_a_channel_closed_while_it_sends_keeps_nothing_open(mail):
    mail.channel.close()
    mail.channel.send(message(TO), IN_TIME)
    assert mail.channel._idle == []


@pytest.mark.parametrize("answer", ["", "421 good night"])
def test_a_connection_that_the_server_has_given_up_meanwhile_is_replaced(answer):
    with Scripted(Exchange({"EHLO": [EHLO], "RSET": [answer]})) as server:
        channel = Email(settings(plain(server.port)))
        for _ in range(3):
            assert channel.send(message(TO), IN_TIME).provider_id == "taken"
        channel.close()
        assert server.connections == 3


def test_no_more_connections_are_kept_than_a_quiet_hour_needs(mail):
    connections = [mail.channel._open(SECRETS["${MAIL_PASSWORD}"], Deadline(IN_TIME)) for _ in range(6)]
    for connection in connections:
        mail.channel._keep(connection)
    assert [connection.sock is None for connection in connections] == [False] * 4 + [True] * 2


def test_the_servers_words_are_the_receipt():
    with Scripted(Exchange({".": ["250 2.0.0 queued as 4FqZ"]})) as server:
        assert send(plain(server.port)).provider_id == "2.0.0 queued as 4FqZ"


def test_the_headers_tell_programs_what_this_is(sink):
    send(plain(sink.port), message(TO, page_id="page-7"))
    headers = sink.messages[0].message
    assert headers["From"] == "Tocsin <tocsin@example.org>"
    assert headers["To"] == "Ana <ana@example.org>"
    assert headers["Subject"] == "CRITICAL claudex is down"
    assert headers["Message-ID"] == "<tocsin-page-7@example.org>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["X-Tocsin-Page"] == "page-7"
    assert headers["X-Tocsin-Incident"] == "INC-20261122-214214"
    assert headers["Importance"] == "high"
    assert headers["Date"].datetime.tzinfo is not None


def test_a_bundle_that_grew_before_it_went_out_again_is_another_mail_and_one_that_did_not_is_the_same(sink):
    for carries in (("page-1", "page-2"), ("page-1", "page-2"), ("page-1", "page-2", "page-3")):
        send(plain(sink.port), message(TO, page_id="page-1", carries=carries))
    first, again, grown = (mail.message["Message-ID"] for mail in sink.messages)
    assert first == again != grown
    assert "<tocsin-page-1@example.org>" not in {first, grown}


def test_a_post_does_not_claim_to_be_important(sink):
    send(plain(sink.port), message(TO, urgent=False))
    assert sink.messages[0].message["Importance"] is None


def test_all_mail_of_an_incident_makes_one_thread(sink):
    for page in ("page-1", "page-2"):
        send(plain(sink.port), message(TO, page_id=page))
    threads = {mail.message["References"] for mail in sink.messages}
    assert (
        threads
        == {mail.message["In-Reply-To"] for mail in sink.messages}
        == {"<tocsin-INC-20261122-214214@example.org>"}
    )


def test_what_an_alert_says_cannot_add_a_recipient_or_a_header(sink):
    evil = "x\r\nBcc: eve@example.org\r\nX-Evil: 1\r\n\r\n"
    one = message(TO, subject=evil, person=evil, page_id=evil, incident_id=evil, text=evil + "\r\n.\r\nQUIT\r\n")
    send(plain(sink.port), one)
    (mail,) = sink.messages
    assert mail.recipients == (TO,)
    assert mail.message["Bcc"] is None
    assert mail.message["X-Evil"] is None


def test_the_html_part_shows_text_as_text_and_the_link_as_a_link(sink):
    send(plain(sink.port), message(TO, text='<b>"&', facts={"link": 'https://tocsin.example.org/a/x?a=1&b="2'}))
    page = sink.messages[0].message.get_body(("html",)).get_content()
    assert "&lt;b&gt;&quot;&amp;" in page
    assert 'href="https://tocsin.example.org/a/x?a=1&amp;b=&quot;2"' in page


def test_a_link_that_is_none_is_not_made_one(sink):
    send(plain(sink.port), message(TO, facts={"link": "javascript:alert(1)"}))
    assert "href" not in sink.messages[0].message.get_body(("html",)).get_content()


def test_a_long_link_stays_in_one_piece_even_in_the_raw_mail(tmp_path):
    link = f"https://tocsin.example.org/a/{'0123456789abcdef' * 8}"
    with SmtpSink(tmp_path) as sink:
        send(plain(sink.port), message(TO, text=f"Acknowledge: {link}\nService claudex · 1 alert — ü\n"))
        assert link.encode() in sink.messages[0].path.read_bytes()


def test_a_server_that_takes_seven_bits_only_gets_no_more():
    log: list[str] = []
    with Scripted(Exchange({"EHLO": ["250 here"]}, log)) as server:
        send(plain(server.port), message(TO, text="ü · 中文\n"))
    assert all(line.isascii() for line in log)
    assert "Content-Transfer-Encoding: quoted-printable" in log


def test_an_address_with_letters_beyond_ascii_is_used_where_the_server_can(sink):
    send(plain(sink.port), message("jürgen@bücher.example.org"))
    assert sink.messages[0].recipients == ("jürgen@xn--bcher-kva.example.org",)


def test_an_address_with_letters_beyond_ascii_is_refused_where_the_server_cannot():
    with Scripted(Exchange({"EHLO": [EHLO]})) as server:
        error = refused(plain(server.port), message("jürgen@example.org"))
    assert error.permanent
    assert "letters beyond ASCII" in error.detail


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "@example.org",
        "ana@",
        "a@example.org, b@example.org",
        "Ana <ana@example.org>",
        "ana@example.org\r\n",
        "ana@example.org>\r\nRCPT TO:<eve@example.org",
        "a b@example.org",
        "a@b@c",
        "a..b@example.org",
        ".@example.org",
        "ana@\N{FULLWIDTH COMMERCIAL AT}example.org",
        "ana@example.org\N{SMALL GREATER-THAN SIGN}",
        "ana\0@example.org",
        "ana\ud800@example.org",
    ],
)
def test_what_is_not_one_address_is_refused_for_good(sink, address):
    error = refused(plain(sink.port), message(address))
    assert error.permanent
    assert "ana@example.org" in error.detail
    assert sink.messages == ()


def test_without_a_mail_server_the_error_says_where_to_set_one():
    error = refused(Mail(host=""))
    assert error.permanent
    assert error.detail == "No mail server is set; give mail.host in site.yaml."


def test_a_password_reference_that_stands_for_nothing_is_an_error_for_good(sink):
    def nothing(text: str) -> str:
        raise InvalidError(f"The secret {text} in site.yaml is empty or missing.")

    channel = Email(ChannelSettings(replace(SITE, mail=plain(sink.port, password="${GONE}")), nothing))
    with pytest.raises(ChannelError, match="GONE") as caught:
        channel.send(message(TO), IN_TIME)
    assert caught.value.permanent


def test_a_wrong_password_is_an_error_for_good_and_is_not_shown(mail):
    error = refused(Mail("localhost", mail.server.port, "starttls", "tocsin", "swordfish", "tocsin@example.org"))
    assert error.permanent
    assert "535" in error.detail
    assert "swordfish" not in error.detail


def test_a_password_that_smtp_cannot_carry_is_an_error_for_good_and_is_not_shown(mail):
    error = refused(Mail("localhost", mail.server.port, "starttls", "tocsin", "schwärz", "tocsin@example.org"))
    assert error.permanent
    assert "beyond ASCII" in error.detail
    assert "schw" not in error.detail


def test_a_server_that_offers_no_tls_gets_neither_password_nor_mail():
    log: list[str] = []
    with Scripted(Exchange({"EHLO": [EHLO]}, log)) as server:
        error = refused(plain(server.port, security="starttls", username="tocsin", password="${MAIL_PASSWORD}"))
    assert error.permanent
    assert "STARTTLS" in error.detail
    assert [line.split(" ")[0].upper() for line in log] == ["EHLO"]


def test_a_server_that_offers_no_way_to_log_in_is_an_error_for_good():
    with Scripted(Exchange({"EHLO": [EHLO]})) as server:
        error = refused(plain(server.port, username="tocsin", password="${MAIL_PASSWORD}"))
    assert error.permanent


def test_tls_from_the_start_works_and_checks_the_name():
    def secure(connection, over):
        with server_tls().wrap_socket(connection, server_side=True) as inside:
            Exchange({"EHLO": [EHLO]})(inside, over)

    with Scripted(secure) as server:
        mail = Mail("localhost", server.port, "tls", sender="tocsin@example.org")
        assert send(mail).provider_id == "taken"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_is_an_error_for_good(mail, monkeypatch, security):
    monkeypatch.delenv("SSL_CERT_FILE")

    def secure(connection, over):
        with server_tls().wrap_socket(connection, server_side=True) as inside:
            Exchange({})(inside, over)

    with Scripted(secure) as server:
        port = mail.server.port if security == "starttls" else server.port
        error = refused(Mail("localhost", port, security, sender="tocsin@example.org"))
    assert error.permanent
    assert "certificate that cannot be trusted" in error.detail


@pytest.mark.parametrize(
    ("answers", "permanent"),
    [
        ({"": ["554 go away"]}, True),
        ({"": ["421 too busy"]}, False),
        ({"": [""]}, False),
        ({"": ["gibberish"]}, False),
        ({"EHLO": ["550 no"], "HELO": ["550 no"]}, True),
        ({"MAIL": ["530 5.7.0 must authenticate"]}, True),
        ({"MAIL": ["452 no room"]}, False),
        ({"RCPT": ["550 nobody"]}, True),
        ({"RCPT": ["450 busy"]}, False),
        ({"DATA": ["554 no"]}, True),
        ({".": ["554 spam"]}, True),
        ({".": ["451 later"]}, False),
        ({".": [""]}, False),
    ],
)
def test_the_servers_code_says_whether_trying_again_can_help(answers, permanent):
    with Scripted(Exchange({"EHLO": [EHLO], **answers})) as server:
        error = refused(plain(server.port))
    assert error.permanent is permanent
    assert f"127.0.0.1:{server.port}" in error.detail


def test_a_forwarding_recipient_is_taken():
    with Scripted(Exchange({"RCPT": ["251 will forward"]})) as server:
        assert send(plain(server.port)).provider_id == "taken"


def test_a_server_that_is_not_there_may_come_back(sink):
    sink.stop()
    error = refused(plain(sink.port))
    assert not error.permanent
    assert "could not be used" in error.detail


@pytest.mark.parametrize("security", ["none", "tls"])
def test_a_server_that_says_a_byte_now_and_then_does_not_outlive_the_deadline(security):
    with Scripted(drip) as server:
        started = time.monotonic()
        error = refused(plain(server.port, security=security), deadline=0.4)
    assert time.monotonic() - started < 3
    assert not error.permanent


def test_a_server_that_goes_silent_when_tls_should_begin_does_not_outlive_the_deadline():
    def silent(connection, over):
        Exchange({"EHLO": ["250-here\r\n250 STARTTLS"], "STARTTLS": ["220 go"]})(connection, over)
        over.wait()

    with Scripted(silent) as server:
        started = time.monotonic()
        error = refused(plain(server.port, security="starttls"), deadline=0.4)
    assert time.monotonic() - started < 3
    assert not error.permanent


def test_no_time_at_all_is_too_little(sink):
    error = refused(plain(sink.port), deadline=0.0)
    assert not error.permanent
    assert sink.messages == ()


@pytest.mark.parametrize(
    ("public_url", "name"),
    [
        ("https://tocsin.example.org/x", "tocsin.example.org"),
        ("http://127.0.0.1:8080", "[127.0.0.1]"),
        ("", "[127.0.0.1]"),
    ],
)
def test_we_introduce_ourselves_by_the_public_name(public_url, name):
    log: list[str] = []
    with Scripted(Exchange({"EHLO": [EHLO]}, log)) as server:
        channel = Email(settings(plain(server.port), public_url=public_url))
        channel.send(message(TO), IN_TIME)
        channel.close()
    assert log[0] == f"ehlo {name}"
