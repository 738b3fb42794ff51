"""The encodings of the contract, sample positions and resampling: pure functions over numpy arrays."""
