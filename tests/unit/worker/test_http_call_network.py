"""The guard stands between the name and the connection: what was checked is what is connected to."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.support.calling import call
from tests.support.wire import INNER, OK, OTHER_PUBLIC, PUBLIC, Names, Wire, redirect
from worker_service.guarded_http.addresses import AddressGuard, AddressRefused
from worker_service.guarded_http.network import MAX_ADDRESSES, GuardedNetwork
from worker_service.handler_api import Fail, GuardedHttp


def guarded(names: Names, wire: Wire) -> GuardedHttp:
    return GuardedHttp(resolve=names, inner=wire)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """DNS rebinding: the second answer of the name is never asked for."""
    names, wire = Names(rebinder=[[PUBLIC], ["127.0.0.1"]]), Wire(OK)
    result = await call({"url": "http://rebinder.example/"}, guarded(names, wire))
    assert result["body"] == "hi"
    assert names.questions == ["rebinder.example"]
    assert wire.connected == [PUBLIC]


@pytest.mark.parametrize("address", [INNER, "127.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254"])
async def test_a_name_of_a_private_address_fails_for_good(address: str) -> None:
    names, wire = Names(inside=[[address]]), Wire(OK)
    with pytest.raises(Fail, match=rf"inside\.example is {address}, which is") as failure:
        await call({"url": "http://inside.example/"}, guarded(names, wire))
    assert failure.value.permanent is True
    assert wire.connected == []


async def test_a_name_of_a_good_and_a_bad_address_is_refused() -> None:
    names, wire = Names(mixed=[[PUBLIC, INNER]]), Wire(OK)
    with pytest.raises(Fail, match=INNER):
        await call({"url": "http://mixed.example/"}, guarded(names, wire))
    assert wire.connected == []


async def test_a_bad_address_behind_many_good_ones_is_seen() -> None:
    many = [f"93.184.216.{n}" for n in range(MAX_ADDRESSES + 3)]
    network = GuardedNetwork(AddressGuard(), Names(many=[[*many, INNER]]), Wire(OK))
    with pytest.raises(AddressRefused, match=INNER):
        await network.connect_tcp("many", 80)


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.7/admin",
        "http://inside.example/admin",
        "http://[::1]/",
        "http://[::ffff:10.0.0.7]/",
        "//10.0.0.7/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
async def test_a_redirect_to_a_private_address_is_refused(location: str) -> None:
    names = Names(outside=[[PUBLIC]], inside=[[INNER]])
    wire = Wire(redirect(location), OK)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return await names(host, port) if host.endswith(".example") else [host]

    http = GuardedHttp(resolve=resolve, inner=wire)
    with pytest.raises(Fail, match="ALLOW_NETWORKS") as failure:
        await call({"url": "http://outside.example/", "followRedirects": True}, http)
    assert failure.value.permanent is True
    assert wire.connected == [PUBLIC]


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("ftp://outside.example/", "write http:// or https://"),
        ("file:///etc/passwd", "write http:// or https://"),
        ("http://user:secret@outside.example/", "no user and password"),
        ("http://outside.example:0/", "a port from 1 to 65535"),
    ],
)
async def test_a_redirect_to_what_is_no_target_is_refused(location: str, why: str) -> None:
    wire = Wire(redirect(location), OK)
    with pytest.raises(Fail, match=why) as failure:
        await call(
            {"url": "http://outside.example/", "followRedirects": True},
            guarded(Names(outside=[[PUBLIC]]), wire),
        )
    assert failure.value.permanent is True
    assert len(wire.connected) == 1


async def test_a_name_that_moves_between_two_hops_is_looked_at_again() -> None:
    names = Names(rebinder=[[PUBLIC], [INNER]])
    wire = Wire(redirect("http://rebinder.example:8080/"), OK)
    with pytest.raises(Fail, match=INNER):
        await call(
            {"url": "http://rebinder.example/", "followRedirects": True}, guarded(names, wire)
        )
    assert wire.connected == [PUBLIC]


async def test_an_address_that_is_down_gives_way_to_the_next() -> None:
    wire = Wire(OK, down=[PUBLIC])
    names = Names(two=[[PUBLIC, OTHER_PUBLIC]])
    assert (await call({"url": "http://two.example/"}, guarded(names, wire)))["status"] == 200
    assert wire.connected == [PUBLIC, OTHER_PUBLIC]
    assert wire.limits == [3.0, 3.0]


async def test_no_address_that_answers_is_tried_again_later() -> None:
    wire = Wire(down=[PUBLIC, OTHER_PUBLIC])
    with pytest.raises(Fail, match=f"{OTHER_PUBLIC} is down") as failure:
        await call(
            {"url": "http://two.example/"}, guarded(Names(two=[[PUBLIC, OTHER_PUBLIC]]), wire)
        )
    assert failure.value.permanent is False


async def test_a_name_without_address_is_tried_again_later() -> None:
    with pytest.raises(Fail, match="has no address") as failure:
        await call({"url": "http://none.example/"}, guarded(Names(none=[[]]), Wire()))
    assert failure.value.permanent is False


@pytest.mark.parametrize("problem", [OSError("unknown name"), UnicodeError("label too long")])
async def test_a_name_that_cannot_be_resolved_is_tried_again_later(problem: Exception) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise problem

    with pytest.raises(Fail, match=f"cannot be resolved: {problem}") as failure:
        await call({"url": "http://x.example/"}, GuardedHttp(resolve=resolve, inner=Wire()))
    assert failure.value.permanent is False


async def test_a_resolver_that_hangs_takes_no_more_than_the_time_of_a_try() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(Fail, match=r"no answer in 0\.05 s") as failure:
        await call(
            {"url": "http://x.example/", "timeoutSeconds": 0.05},
            GuardedHttp(resolve=resolve, inner=Wire()),
        )
    assert failure.value.permanent is False


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    wire = Wire(OK)
    await call({"url": "http://outside.example/"}, guarded(Names(outside=[[PUBLIC]]), wire))
    assert wire.connected == [PUBLIC]
