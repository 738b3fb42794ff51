"""Makes the model files that ship in this repository from the packages that carry their weights."""
