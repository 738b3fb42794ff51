"""Sound as numbers: the encodings of the contract, time, and resampling. Pure functions over numpy arrays."""
