"""The YARN of a cluster: one ResourceManager and several NodeManagers, as processes of this machine."""
