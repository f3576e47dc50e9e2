"""S7: more than 500 ways to write an address that is not for a payload, each called and redirected to."""

import ssl
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from pydantic import ValidationError

from tests.support.calling import call
from tests.support.ssrf_forms import FORMS, SCHEMES, TARGETS, TARGETS_6, Form
from tests.support.wire import OK, PUBLIC, Wire, redirect
from worker_service.guarded_http.addresses import AddressGuard
from worker_service.guarded_http.network import system_resolver
from worker_service.handler_api import Fail, GuardedHttp

OUTSIDE = "outside.example"
AT_LEAST = 500
IN_A_HEADER = [form for form in FORMS if "\n" not in form.url]
"""What can stand in a `Location`."""
BY_TRICK = {
    trick: [form for form in FORMS if form.trick == trick]
    for trick in dict.fromkeys(form.trick for form in FORMS)
}
ALLOWED = "10.0.0.7"
SAID_PLAINLY = {
    "dotted", "with a port", "ideographic dot", "full-width dot", "half-width dot", "IPv4-mapped",
    "IPv4-mapped, hex",
    "IPv4-mapped, big letters, in full", "NAT64", "NAT64, hex", "name", "name with a trailing dot",
    "name that holds an address", "name in another script", "name of a mapped address",
    "name of a NAT64 address", "name of two", "name of two kinds",
}  # fmt: skip
TLS = ssl.create_default_context()
"""Made once: it takes longer than a call."""


class Dns:
    """What the table says of a name; an address as the system reads it. Asks no server."""

    def __init__(self, form: Form) -> None:
        self._form = form

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        if self._form.resolves and host != OUTSIDE:
            return self._form.resolves
        return [PUBLIC] if host == OUTSIDE else await system_resolver(host, port)


async def refused(form: Form, url: str, wire: Wire, guard: AddressGuard | None = None) -> bool:
    """Whether a call ends for good."""
    http = GuardedHttp(guard, resolve=Dns(form), inner=wire, tls=TLS)
    try:
        await call({"url": url, "followRedirects": True}, http)
    except ValidationError:
        return True
    except Fail as failed:
        return failed.permanent is True
    return False


def test_the_table_has_more_than_500_forms_of_every_class() -> None:
    tricks = Counter(form.trick for form in FORMS)
    assert len(FORMS) >= AT_LEAST, len(FORMS)
    assert len({form.url for form in FORMS}) == len(FORMS)
    assert tricks["dotted"] == len(TARGETS)
    assert tricks["IPv6"] == len(TARGETS_6)
    assert tricks["scheme"] == len(SCHEMES)
    assert len(tricks) >= 60
    assert len(IN_A_HEADER) >= AT_LEAST


@pytest.mark.parametrize("trick", BY_TRICK)
async def test_a_form_is_refused_and_nothing_is_connected_to(trick: str) -> None:
    through = []
    for form in BY_TRICK[trick]:
        wire = Wire(OK)
        if not await refused(form, form.url, wire) or wire.connected:
            through.append(form.url)
    assert through == []


@pytest.mark.parametrize("trick", BY_TRICK)
async def test_a_redirect_to_a_form_is_refused(trick: str) -> None:
    through = []
    for form in BY_TRICK[trick]:
        wire = Wire(redirect(form.url), OK)
        if form in IN_A_HEADER and (
            not await refused(form, f"http://{OUTSIDE}/", wire) or wire.connected != [PUBLIC]
        ):
            through.append(form.url)
    assert through == []


async def test_an_allowed_network_lets_through_what_it_names_and_nothing_else() -> None:
    """One private address is allowed: of all forms those get through that mean it and say so plainly."""
    guard = AddressGuard([ip_network(f"{ALLOWED}/32")])
    through = []
    for form in FORMS:
        wire = Wire(OK)
        if form.url.startswith("http:") and not await refused(form, form.url, wire, guard):
            through.append(form)
            assert all(map(may_be_reached, wire.connected)), form.url
    assert {form.trick for form in through} == SAID_PLAINLY
    assert len(through) == len(SAID_PLAINLY)


def may_be_reached(address: str) -> bool:
    """Global ones, or the allowed one: of IPv4 inside of IPv6 these forms have the last 32 bits."""
    ends_at = IPv4Address(int(ip_address(address)) & 0xFFFF_FFFF)
    return address in (PUBLIC, "2606:4700:4700::1111") or str(ends_at) == ALLOWED


async def test_what_they_are_tried_against_works() -> None:
    """The control: without a trick the same calls go through."""
    plain = Form("none", f"http://{OUTSIDE}/")
    wire = Wire(OK, redirect(f"http://{OUTSIDE}:8080/"), OK)
    assert not await refused(plain, plain.url, wire)
    assert not await refused(plain, plain.url, wire)
    assert wire.connected == [PUBLIC, PUBLIC, PUBLIC]
