"""From the bytes of a photo to its features, without Spark, Airflow and S3.

The steps on the cluster, the thumbnails of the report and `verger_reader.py` use this package, so that all of them see
the same pixels. It needs numpy, Pillow and, for the features, ai-edge-litert.
"""
