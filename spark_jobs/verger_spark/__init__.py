"""The package of the two Spark steps: features (step 1), pca (step 2), and io, which both use."""
