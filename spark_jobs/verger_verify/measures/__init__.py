"""What is measured of rows. The results of parts of a table can be put together."""
