"""How well the suspects of the checks name photos whose labels were exchanged at random."""
