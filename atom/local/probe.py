"""The smallest HTTP and gRPC questions that tell whether a server answers. Never through a proxy."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

_LIMIT = 1024 * 1024  # bytes of an answer that are read


def http_request(
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 5.0,
) -> tuple[int, bytes, http.client.HTTPMessage]:
    """Status, body (at most 1 MiB) and headers. Raises OSError or http.client.HTTPException if nobody answers."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(_LIMIT), answer.headers
    finally:
        connection.close()


def http_ready(url: str, wanted: int = 200, headers: Mapping[str, str] | None = None) -> str | None:
    """None if `url` answers with status `wanted`, else why not."""
    try:
        status, body, _ = http_request(url, headers=headers, timeout=2.0)
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {error}"
    return None if status == wanted else f"{url}: HTTP {status} {body[:300].decode(errors='replace')}"


def http_json(url: str, question: object, timeout: float = 5.0) -> object:
    """The JSON answer to a JSON POST. Raises OSError, http.client.HTTPException, ValueError (no JSON, or not 200)."""
    sent = json.dumps(question).encode()
    status, body, _ = http_request(
        url, method="POST", body=sent, headers={"Content-Type": "application/json"}, timeout=timeout
    )
    if status != http.client.OK:
        raise ValueError(f"{url}: HTTP {status}")
    return json.loads(body)


def grpc_request(
    endpoint: str, method: str, request: bytes, *, metadata: Mapping[str, str] | None = None, timeout: float = 5.0
) -> bytes:
    """The serialised answer to a serialised request. Raises OSError with the reason if there is none.

    `endpoint` is http://host:port or, with TLS, https://host:port.
    """
    import grpc  # 0.1 s that only those who ask pay

    parts = urlsplit(endpoint)
    options = [("grpc.enable_http_proxy", 0)]
    if parts.scheme == "https":
        channel = grpc.secure_channel(parts.netloc, grpc.ssl_channel_credentials(), options)
    else:
        channel = grpc.insecure_channel(parts.netloc, options)
    with channel:
        try:
            ask = channel.unary_unary(method)
            answer: bytes = ask(request, timeout=timeout, metadata=list((metadata or {}).items()))
        except grpc.RpcError as error:
            raise OSError(f"{error.code().name}: {error.details()}") from None
    return answer


def milvus_version(endpoint: str, token: str | None = None, timeout: float = 5.0) -> str:
    """What Milvus's GetVersion answers. Raises OSError with the reason if it does not.

    pymilvus takes seconds to import; whoever merely asks whether the server lives needs a few bytes of protobuf: the
    request is empty, the answer holds the version as string field 2.
    """
    metadata = {"authorization": base64.b64encode(token.encode()).decode()} if token else {}
    method = "/milvus.proto.milvus.MilvusService/GetVersion"
    answer = grpc_request(endpoint, method, b"", metadata=metadata, timeout=timeout)
    at = answer.find(b"\x12")
    return answer[at + 2 : at + 2 + answer[at + 1]].decode(errors="replace") if at >= 0 else "unknown"
