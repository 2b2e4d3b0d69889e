"""The files that Amazon MWAA reads from its bucket: DAG, plugins, requirements and startup script."""
