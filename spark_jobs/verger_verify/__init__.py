"""The verification steps: they check the tables that a run wrote, and use no counts of the steps that wrote them."""
