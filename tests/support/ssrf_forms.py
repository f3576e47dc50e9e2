"""URLs by which a payload could try to reach what only a worker reaches: every address that is not global, in
every way to write it that some parser, resolver or network takes; and ports, schemes and names beside.

`FORMS` is the table: one row for each URL, with the trick that it tries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

TARGETS = (
    "127.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1",
    "0.0.0.0", "198.18.0.1", "168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255",
)  # fmt: skip
"""One of each class."""
TARGETS_6 = (
    "::", "::1", "::2", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
    "100::1", "2001::1", "2001:2::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "4000::1",
    "5f00::1", "64:ff9b:1::1",
)  # fmt: skip
PORTS = (1, 7, 9, 11, 19, 20, 21, 22, 23, 25, 53, 69, 79, 81, 88, 110, 111, 123, 135, 139, 143, 161, 389, 445,
         465, 514, 587, 631, 993, 995, 1023)  # fmt: skip
SCHEMES = (
    "ftp",
    "file",
    "gopher",
    "dict",
    "ldap",
    "jar",
    "data",
    "javascript",
    "ws",
    "unix",
    "httpx",
)
METADATA = ("metadata", "metadata.google.internal", "METADATA.google.internal.", "metadata.goog",
            "instance-data", "metadata.azure.internal", "metadata.tencentyun.com")  # fmt: skip
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
DOTS = {"ideographic dot": "。", "full-width dot": "．", "half-width dot": "｡"}


@dataclass(frozen=True)
class Form:
    """One URL. `resolves`: what the DNS says of its host, where that is a name."""

    trick: str
    url: str
    resolves: tuple[str, ...] = ()


def _forms() -> Iterator[Form]:
    for target in TARGETS:
        address = IPv4Address(target)
        for trick, host in (
            *_as_numbers(address),
            *_in_other_signs(target),
            *_inside_ipv6(address),
        ):
            yield Form(trick, f"http://{host}/")
        yield from _around(target)
        yield from _by_name(target)
    for target in TARGETS_6:
        yield from _of_ipv6(IPv6Address(target))
    for port in PORTS:
        yield Form("port", f"http://outside.example:{port}/", ("93.184.216.34",))
    for scheme in SCHEMES:
        yield Form("scheme", f"{scheme}://outside.example/", ("93.184.216.34",))
    for name in METADATA:
        yield Form("metadata name", f"http://{name}/", ("93.184.216.34",))


def _as_numbers(address: IPv4Address) -> Iterator[tuple[str, str]]:
    """What `inet_aton` takes."""
    number, (a, b, c, d) = int(address), address.packed
    yield "dotted", str(address)
    yield "trailing dot", f"{address}."
    yield "one decimal number", f"{number}"
    yield "one decimal number, trailing dot", f"{number}."
    yield "one number that wraps round", f"{number + 2**32}"
    yield "one hex number", f"0x{number:x}"
    yield "one hex number, big letters", f"0X{number:X}"
    yield "one hex number, padded", f"0x{number:016x}"
    yield "one octal number", f"0{number:o}"
    yield "hex in each part", f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"
    yield "octal in each part", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"
    yield "octal, padded", f"000{a:o}.000{b:o}.000{c:o}.000{d:o}"
    yield "decimal with zeros", f"{a:03}.{b:03}.{c:03}.{d:03}" if a < 100 else f"0{a}.{b}.{c}.{d}"
    yield "hex, decimal and octal", f"0x{a:x}.{b}.0{c:o}.{d}"
    yield "two parts", f"{a}.{number & 0xFFFFFF}"
    yield "three parts", f"{a}.{b}.{number & 0xFFFF}"
    yield "hex of two parts", f"0x{a:x}.0x{number & 0xFFFFFF:x}"
    yield "five parts", f"{address}.0"


def _in_other_signs(target: str) -> Iterator[tuple[str, str]]:
    yield "full-width digits", target.translate(FULL_WIDTH)
    yield "circled digits", target.translate(CIRCLED)
    yield "arabic digits", target.translate(ARABIC)
    for trick, dot in DOTS.items():
        yield trick, target.replace(".", dot)
    yield "percent-encoded", "".join(f"%{ord(sign):02x}" for sign in target)
    yield "percent-encoded dots", target.replace(".", "%2e")
    yield "soft hyphen", target.replace(".", "\u00ad.")
    yield "zero-width joiner", target.replace(".", "\u200d.")
    yield "in brackets", f"[{target}]"


def _inside_ipv6(address: IPv4Address) -> Iterator[tuple[str, str]]:
    high, low = f"{int(address) >> 16:x}", f"{int(address) & 0xFFFF:x}"
    flipped = IPv4Address(int(address) ^ 0xFFFF_FFFF)
    yield "IPv4-mapped", f"[::ffff:{address}]"
    yield "IPv4-mapped, hex", f"[::ffff:{high}:{low}]"
    yield "IPv4-mapped, big letters, in full", f"[0:0:0:0:0:FFFF:{high.upper()}:{low}]"
    yield "IPv4-mapped, with a zone", f"[::ffff:{address}%25lo]"
    yield "IPv4-compatible", f"[::{address}]"
    yield "IPv4-translated", f"[::ffff:0:{address}]"
    yield "NAT64", f"[64:ff9b::{address}]"
    yield "NAT64, hex", f"[64:ff9b::{high}:{low}]"
    yield "NAT64 of the place", f"[64:ff9b:1::{address}]"
    yield "6to4", f"[2002:{high}:{low}::1]"
    yield "Teredo", f"[2001:0:4136:e378:8000:63bf:{flipped}]"
    yield "Teredo, as its server", f"[2001:0:{high}:{low}::1]"
    yield "ISATAP", f"[2606:4700:0:1::5efe:{address}]"
    yield "ISATAP, universal", f"[2606:4700:0:1:200:5efe:{address}]"


def _around(target: str) -> Iterator[Form]:
    """A host that one parser sees and another does not."""
    yield Form("user", f"http://user@{target}/")
    yield Form("user and password", f"http://outside.example:80@{target}/")
    yield Form("two at signs", f"http://a@outside.example@{target}/")
    yield Form("backslash", f"http://outside.example\\@{target}/")
    yield Form("backslash after the host", f"http://{target}\\.outside.example/")
    yield Form("tab in the host", f"http://{target[:2]}\t{target[2:]}/")
    yield Form("line end in the host", f"http://{target}\r\n.outside.example/")
    yield Form("scheme in other letters", f"hTtP://{target}/")
    yield Form("https", f"https://{target}/")
    yield Form("with a port", f"http://{target}:8080/")


def _by_name(target: str) -> Iterator[Form]:
    name = target.replace(".", "-")
    yield Form("name", f"http://{name}.example/", (target,))
    yield Form("name with a trailing dot", f"http://{name}.example./", (target,))
    yield Form("name that holds an address", f"http://{target}.wild.example/", (target,))
    yield Form("name in another script", f"http://bücher-{name}.example/", (target,))
    yield Form("name of a mapped address", f"http://m-{name}.example/", (f"::ffff:{target}",))
    yield Form("name of a NAT64 address", f"http://n-{name}.example/", (f"64:ff9b::{target}",))
    yield Form("name of two", f"http://two-{name}.example/", ("93.184.216.34", target))
    yield Form("name of two kinds", f"http://six-{name}.example/", ("2606:4700:4700::1111", target))


def _of_ipv6(address: IPv6Address) -> Iterator[Form]:
    yield Form("IPv6", f"http://[{address}]/")
    yield Form("IPv6 in full", f"http://[{address.exploded}]/")
    yield Form("IPv6 in big letters", f"https://[{address.exploded.upper()}]:8443/")
    yield Form("IPv6 with a zone", f"http://[{address}%25eth0]/")
    yield Form("IPv6 with a bare zone", f"http://[{address}%1]/")
    yield Form("name of IPv6", f"http://v6-{int(address):x}.example/", (str(address),))


FORMS: tuple[Form, ...] = tuple({form.url: form for form in _forms()}.values())
