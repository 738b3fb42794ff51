"""The messages of the contract, generated from proto/speakerline/v1 by `make proto`."""
