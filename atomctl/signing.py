"""Keys and signatures, made and checked on this machine. The files are cosign's, in both directions."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atom.settings import Settings
from atomctl import files
from atomctl.errors import FileThere, KeyMissing, PasswordMissing
from atomctl.session import Local, command

if TYPE_CHECKING:
    from atom.trust.keys import PrivateKey

MAX_PACKAGE = 1 << 20  # bytes
_MAX_KEY = 64 << 10
_MAX_MATERIAL = 256 << 10

PackageFile = Annotated[Path, typer.Argument(metavar="FILE", help="The package.", show_default=False)]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the key's password from standard input.")]
Bundle = Annotated[Path | None, typer.Option("--bundle", help="Sigstore bundle; default FILE.sigstore.json.")]
Signature = Annotated[Path | None, typer.Option("--signature", help="Detached signature instead of a bundle (.sig).")]


def bundle_of(package: Path) -> Path:
    """Where a package's bundle lies unless somebody says otherwise."""
    return package.with_name(package.name + ".sigstore.json")


def material_of(package: Path, bundle: Path | None, signature: Path | None) -> tuple[Path, bytes] | None:
    """The signature that goes with `package`: as named, else the file beside it. None if there is none."""
    if bundle and signature:
        raise typer.BadParameter("give one of --bundle and --signature", param_hint="--signature")
    beside = (path for path in (bundle_of(package), package.with_name(package.name + ".sig")) if path.exists())
    path = bundle or signature or next(beside, None)
    return (path, files.read(path, _MAX_MATERIAL)) if path else None


def load_key(settings: Settings, path: Path | None, *, password_stdin: bool) -> PrivateKey:
    """The key to sign with: --key, COSIGN_KEY, or what COSIGN_KEY_REF names in Vault.

    Raises KeyMissing, PasswordMissing, and what reading and decrypting it raises.
    """
    from atom.trust.keys import load_private_key

    if path is None and settings.cosign_key_ref:
        from atom.store.vault import Vault

        vault = Vault.from_settings(settings)
        if vault is None:
            raise KeyMissing
        pem = vault.read(settings.cosign_key_ref).get_secret_value()
    else:
        file = path or (Path(settings.cosign_key) if settings.cosign_key else None)
        if file is None:
            raise KeyMissing
        pem = files.read(file, _MAX_KEY).decode("utf-8", errors="replace")
    return load_private_key(pem, read_password(stdin=password_stdin) if "ENCRYPTED" in pem else None)


def read_password(*, stdin: bool, twice: bool = False) -> bytes:
    """From standard input, else COSIGN_PASSWORD (which may be empty), else a prompt. Raises PasswordMissing."""
    if stdin:
        return sys.stdin.buffer.readline().rstrip(b"\r\n")
    if "COSIGN_PASSWORD" in os.environ:
        return os.environ["COSIGN_PASSWORD"].encode()
    if not sys.stdin.isatty():
        raise PasswordMissing
    first = getpass.getpass("Password of the private key: ")
    if twice and getpass.getpass("The same again: ") != first:
        raise typer.BadParameter("the two passwords differ", param_hint="password")
    return first.encode()


def install(app: typer.Typer) -> None:
    command(app, "keygen", rich_help_panel="Author")(keygen)
    command(app, "sign", rich_help_panel="Author")(sign)
    command(app, "verify", rich_help_panel="Author")(verify)


def keygen(
    cli: Local,
    prefix: Annotated[Path, typer.Option("--output-key-prefix", "-o", help="Writes PREFIX.key and PREFIX.pub.")] = Path(
        "cosign"
    ),
    password_stdin: PasswordStdin = False,
) -> None:
    """Make a key pair to sign packages with.

    The private key is encrypted with a password and readable by you only; cosign can use it, too. Hand the public key
    to an admin: `atomctl keys add cosign.pub --name alice`.

    Example: atomctl keygen -o alice
    """
    from atom.trust.keys import generate_key_pair

    key, public = prefix.with_name(prefix.name + ".key"), prefix.with_name(prefix.name + ".pub")
    for path in (key, public):
        if path.exists():
            raise FileThere(path)
    private_pem, public_pem = generate_key_pair(read_password(stdin=password_stdin, twice=True))
    files.write(key, private_pem.encode(), mode=0o600)
    files.write(public, public_pem.encode())
    cli.out.result(
        {"private_key": str(key), "public_key": str(public)},
        lambda: cli.out.facts(
            {"private key": f"{key}  (encrypted; keep it)", "public key": f"{public}  (hand it to an admin)"}
        ),
    )


def sign(
    cli: Local,
    package: PackageFile,
    key: Annotated[
        Path | None, typer.Option("--key", help="Private key; default COSIGN_KEY, or COSIGN_KEY_REF in Vault.")
    ] = None,
    bundle: Bundle = None,
    signature: Signature = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Sign a package.

    Writes what `cosign sign-blob --key … --bundle …` writes. The signature is over the exact bytes of the file: change
    one and it does not verify any more.

    Example: atomctl sign restart-unhealthy-1.0.0.wpk.yaml --key alice.key
    """
    from atom.trust.sign import sign_bundle, sign_detached

    if bundle and signature:
        raise typer.BadParameter("give one of --bundle and --signature", param_hint="--signature")
    data = files.read(package, MAX_PACKAGE)
    private = load_key(cli.settings, key, password_stdin=password_stdin)
    target = signature or bundle or bundle_of(package)
    files.write(target, sign_detached(data, private) if signature else sign_bundle(data, private), replace=True)
    cli.out.result({"file": str(package), "signature": str(target)}, lambda: cli.out.facts({"signature": target}))


def verify(
    cli: Local,
    package: PackageFile,
    key: Annotated[Path, typer.Option("--key", help="Public key of the signer.", show_default=False)],
    bundle: Bundle = None,
    signature: Signature = None,
) -> None:
    """Check a signature, offline.

    Example: atomctl verify restart-unhealthy-1.0.0.wpk.yaml --key alice.pub
    """
    from atom.trust.policy import TrustedKey, TrustPolicy
    from atom.trust.verify import verify_signature

    data = files.read(package, MAX_PACKAGE)
    found = material_of(package, bundle, signature)
    trusted = TrustedKey(name=key.stem, pem=files.read(key, _MAX_KEY).decode("utf-8", errors="replace"))
    done = verify_signature(data, found[1] if found else b"", TrustPolicy(keys=(trusted,)), None, datetime.now(UTC))
    facts = {"signer": done.signer, "kind": done.kind.value, "key_id": done.key_id, "checked": ", ".join(done.checked)}
    cli.out.result(facts, lambda: cli.out.facts({"✓": f"signed by {done.signer}", **facts}))
