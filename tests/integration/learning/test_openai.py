"""The embedding client against a real HTTP server that answers well, badly, and with malice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from atom.dataset.errors import EmbeddingRefused, EmbeddingUnavailable
from atom.dataset.openai import OpenAiEmbedder

Answer = Callable[[dict[str, Any]], tuple[int, bytes]]
KEY = "sk-test-0123456789"


def vector(text: str) -> list[float]:
    return np.random.default_rng(len(text)).normal(size=384).tolist()


def well(request: dict[str, Any]) -> tuple[int, bytes]:
    """As OpenAI answers, but in another order, which `index` allows."""
    data = [{"index": i, "embedding": vector(text)} for i, text in enumerate(request["input"])]
    return 200, json.dumps({"data": data[::-1]}).encode()


class Service:
    def __init__(self) -> None:
        self.answer: Answer = well
        self.requests: list[tuple[str, str | None, dict[str, Any]]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.requests.append((self.path, self.headers["Authorization"], body))
                status, data = service.answer(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.server.serve_forever, args=(0.02,))
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


def test_vectors_come_back_normalised_and_in_order(service: Service) -> None:
    embedder = OpenAiEmbedder(KEY, base_url=service.url)
    texts = ["one", "three", "one", ""]
    vectors = embedder.embed(texts)
    assert (vectors.shape, vectors.dtype) == ((4, 384), np.float32)
    expected = np.array([vector(text or " ") for text in texts])
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    ((path, authorization, body),) = service.requests
    assert (path, authorization) == ("/v1/embeddings", f"Bearer {KEY}")
    assert (body["model"], body["dimensions"], body["input"]) == ("text-embedding-3-small", 384, ["one", "three", " "])


def test_many_texts_go_in_several_requests_and_long_ones_are_cut(service: Service) -> None:
    vectors = OpenAiEmbedder(KEY, base_url=service.url).embed([f"{i}" + "x" * 20_000 for i in range(130)])
    assert len(vectors) == 130
    assert [len(body["input"]) for _, _, body in service.requests] == [64, 64, 2]
    assert max(len(text) for text in service.requests[0][2]["input"]) == 8_000


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404])
def test_a_refusal_is_not_unavailability_and_never_shows_the_key(service: Service, status: int) -> None:
    service.answer = lambda _: (status, f"Incorrect API key provided: {KEY}".encode())
    with pytest.raises(EmbeddingRefused) as caught:
        OpenAiEmbedder(KEY, base_url=service.url).embed(["x"])
    assert KEY not in str(caught.value.as_dict())


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_service_in_trouble_is_unavailable(service: Service, status: int) -> None:
    service.answer = lambda _: (status, b"")
    with pytest.raises(EmbeddingUnavailable, match=str(status)):
        OpenAiEmbedder(KEY, base_url=service.url).embed(["x"])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"data": 7}',
        b'{"data": []}',
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 0, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 0, "embedding": [' + b"0," * 383 + b"0]}]}",
        b'{"data": [{"index": 0, "embedding": [' + b'"a",' * 383 + b'"a"]}]}',
        b"x" * (9 * 2**20),
    ],
    ids=["empty", "html", "list", "no-list", "none", "no-vector", "short", "zeros", "words", "huge"],
)
def test_an_answer_of_another_form_is_unavailable(service: Service, data: bytes) -> None:
    service.answer = lambda _: (200, data)
    with pytest.raises(EmbeddingUnavailable):
        OpenAiEmbedder(KEY, base_url=service.url).embed(["x"])


def test_nobody_listening_is_unavailable() -> None:
    with pytest.raises(EmbeddingUnavailable, match="ConnectError"):
        OpenAiEmbedder(KEY, base_url="http://127.0.0.1:9/v1").embed(["x"])
