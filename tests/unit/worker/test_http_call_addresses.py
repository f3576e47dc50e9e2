"""Which addresses HTTP_CALL may reach, in every way to write them that a resolver or a URL takes."""

from ipaddress import ip_address, ip_network

import pytest

from shared.runtime.settings import HttpCall, SettingsProblem, load
from worker_service.guarded_http.addresses import USUAL_PORTS, AddressGuard, AddressRefused
from worker_service.settings import WorkerSettings

ALLOW = "PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS"
PORTS = "PUNCTUAL_HTTP_CALL__ALLOW_PORTS"

LOOPBACK = "a loopback address"
PRIVATE = "a private address"
LINK_LOCAL = "a link-local address"
MULTICAST = "a multicast address"
METADATA = "a cloud's metadata address"
RESERVED = "a reserved address"
OURS = "an address of this machine"
TUNNEL = "a tunnel's address"
OTHER = "no global address"

REFUSED = {
    "0.0.0.0": OURS,
    "0.1.2.3": OURS,
    "10.0.0.1": PRIVATE,
    "10.255.255.255": PRIVATE,
    "100.64.0.1": PRIVATE,
    "100.100.100.200": PRIVATE,
    "100.127.255.255": PRIVATE,
    "127.0.0.1": LOOPBACK,
    "127.255.255.254": LOOPBACK,
    "168.63.129.16": METADATA,
    "169.254.169.254": METADATA,
    "169.254.0.1": LINK_LOCAL,
    "169.254.170.2": LINK_LOCAL,
    "172.16.0.1": PRIVATE,
    "172.31.255.255": PRIVATE,
    "192.0.0.1": RESERVED,
    "192.0.0.192": RESERVED,
    "192.0.2.1": RESERVED,
    "192.88.99.1": RESERVED,
    "192.168.0.1": PRIVATE,
    "198.18.0.1": RESERVED,
    "198.19.255.255": RESERVED,
    "198.51.100.1": RESERVED,
    "203.0.113.1": RESERVED,
    "224.0.0.1": MULTICAST,
    "224.0.1.1": MULTICAST,
    "239.255.255.255": MULTICAST,
    "240.0.0.1": RESERVED,
    "255.255.255.255": RESERVED,
    "::": OURS,
    "::1": LOOPBACK,
    "::2": OTHER,
    "::127.0.0.1": OTHER,
    "::8.8.8.8": OTHER,
    "::ffff:0.0.0.0": OURS,
    "::ffff:10.0.0.1": PRIVATE,
    "::ffff:7f00:1": LOOPBACK,
    "::ffff:127.0.0.1": LOOPBACK,
    "::ffff:169.254.169.254": METADATA,
    "::ffff:0:127.0.0.1": OTHER,
    "64:ff9b::10.0.0.1": PRIVATE,
    "64:ff9b::7f00:1": LOOPBACK,
    "64:ff9b::169.254.169.254": METADATA,
    "64:ff9b:1::8.8.8.8": OTHER,
    "100::1": OTHER,
    "1000::1": OTHER,
    "2001::1": TUNNEL,
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": TUNNEL,
    "2001:2::1": RESERVED,
    "2001:10::1": RESERVED,
    "2001:20::1": RESERVED,
    "2606:4700::5efe:10.0.0.1": TUNNEL,
    "2606:4700::200:5efe:8.8.8.8": TUNNEL,
    "2001:db8::1": RESERVED,
    "2002:7f00:1::1": TUNNEL,
    "2002:a00:1::1": TUNNEL,
    "2002:808:808::1": TUNNEL,
    "3fff::1": RESERVED,
    "4000::1": OTHER,
    "5f00::1": OTHER,
    "fc00::1": PRIVATE,
    "fd00:ec2::254": PRIVATE,
    "fe80::1": LINK_LOCAL,
    "fe80::1%eth0": LINK_LOCAL,
    "febf::1": LINK_LOCAL,
    "fec0::1": PRIVATE,
    "ff02::1": MULTICAST,
    "ff0e::1": MULTICAST,
}
LET_THROUGH = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
]
ODD_NUMBERS = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.1",
    "127.1",
    "127.0.0.1.",
    "0",
    "8.8.2056",
    "0x8.8.8.8",
    "134744072",
]
"""Forms that a system resolver reads as a number, of loopback and of a global address."""


@pytest.mark.parametrize(("address", "what"), REFUSED.items())
def test_what_is_not_global_is_refused(address: str, what: str) -> None:
    found = AddressGuard().refusal(ip_address(address))
    assert found is not None
    assert found.startswith(what)


@pytest.mark.parametrize("address", LET_THROUGH)
def test_what_is_global_is_let_through(address: str) -> None:
    assert AddressGuard().refusal(ip_address(address)) is None


def test_an_ipv4_address_inside_ipv6_is_judged_by_what_it_reaches() -> None:
    guard = AddressGuard([ip_network("127.0.0.0/8")])
    for inside in ("64:ff9b::{}", "::ffff:{}"):
        for address in ("8.8.8.8", "127.0.0.1"):
            assert guard.refusal(ip_address(inside.format(address))) is None
        assert guard.refusal(ip_address(inside.format("10.0.0.1"))) == PRIVATE


