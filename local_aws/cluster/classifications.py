"""The configuration classifications of a release.

Source: the table "Configuration classifications" of emr-6.5.0 in the EMR Release Guide, without the applications that
later releases do not have. From 6.8 on, Log4j 2 has classifications of its own instead of `spark-log4j` and others.
"""

from __future__ import annotations

NAMES = """
capacity-scheduler cloudwatch-logs container-executor container-log4j core-site delta-defaults docker-conf emrfs-site
emr-metrics flink-conf flink-log4j flink-log4j-session flink-log4j-cli hadoop-env hadoop-log4j hadoop-ssl-server
hadoop-ssl-client hbase hbase-env hbase-log4j hbase-metrics hbase-policy hbase-site hdfs-encryption-zones hdfs-env
hdfs-site hcatalog-env hcatalog-server-jndi hcatalog-server-proto-hive-site hcatalog-webhcat-env
hcatalog-webhcat-log4j2 hcatalog-webhcat-site hive hive-beeline-log4j2 hive-parquet-logging hive-env hive-exec-log4j2
hive-llap-daemon-log4j2 hive-log4j2 hive-site hiveserver2-site hue-ini httpfs-env httpfs-site hadoop-kms-acls
hadoop-kms-env hadoop-kms-log4j hadoop-kms-site hudi-env hudi-defaults iceberg-defaults jupyter-notebook-conf
jupyter-hub-conf jupyter-s3-conf jupyter-sparkmagic-conf livy-conf livy-env livy-log4j2 mapred-env mapred-site
oozie-env oozie-log4j oozie-site phoenix-hbase-metrics phoenix-hbase-site phoenix-log4j phoenix-metrics pig-env
pig-properties pig-log4j presto-log presto-config presto-env presto-node presto-connector-hive trino-log trino-config
trino-env trino-node trino-connector-hive spark spark-defaults spark-env spark-hive-site spark-log4j2 spark-metrics
tez-site yarn-env yarn-site zeppelin-env zeppelin-site zookeeper-config zookeeper-log4j
"""
TOP_LEVEL = frozenset(NAMES.split())


def is_valid(name: str, parent: str | None) -> bool:
    """Return whether a classification may stand in `Configurations` of its parent, None at the top level.

    Parameters
    ----------
    name, parent : str

    Examples
    --------
    >>> [is_valid("spark-env", None), is_valid("export", "spark-env"), is_valid("export", None), is_valid("spak", None)]
    [True, True, False, False]
    """
    return name in TOP_LEVEL if parent is None else name == "export" and parent.endswith("-env")
