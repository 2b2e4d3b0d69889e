"""How a command is measured: the tree of its processes, the photos it gets, the tables that hold the results."""
