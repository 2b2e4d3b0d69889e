"""How a command is measured: time, CPU time and memory of all its processes."""
