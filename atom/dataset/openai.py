"""Embeddings by any service that speaks OpenAI's `POST /embeddings` (API reference: Embeddings, Create)."""

from __future__ import annotations

import time
from collections.abc import Sequence

import httpx
import numpy as np
import orjson
from numpy.typing import NDArray

from atom.dataset.errors import EmbeddingRefused, EmbeddingUnavailable

_BASE_URL = "https://api.openai.com/v1"
_MODEL = "text-embedding-3-small"  # one of those that can shorten their vectors (`dimensions`)
_DIMENSION = 384  # as the local model's, so that both fit the same collection
_BATCH = 64  # texts a request
_MAX_CHARACTERS = 8_000  # a text; far under the service's 8,191 tokens for English
_MAX_ANSWER = 8 * 2**20  # bytes; 64 vectors of 384 numbers are about 0.5 MB
_SECONDS = 60.0  # a request, from first byte out to last byte in


class OpenAiEmbedder:
    """One HTTP request per 64 texts, each bounded in time and size. Texts leave this machine."""

    dimension = _DIMENSION

    def __init__(self, key: str, *, base_url: str | None = None, model: str = _MODEL) -> None:
        self._url = httpx.URL((base_url or _BASE_URL).rstrip("/") + "/embeddings")
        self._model = model
        self._key = key
        self.model_id = f"{model}@{self._url.host}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 (len(texts), 384), rows of length 1.

        Raises EmbeddingRefused (4xx: key, model or address is wrong) or EmbeddingUnavailable (everything else).
        """
        unique = list(dict.fromkeys(texts))
        vectors = np.empty((len(unique), _DIMENSION), np.float32)
        with httpx.Client(timeout=_SECONDS / 4, headers={"Authorization": f"Bearer {self._key}"}) as client:
            for start in range(0, len(unique), _BATCH):
                batch = unique[start : start + _BATCH]
                vectors[start : start + len(batch)] = self._embed_batch(client, batch)
        position = {text: i for i, text in enumerate(unique)}
        return vectors[[position[text] for text in texts]]

    def _embed_batch(self, client: httpx.Client, texts: list[str]) -> NDArray[np.float32]:
        body = {
            "model": self._model,
            "input": [text[:_MAX_CHARACTERS] or " " for text in texts],  # an empty input is refused
            "dimensions": _DIMENSION,
            "encoding_format": "float",
        }
        try:
            with client.stream("POST", self._url, json=body) as response:
                self._check(response)
                answer = orjson.loads(self._bounded(response))
            ordered = sorted(answer["data"], key=lambda item: int(item["index"]))
            vectors = np.array([item["embedding"] for item in ordered], np.float32)
        except httpx.HTTPError as error:
            raise self._unavailable(type(error).__name__) from None
        except (ValueError, KeyError, TypeError):
            raise self._unavailable("an answer of another form") from None
        if vectors.shape != (len(texts), _DIMENSION) or not np.isfinite(vectors).all():
            raise self._unavailable(f"vectors of shape {vectors.shape}")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not lengths.all():
            raise self._unavailable("a vector of zeros")
        return np.asarray(vectors / lengths, np.float32)

    def _check(self, response: httpx.Response) -> None:
        if response.status_code in (408, 429) or response.status_code >= 500:
            raise self._unavailable(f"HTTP {response.status_code}")
        if response.status_code != 200:
            raise EmbeddingRefused(
                expected=f"HTTP 200 from {self._url}",
                found=f"HTTP {response.status_code}",  # never the body: some services echo the key
                remedy="check OPENAI_KEY and OPENAI_BASE_URL, or unset OPENAI_KEY to use the bundled model",
            )

    def _bounded(self, response: httpx.Response) -> bytes:
        deadline = time.monotonic() + _SECONDS
        data = bytearray()
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > _MAX_ANSWER or time.monotonic() > deadline:
                raise self._unavailable("an answer that is too long or too slow")
        return bytes(data)

    def _unavailable(self, found: str) -> EmbeddingUnavailable:
        return EmbeddingUnavailable(
            expected=f"embeddings of {_DIMENSION} numbers from {self._url}",
            found=found,
            remedy="try again later, or unset OPENAI_KEY to use the bundled model",
        )
