"""Which addresses in a text lie outside the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

_URL = re.compile(r"\b([a-z][a-z0-9+.-]{1,20})://([^\s/?#'\"<>\\`]{1,300})", re.IGNORECASE)
_DEVICE = re.compile(r"/dev/(?:tcp|udp)/([^/\s'\"]{1,300})")  # bash opens a connection for such a path
_COMMAND = re.compile(
    r"(?:^|[\s;&|(`])(?:\S{0,64}/)?(curl|wget|nc|ncat|netcat|telnet|ssh|scp|sftp|rsync|socat|ftp)\s+([^\n;|&]{1,500})"
)
_NOT_A_CALL = {"file", "unix", "vault", "wpk"}
_CLUSTER_SUFFIXES = (".svc", ".cluster.local", ".localhost")
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")
_INSIDE = tuple(ip_network(network) for network in _PRIVATE)
_SERVICE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def external_addresses(text: str) -> Iterator[str]:
    """Hosts outside the cluster in URLs and device paths of `text`."""
    hosts = [host for scheme, host in _URL.findall(text) if scheme.lower() not in _NOT_A_CALL] + _DEVICE.findall(text)
    return (host for host in hosts if is_external(host))


def opaque_calls(script: str) -> Iterator[str]:
    """Commands that call another host, which is not given as a URL: `nc 203.0.113.9 443`, `ssh $HOST`."""
    for command, arguments in _COMMAND.findall(script):
        if "://" in arguments:
            continue
        words = [word.strip("'\"") for word in arguments.split()]
        hosts = [word for word in words if not word.startswith(("-", "/"))]
        if not hosts or any(is_external(host.split("/")[0]) for host in hosts if not host.isdigit()):
            yield f"{command} {arguments.strip()}"


def is_external(authority: str) -> bool:
    """Whether `[user@]host[:port]` may lie outside the cluster; also true where it cannot be told (variables).

    Inside are names of services (one label, or ending in .svc or .cluster.local), loopback and private addresses (RFC
    1918, RFC 4193). A link-local address is outside: it is where clouds serve machine credentials.
    """
    host = authority.rpartition("@")[2].lower()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    host = host.rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return not (_SERVICE.fullmatch(host) or host.endswith(_CLUSTER_SUFFIXES))
    return not any(address in network for network in _INSIDE)
