"""published.json: its model, the commit, rollback, and the removal of expired data."""
