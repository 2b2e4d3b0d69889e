"""The scenarios by family; `chaos.catalogue` has all of them."""
