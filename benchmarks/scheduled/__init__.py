"""What a scheduled run costs over large publications: every task of the DAG, measured one after the other."""
