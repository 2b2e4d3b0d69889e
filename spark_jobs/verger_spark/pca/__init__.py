"""Step 2: sums up the features, keeps or fits the PCA basis, and writes the coordinates."""
