"""The prices of nodes, as settings.

The defaults are prices of Europe (Paris). benchmarks/planning gives their sources and which of them are confirmed, and
calculates with the same values. Assumptions: c5 costs as much as c6i; m6a and c6a cost a tenth less than m6i and c6i;
m7i costs 5 % more than m6i, as c7i costs 5 % more than c6i. Other regions have other prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verger.settings.fields import between, names

CURRENCY = "EUR"


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices of EC2 and EMR for the estimated cost of a run."""

    instance_prices: tuple[str, ...] = names(
        "the On-Demand prices of EC2 by instance type, without tax; a run on other types has no estimated cost",
        r"[a-z0-9-]+\.[a-z0-9-]+=\d+(\.\d+)?",
        "TYPE=PRICE, comma-separated",
        (
            *("m6i.xlarge=0.224", "m6a.xlarge=0.2016", "m7i.xlarge=0.2352", "m5.xlarge=0.224"),
            *("c6i.xlarge=0.202", "c6a.xlarge=0.1818", "c7i.xlarge=0.2121", "c5.xlarge=0.202"),
            *("c7g.xlarge=0.1717", "m7g.xlarge=0.1904"),
        ),
        least=0,
        unit="USD an hour",
    )
    spot_share: float = between("the price of a Spot node", 0, 1, 0.40, "of the On-Demand price")
    emr_share: float = between("the price of EMR for a node, On-Demand or Spot", 0, 1, 0.25, "of EC2's On-Demand price")
    eur_for_usd: float = between("the exchange rate of the estimated cost", 0.1, 10, 0.87, "EUR for a USD")

    @property
    def on_demand(self) -> Mapping[str, float]:
        """USD an hour of EC2 by instance type."""
        pairs = (text.split("=") for text in self.instance_prices)
        return {name: float(price) for name, price in pairs}

    def hourly_price(self, instance_type: str, market: str) -> float | None:
        """Return the price of EC2 and EMR for an hour of a node in EUR, None for a type without a price.

        Parameters
        ----------
        market
            ON_DEMAND or SPOT, as in EMR's API.
        """
        price = self.on_demand.get(instance_type)
        if price is None:
            return None
        share = self.spot_share if market == "SPOT" else 1.0
        return price * (share + self.emr_share) * self.eur_for_usd
