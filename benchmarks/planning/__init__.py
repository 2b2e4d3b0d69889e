"""What Verger costs in AWS, computed from measured figures and stated prices."""
