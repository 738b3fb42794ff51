"""The timeline of a call: its events folded into speakers, turns and marks, with statistics and exports. No I/O."""
