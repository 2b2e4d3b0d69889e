"""What benchmarks run on: local AWS with photos, Verger's steps and DAG, and the pages that hold the results."""
