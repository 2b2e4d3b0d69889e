"""The cost of Verger in AWS, computed from measured figures and stated prices."""
