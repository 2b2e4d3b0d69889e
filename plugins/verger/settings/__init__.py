"""The settings of the pipeline, from environment variables. `python -m verger.settings` prints them as a table."""

from verger.settings.cluster import Cluster
from verger.settings.environment import Settings, read_group
from verger.settings.fields import SettingsError
from verger.settings.groups import (
    BASIS_POLICIES,
    Featurize,
    Pca,
    Retention,
    Schedule,
    Validation,
)
from verger.settings.janitor import Janitor
from verger.settings.notifications import Notifications
from verger.settings.prices import Prices
from verger.settings.sizing import Sizing
from verger.settings.storage import BUILT_ARTIFACTS, EU_REGIONS, Storage

__all__ = [
    "BASIS_POLICIES",
    "BUILT_ARTIFACTS",
    "EU_REGIONS",
    "Cluster",
    "Featurize",
    "Janitor",
    "Notifications",
    "Pca",
    "Prices",
    "Retention",
    "Schedule",
    "Settings",
    "SettingsError",
    "Sizing",
    "Storage",
    "Validation",
    "read_group",
]
