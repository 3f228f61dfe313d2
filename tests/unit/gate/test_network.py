from __future__ import annotations

import pytest

from atom.gate.network import is_external


@pytest.mark.parametrize(
    "host",
    ["cart", "cart:8080", "cart.shop.svc", "cart.shop.svc.cluster.local.", "localhost", "127.0.0.1:80", "10.1.2.3", "[::1]:9"],
)  # fmt: skip
def test_inside_the_cluster(host: str) -> None:
    assert not is_external(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "cart.svc@example.com",
        "169.254.169.254",
        "metadata.google.internal",
        "2130706433",
        "0x7f000001",
        "$HOST",
        "8.8.8.8",
        "[2001:db8::1]",
        "[fe80::1]",
        "",
    ],
)
def test_outside_or_not_to_be_told(host: str) -> None:
    assert is_external(host)
