"""Doors of the desk: read, one call, answer."""
