"""Which addresses a call may reach: global ones, and those of networks that the operator allows.

The table is our own, because what Python calls global differs by its version, counts multicast in, and
knows nothing of what an address carries inside.
"""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from worker_service.guarded_http.names import refusal_of_name

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_GLOBAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "an address of this machine"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a private address (carrier-grade NAT)"),
        ("127.0.0.0/8", "a loopback address"),
        ("168.63.129.16/32", "a cloud's metadata address"),
        ("169.254.169.254/32", "a cloud's metadata address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "a reserved address (documentation)"),
        ("192.88.99.0/24", "a reserved address (6to4 relay)"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "a reserved address (benchmarks)"),
        ("198.51.100.0/24", "a reserved address (documentation)"),
        ("203.0.113.0/24", "a reserved address (documentation)"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "an address of this machine"),
        ("::1/128", "a loopback address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address (site-local)"),
        ("ff00::/8", "a multicast address"),
        ("2001::/32", "a tunnel's address (Teredo)"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "a reserved address (documentation)"),
        ("2002::/16", "a tunnel's address (6to4)"),
        ("3fff::/20", "a reserved address (documentation)"),
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""The only part of IPv6 that is given out for global use."""
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""What stands before the IPv4 address in an address of such a tunnel, in a network of any prefix."""
USUAL_PORTS = (range(80, 81), range(443, 444), range(1_024, 65_536))
"""Below 1024 live services that were never meant for HTTP, and some obey lines of a request as commands."""


class AddressRefused(Exception):
    """A host, a port, or an address that a name resolves to may not be reached; the text names it."""


class AddressGuard:
    """Global addresses, and `allowed` networks; of both only the `ports`.

    An IPv4 address in IPv6 clothes (IPv4-mapped, NAT64) is judged as the IPv4 address that it reaches.
    Other tunnels (6to4, Teredo, ISATAP) are refused whatever they carry.
    """

    def __init__(
        self, allowed: Iterable[Network] = (), ports: Iterable[range] = USUAL_PORTS
    ) -> None:
        self._allowed = tuple(allowed)
        self._ports = tuple(ports)

    def check_target(self, host: str, port: int) -> None:
        """What a URL says, before anything is looked up.

        Raises:
            AddressRefused: the host is in no form that is looked up, or the port is not allowed.
        """
        what = refusal_of_name(host)
        if what is not None:
            raise AddressRefused(f"{host} is {what}")
        if not any(port in allowed for allowed in self._ports):
            raise AddressRefused(
                f"port {port} is not among those that may be called; "
                "PUNCTUAL_HTTP_CALL__ALLOW_PORTS names them"
            )

    def check(self, host: str, addresses: Sequence[str]) -> None:
        """All that a name resolves to. One bad address condemns the name.

        Raises:
            AddressRefused: the first one that may not be reached.
        """
        for text in addresses:
            what = self.refusal(ip_address(text))
            if what is not None:
                named = text if text == host else f"{host} is {text}, which"
                raise AddressRefused(
                    f"{named} is {what}; PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS names networks to let through"
                )

    def refusal(self, address: Address) -> str | None:
        """What speaks against an address; None if nothing does."""
        reached = _reached(address)
        if any(address in network or reached in network for network in self._allowed):
            return None
        for network, what in _NOT_GLOBAL:
            if reached in network:
                return what
        if isinstance(reached, IPv6Address) and reached not in _GLOBAL_IPV6:
            return "no global address"
        if isinstance(reached, IPv6Address) and (int(reached) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return "a tunnel's address (ISATAP)"
        return None if reached.is_global else "no global address"


def _reached(address: Address) -> Address:
    """Where packets to it end."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address
