"""What producers of calls say on the wire, as pure classes: a message in, signals out. No socket, no clock."""