def test_what_was_given_out_to_nobody_is_refused() -> None:
    for address in ("4000::1", "1000::1", "64:ff9b:1::8.8.8.8", "::8.8.8.8"):
        assert AddressGuard().refusal(ip_address(address)) == OTHER


def test_a_tunnel_is_refused_whatever_it_carries() -> None:
    for carried in ("10.0.0.1", "8.8.8.8"):
        for prefix in ("2606:4700::5efe:", "2606:4700::200:5efe:"):
            assert str(AddressGuard().refusal(ip_address(prefix + carried))).startswith(TUNNEL)


@pytest.mark.parametrize("host", ODD_NUMBERS)
def test_a_number_in_an_odd_form_is_refused_whatever_it_stands_for(host: str) -> None:
    with pytest.raises(AddressRefused, match="is a number in an odd form; write an IPv4 address"):
        AddressGuard([ip_network("0.0.0.0/0")]).check_target(host, 80)


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a%2eb",
        "a..b",
        ".a",
        "-a.b",
        "a" * 64,
        "a." * 127 + "a",
        "fe80::1%eth0",
        "a:b",
        "a/b",
        "",
    ],
)
def test_what_is_neither_a_name_nor_an_address_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused, match="neither a name of the DNS nor an address"):
        AddressGuard().check_target(host, 80)


@pytest.mark.parametrize(
    "host",
    ["a", "a.b.", "xn--bcher-kva.example", "_dmarc.a", "3com.com", "1.1.1.1", "::1", "a0x7f"],
)
def test_names_and_addresses_are_looked_at_further(host: str) -> None:
    AddressGuard().check_target(host, 443)


@pytest.mark.parametrize(
    ("setting", "allowed", "refused"),
    [
        (None, [80, 443, 1_024, 8_080, 65_535], [1, 22, 25, 79, 81, 444, 1_023]),
        ("443", [443], [80, 442, 444, 8_443]),
        ("443, 8000-8002", [443, 8_000, 8_002], [7_999, 8_003]),
        ("1-65535", [1, 65_535], []),
        ("", [], [80, 443]),
    ],
)
def test_only_allowed_ports_are_called(
    setting: str | None, allowed: list[int], refused: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PORTS, raising=False)
    if setting is not None:
        monkeypatch.setenv(PORTS, setting)
    guard = AddressGuard([ip_network("0.0.0.0/0")], load(WorkerSettings).http_call.ports())
    for port in allowed:
        guard.check_target("a.example", port)
    for port in refused:
        with pytest.raises(AddressRefused, match=f"^port {port} is not among .*{PORTS} names them"):
            guard.check_target("a.example", port)


@pytest.mark.parametrize(
    "text", ["http", "0", "65536", "443-80", "80-", "-80", "1_000", "80;443", "99999"]
)
def test_what_is_no_port_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PORTS, text)
    with pytest.raises(SettingsProblem, match=f"^{PORTS}: "):
        load(WorkerSettings)


def test_ports_of_the_guard_are_those_of_the_setting() -> None:
    assert HttpCall().ports() == USUAL_PORTS


@pytest.mark.parametrize(
    ("networks", "allowed", "refused"),
    [
        (
            ["127.0.0.0/8"],
            ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
            ["::1", "10.0.0.1"],
        ),
        (["10.1.0.0/16", "10.3.0.1/32"], ["10.1.2.3", "10.3.0.1"], ["10.2.0.1", "10.3.0.2"]),
        (["fd00::/8"], ["fd12::1"], ["fc00::1", "fe80::1", "127.0.0.1"]),
        (["::ffff:0:0/96"], ["::ffff:10.0.0.1"], ["10.0.0.1"]),
        (["2002::/16"], ["2002:7f00:1::1"], ["2001::1"]),
        (["169.254.169.254/32"], ["169.254.169.254"], ["169.254.169.253"]),
        (["0.0.0.0/0"], ["127.0.0.1", "169.254.169.254", "8.8.8.8"], ["::1"]),
    ],
)
def test_allowed_networks_are_let_through_and_nothing_beside(
    networks: list[str], allowed: list[str], refused: list[str]
) -> None:
    guard = AddressGuard(ip_network(network) for network in networks)
    assert [a for a in allowed if guard.refusal(ip_address(a))] == []
    assert [a for a in refused if not guard.refusal(ip_address(a))] == []


def test_one_bad_address_condemns_the_name() -> None:
    with pytest.raises(AddressRefused, match=r"^mixed\.example is 10\.0\.0\.1, which is a private"):
        AddressGuard().check("mixed.example", ["93.184.216.34", "10.0.0.1"])


def test_the_setting_names_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW, " 127.0.0.0/8, 10.1.2.3 ,fd00::/8,")
    networks = load(WorkerSettings).http_call.networks()
    assert [str(network) for network in networks] == ["127.0.0.0/8", "10.1.2.3/32", "fd00::/8"]


def test_unless_set_no_network_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW, raising=False)
    assert load(WorkerSettings).http_call.networks() == ()


@pytest.mark.parametrize(
    "text", ["localhost", "10.0.0.0/33", "10.0.0.1/8", "10.*", "127.0.0.0/8;::1"]
)
def test_what_is_no_network_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW, text)
    with pytest.raises(SettingsProblem, match=f"^{ALLOW}: "):
        load(WorkerSettings)
