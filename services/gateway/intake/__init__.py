"""The way of a call from a producer's socket to Redis: its time, its rate, its limits, its end."""
