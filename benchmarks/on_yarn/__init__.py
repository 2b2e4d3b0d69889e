"""Trials on a real YARN of several nodes: the whole DAG, lost nodes, the largest photos (`make yarn-trial`)."""
