"""What a call looks like: its events folded into speakers, turns and marks, with statistics and exports. No I/O."""
