"""The packages that Verger depends on: known vulnerabilities, licences, and the SBOMs of what is deployed."""
