"""Step 2: from features to PCA coordinates."""
