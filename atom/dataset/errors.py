"""Why run history could not be turned into vectors or training data."""

from __future__ import annotations

from atom.errors import InvalidInput, Misconfigured, TooLarge, Unavailable


class ModelRefused(Misconfigured):
    """The embedding model's files are not what they should be."""


class EmbeddingRefused(Misconfigured):
    """The embedding service refused the request."""


class EmbeddingUnavailable(Unavailable):
    """The embedding service gave no usable answer."""


class DatasetKeyTooShort(Misconfigured):
    """The key that hides identities in a dataset is too short."""


class UnknownRunStatus(InvalidInput):
    """A run's status is none that labels are defined for."""


class RowRefused(InvalidInput):
    """A training row does not fit its published schema."""


class DatasetTooLarge(TooLarge):
    """There are more rows than one dataset version may hold."""
