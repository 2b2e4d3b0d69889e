"""The EMR cluster: the requests that launch it and add steps, the operators that wait for it, its logs and its cost."""
