"""Other ways to the same features, each one as somebody who knows it well would write it. They run in the bench
environment and import nothing of Verger, unless asked to."""
