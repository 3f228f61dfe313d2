"""What must not leave does not; what is only long or odd stays."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from atom.dataset.redact import redact

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1LTMxIn0.MEUCIQDx"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNdqyD\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "clean", "kind"),
    [
        ("ask jane.doe+ops@example.co.uk now", "ask <EMAIL> now", "EMAIL"),
        ("dial 10.20.30.40:8443 failed", "dial <IP>:8443 failed", "IP"),
        ("peer [2001:db8::17]:80 reset", "peer [<IP>]:80 reset", "IP"),
        (f"got {JWT} back", "got <SECRET> back", "SECRET"),
        ("Authorization: Bearer abc123def456", "Authorization: <SECRET>", "SECRET"),
        ("key AKIAIOSFODNN7EXAMPLE leaked", "key <SECRET> leaked", "SECRET"),
        ("ghp_abcdefghijklmnop1234 used", "<SECRET> used", "SECRET"),
        ("hvs.CAESIJlU9JMYEhOPYv4igBzqxyz denied", "<SECRET> denied", "SECRET"),
        ("password=hunter2, retrying", "<SECRET>, retrying", "SECRET"),
        ('{"api_key": "s3cr3t value"}', '{"<SECRET>}', "SECRET"),
        ("postgresql://app:pa55word@db/atom", "postgresql://<SECRET>@db/atom", "SECRET"),
        (f"read {PEM} ok", "read <SECRET> ok", "SECRET"),
        ("read -----BEGIN RSA PRIVATE KEY-----\nMIIE", "read <SECRET>", "SECRET"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "<SECRET>", "SECRET"),
        ("value 9f86d081884c7d659a2feaa0c55ad015 seen", "value <SECRET> seen", "SECRET"),
        ("run 018f4e5c-9d1b-7a3e-8c00-0123456789ab failed", "run <ID> failed", "ID"),
        ("pod cart-7f8d9c6b5-x2kqz crashed", "pod cart-<ID> crashed", "ID"),
        ("digest sha256:" + "0a" * 32, "digest <ID>", "ID"),
    ],
)
def test_it_is_taken_out_and_counted(text: str, clean: str, kind: str) -> None:
    found = redact(text)
    assert found.text == clean
    assert {name: n for name, n in asdict(found.hits).items() if n} == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "deployment not found within 3m0s (HTTP 404)",
        "at 2026-10-03T10:03:12.101Z step restart failed",
        "kube_pod_container_status_restarts_total5m was 3.0, expected 0.0",
        "GET /apis/apps/v1/namespaces/shop/deployments/cart: conflict",
        "version 1.29.4 of internationalisation-service-backend",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text).text == text


def test_redacting_twice_changes_nothing() -> None:
    once = redact(f"{JWT} password=x jane@example.com 10.0.0.1 {PEM}").text
    assert redact(once).text == once


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "@" * 100_000, "-" * 100_000, "1." * 50_000, "a:" * 50_000, "password " * 10_000, "eyJ" * 30_000],
    ids=lambda text: text[:9],
)
def test_hostile_text_is_cut_and_ends(text: str) -> None:
    assert (
        len(redact(text).text) <= 16_384 * 2
    )  # a pattern that backtracks would not get here before the suite's timeout
