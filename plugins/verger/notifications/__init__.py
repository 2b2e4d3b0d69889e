"""Messages to people: a run failed, was published with warnings or is late; the janitor terminated a cluster."""
