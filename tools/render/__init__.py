"""Shows a timeline to people: as a picture for reports, and live in a terminal. Reads Timeline objects."""
