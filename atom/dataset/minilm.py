"""all-MiniLM-L6-v2 as an ONNX graph, built from its safetensors weights: no torch, no download, no export step.

The network is BERT's encoder (Devlin et al. 2018, arXiv:1810.04805, §3; layer order as in "Attention is all you need",
arXiv:1706.03762) in MiniLM's size (arXiv:2002.10957): 6 post-norm layers, width 384, 12 heads, exact (erf) GELU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from atom.dataset.errors import ModelRefused

Weights = Mapping[str, NDArray[np.float32]]

LAYERS, HEADS, WIDTH, INNER = 6, 12, 384, 1536
VOCABULARY, POSITIONS = 30_522, 512
_EPSILON = 1e-12  # layer_norm_eps of the published config.json
_OPSET = 20  # the first with Gelu; LayerNormalization came in 17
_INLINE = 1_024  # numbers; smaller constants (shapes, biases, norms) stay in the model
_IR_VERSION = 10  # what belongs to opset 20; onnx's own default may be newer than the runtime reads


def build_graph(weights: Weights) -> tuple[bytes, dict[str, NDArray[np.generic]]]:
    """An ONNX model computing the last hidden state, and its weights by name, to be given to the session beside it.

    Keeping 90 MB of weights out of the protobuf makes loading ten times faster and four times smaller.

    Inputs: `tokens` int64 (batch, length), `positions` int64 (length), `bias` float32 (batch, 1, 1, length), which is 0
    for a token and very negative for padding. Output: `hidden` float32 (batch, length, 384).
    Raises ModelRefused if a weight is missing or has another shape than MiniLM-L6's.
    """
    graph = _Graph(weights)
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight", (VOCABULARY, WIDTH)), "tokens")
    # There is only ever one segment, so its embedding is added to the positions once and for all.
    segment = graph.array("embeddings.token_type_embeddings.weight", (2, WIDTH))[0]
    places = graph.array("embeddings.position_embeddings.weight", (POSITIONS, WIDTH)) + segment
    hidden = graph.add("Add", words, graph.add("Gather", graph.constant(places), "positions"))
    hidden = graph.norm(hidden, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        hidden = _layer(graph, hidden, f"encoder.layer.{layer}")
    graph.add("Identity", hidden, output="hidden")
    return graph.serialise()


def _layer(graph: _Graph, hidden: str, at: str) -> str:
    context = _attention(graph, hidden, f"{at}.attention.self")
    context = graph.dense(context, f"{at}.attention.output.dense", WIDTH, WIDTH)
    hidden = graph.norm(graph.add("Add", context, hidden), f"{at}.attention.output.LayerNorm")
    inner = graph.add("Gelu", graph.dense(hidden, f"{at}.intermediate.dense", WIDTH, INNER))
    inner = graph.dense(inner, f"{at}.output.dense", INNER, WIDTH)
    return graph.norm(graph.add("Add", inner, hidden), f"{at}.output.LayerNorm")


def _attention(graph: _Graph, hidden: str, at: str) -> str:
    size = WIDTH // HEADS
    split = graph.constant(np.array([0, 0, HEADS, size], np.int64))

    def heads(name: str, order: list[int]) -> str:
        parted = graph.add("Reshape", graph.dense(hidden, f"{at}.{name}", WIDTH, WIDTH), split)
        return graph.add("Transpose", parted, perm=order)

    scores = graph.add("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]))
    scores = graph.add("Mul", scores, graph.constant(np.array(size**-0.5, np.float32)))
    attention = graph.add("Softmax", graph.add("Add", scores, "bias"), axis=-1)
    context = graph.add("Transpose", graph.add("MatMul", attention, heads("value", [0, 2, 1, 3])), perm=[0, 2, 1, 3])
    return graph.add("Reshape", context, graph.constant(np.array([0, 0, WIDTH], np.int64)))


class _Graph:
    """Nodes and initialisers in the making; every value is named by a number, since nobody reads them by name."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: list[onnx.TensorProto] = []
        self._arrays: dict[str, NDArray[np.generic]] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        found = self._weights.get(name)
        if found is None or found.shape != shape or found.dtype != np.float32:
            raise ModelRefused(
                expected=f"MiniLM-L6 weights: {name} float32 {shape}",
                found="no such weight" if found is None else f"{found.dtype} {found.shape}",
                remedy="point EMBEDDING_MODEL_DIR at a model with all-MiniLM-L6-v2's architecture",
            )
        return found

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"w{len(self._initialisers)}"
        if value.size < _INLINE:
            self._initialisers.append(numpy_helper.from_array(value, name))
        else:
            self._initialisers.append(_elsewhere(name, value))
            self._arrays[name] = np.ascontiguousarray(value)
        return name

    def weight(self, name: str, shape: tuple[int, ...]) -> str:
        return self.constant(self.array(name, shape))

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def dense(self, x: str, at: str, wide_in: int, wide_out: int) -> str:
        """x·Wᵀ + b: weights are stored (out, in)."""
        kernel = self.constant(self.array(f"{at}.weight", (wide_out, wide_in)).T)
        return self.add("Add", self.add("MatMul", x, kernel), self.weight(f"{at}.bias", (wide_out,)))

    def norm(self, x: str, at: str) -> str:
        scale, shift = self.weight(f"{at}.weight", (WIDTH,)), self.weight(f"{at}.bias", (WIDTH,))
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=_EPSILON)

    def serialise(self) -> tuple[bytes, dict[str, NDArray[np.generic]]]:
        inputs = [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "length"]),
            helper.make_tensor_value_info("positions", TensorProto.INT64, ["length"]),
            helper.make_tensor_value_info("bias", TensorProto.FLOAT, ["batch", 1, 1, "length"]),
        ]
        outputs = [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["batch", "length", WIDTH])]
        graph = helper.make_graph(self._nodes, "minilm-l6", inputs, outputs, self._initialisers)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
        return model.SerializeToString(), self._arrays


def _elsewhere(name: str, value: NDArray[np.generic]) -> onnx.TensorProto:
    """A float32 initialiser whose numbers are not in the model; the location is never opened."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=value.shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="given-to-the-session")
    return tensor
