"""The robust rate of change: spikes and gaps do not bend it."""

import numpy as np
from numpy.typing import NDArray

from alarms.detectors import rate

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


def slopes(value: NDArray[np.float64], span_s: int = 600) -> NDArray[np.float64]:
    """Feed one point at 10 s and return its slopes per second."""
    anchors, out = rate.Anchors.fresh(1), []
    for i, x in enumerate(value):
        anchors, slope = rate.judge(
            anchors,
            np.array([span_s * SECOND]),
            time=np.array([START + i * 10 * SECOND]),
            value=np.array([x]),
        )
        out.append(slope[0])
    return np.array(out)


def test_a_rate_is_known_only_when_its_span_is_covered() -> None:
    slope = slopes(0.5 * np.arange(200.0))
    assert np.isnan(slope[:50]).all()
    assert np.allclose(slope[60:], 0.05)


def test_a_spike_does_not_bend_the_rate() -> None:
    value = 0.5 * np.arange(200.0)
    value[128] += 1000.0
    assert np.allclose(slopes(value)[60:], 0.05, atol=0.005)


def test_a_gap_longer_than_two_spans_starts_the_rate_afresh() -> None:
    value = 0.5 * np.arange(400.0)
    value[100:300] = np.nan
    slope = slopes(value)
    assert np.isnan(slope[300:340]).all()
    assert np.allclose(slope[360:], 0.05)
