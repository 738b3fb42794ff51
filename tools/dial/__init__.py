"""Plays a recording to a gateway as a telephony producer would: for demonstrations, tests and integrators."""
