"""Which hosts of a URL are looked up at all.

A host is an address in its one usual form, or a name of the DNS. All else that some resolver or another parser
would take for an address (`0x7f.1`, `2130706433`, `127.1`) is refused before anybody is asked: two programs
that read it differently are how a check is passed by.
"""

import re
from ipaddress import IPv6Address, ip_address

MAX_NAME_CHARS = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

METADATA = frozenset(
    {
        "instance-data", "instance-data.ec2.internal", "metadata", "metadata.aliyun.com",
        "metadata.azure.internal", "metadata.goog", "metadata.google.internal",
        "metadata.oraclecloud.com", "metadata.packet.net", "metadata.platformequinix.com",
        "metadata.tencentyun.com",
    }
)  # fmt: skip
"""Names by which clouds give a machine's credentials to whoever asks from inside."""


def refusal_of_name(host: str) -> str | None:
    """What speaks against the host of a URL (in lower case, without brackets); None if nothing does."""
    if _is_address(host):
        return None
    name = host.removesuffix(".")
    labels = name.split(".")
    if len(name) > MAX_NAME_CHARS or not all(map(_LABEL.fullmatch, labels)):
        return "neither a name of the DNS nor an address"
    if _NUMBER.fullmatch(labels[-1]):
        return "a number in an odd form; write an IPv4 address as four decimal numbers"
    return "a cloud's metadata service" if name in METADATA else None


def _is_address(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return not (isinstance(address, IPv6Address) and address.scope_id)
