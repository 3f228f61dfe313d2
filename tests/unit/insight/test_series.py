"""Planted anomalies are found where they were planted; noise, short and empty series are met with silence."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from atom.insight.series import Series, detect

NOON = datetime(2026, 10, 3, 12, tzinfo=UTC)


def series(values: list[float] | np.ndarray) -> Series:
    return Series([NOON + timedelta(minutes=i) for i in range(len(values))], [float(v) for v in values])


def noise(seed: int, length: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 5, length)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("at", "by", "direction"), [(0, 80, "up"), (30, 80, "up"), (59, -80, "down")])
def test_a_planted_outlier_is_found_alone(seed: int, at: int, by: float, direction: str) -> None:
    values = noise(seed, 60)
    values[at] += by
    (found,) = detect(series(values))
    assert (found.kind, found.direction, found.start, found.end) == ("outlier", direction, at, at)
    assert found.baseline == pytest.approx(100, abs=3)
    assert 0.99 < found.score <= 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("at", [20, 40, 60])
def test_a_planted_level_shift_is_found_near_its_place(seed: int, at: int) -> None:
    values = noise(seed, 80)
    values[at:] -= 25
    (found,) = detect(series(values))
    assert (found.kind, found.direction, found.end) == ("level-shift", "down", 79)
    assert abs(found.start - at) <= 5  # ranks place a change off the middle slightly towards it
    assert found.baseline - found.value == pytest.approx(25, abs=4)


def test_an_outlier_on_the_new_level_is_found_beside_the_shift() -> None:
    values = noise(7, 100)
    values[50:] += 60
    values[80] += 100
    assert [(a.kind, a.start) for a in detect(series(values))] == [("level-shift", 50), ("outlier", 80)]


def test_many_outliers_do_not_hide_each_other() -> None:
    values = noise(3, 100)
    at = [5, 25, 45, 65, 85, 95]
    values[at] += 200
    assert [a.start for a in detect(series(values)) if a.kind == "outlier"] == at


@pytest.mark.parametrize("length", [20, 40, 100, 300])
def test_white_noise_is_silent_in_99_of_100_series(length: int) -> None:
    alarms = sum(bool(detect(series(noise(seed, length)))) for seed in range(500))
    assert alarms <= 5, f"{alarms} of 500 series of {length} values"


@pytest.mark.parametrize("values", [[], [1.0], [5.0] * 19, [100.0] * 18 + [1e9]])
def test_too_short_a_series_gives_nothing(values: list[float]) -> None:
    assert detect(series(values)) == []


@pytest.mark.parametrize("values", [[7.0] * 50, [0.0] * 49 + [1.0]])
def test_a_series_without_spread_gives_nothing(values: list[float]) -> None:
    assert detect(series(values)) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_no_number_gives_nothing(bad: float) -> None:
    assert detect(series([*noise(1, 30), bad])) == []


def test_units_do_not_matter() -> None:
    values = noise(11, 60)
    values[30] += 100
    plain = detect(series(values))
    scaled = detect(series(values * 1000 - 7))
    assert [(a.kind, a.start, a.direction) for a in plain] == [(a.kind, a.start, a.direction) for a in scaled]


def test_times_and_values_must_match() -> None:
    with pytest.raises(ValueError, match="1 times for 2 values"):
        Series([NOON], [1.0, 2.0])
