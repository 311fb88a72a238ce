"""The plant as ingest needs it: tags to rows, who may report a point, instruments' ranges."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.plant import Plant

RAW_RETENTION_US: Final = 400 * 86_400_000_000
"""How long readings are kept where nothing else is said (contracts.md section 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Columns along the plant's points; NaN where an instrument has no range.

    `owner` is the place in `gateways` of the only gateway that may report a point, -1 for any of
    its enterprise, and one past the last gateway for a computed point, which none may report; `ids`
    are database ids. `owner`, `low` and `high` are one longer than the plant: row -1, an unknown
    tag, has no owner and no range. `keeps_us` is how long the record keeps readings.
    """

    plant: Plant
    gateways: Mapping[str, int]
    owner: NDArray[np.int32]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    ids: NDArray[np.int32]
    keeps_us: int

    @classmethod
    def of(
        cls, plant: Plant, gateways: Mapping[str, int], *, keeps_us: int = RAW_RETENTION_US
    ) -> Self:
        """Lay a plant out; `gateways` numbers its gateways."""
        columns = plant.columns
        ranges = np.array([point.range or (np.nan, np.nan) for point in columns.like]).reshape(
            -1, 2
        )
        low, high = ranges[columns.of].T
        named = [*(gateways.get(gateway, -1) for gateway in columns.gateways), -1]
        computed = columns.where(lambda point: point.compute is not None)
        owner = np.where(computed, len(gateways), np.array(named)[columns.reporter])
        return cls(
            plant=plant,
            gateways=gateways,
            owner=np.append(owner, -1).astype(np.int32),
            low=np.append(low, np.nan),
            high=np.append(high, np.nan),
            ids=plant.ids,
            keeps_us=keeps_us,
        )

    def rows_of(self, gateway: str) -> dict[str, int]:
        """Return the rows of the tags a gateway may name: those of its own enterprise."""
        return self.plant.rows[self.plant.gateways[gateway].enterprise]
