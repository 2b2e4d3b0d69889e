"""Who may do what: the policies of the template, evaluated for the requests of the local S3 and EMR."""
