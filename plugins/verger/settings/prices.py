"""What a node costs: stated prices, as settings.

The defaults are those of Europe (Paris). Where they are from, and which of them are confirmed, says
benchmarks/prices.py, which reckons with the same; c5 is taken to cost what c6i does, m6a and c6a a tenth less than m6i
and c6i.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verger.settings.fields import between, names

CURRENCY = "EUR"


@dataclass(frozen=True, kw_only=True)
class Prices:
    instance_prices: tuple[str, ...] = names(
        "On-Demand price of EC2 for each instance type, without tax, for the estimated cost of a run; a run on a type "
        "that is not here has no estimate",
        r"[a-z0-9-]+\.[a-z0-9-]+=\d+(\.\d+)?",
        "TYPE=PRICE, comma-separated",
        (
            *("m6i.xlarge=0.224", "m6a.xlarge=0.2016", "m5.xlarge=0.224"),
            *("c6i.xlarge=0.202", "c6a.xlarge=0.1818", "c5.xlarge=0.202"),
        ),
        least=0,
        unit="USD an hour",
    )
    spot_share: float = between("what EC2 asks for a Spot node", 0, 1, 0.40, "of the On-Demand price")
    emr_share: float = between("what EMR asks for a node, on Spot too", 0, 1, 0.25, "of EC2's On-Demand price")
    eur_for_usd: float = between("exchange rate of the estimated cost", 0.1, 10, 0.87, "EUR for a USD")

    @property
    def on_demand(self) -> Mapping[str, float]:
        """USD an hour of EC2, by instance type."""
        pairs = (text.split("=") for text in self.instance_prices)
        return {name: float(price) for name, price in pairs}

    def an_hour(self, instance_type: str, market: str) -> float | None:
        """EUR that EC2 and EMR ask for an hour of a node; None for a type without a price. `market`: EMR's word."""
        price = self.on_demand.get(instance_type)
        if price is None:
            return None
        share = self.spot_share if market == "SPOT" else 1.0
        return price * (share + self.emr_share) * self.eur_for_usd
