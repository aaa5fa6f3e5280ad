"""The work page of supervisors: what is owed, what waits for a person's decision, and whether anybody works."""
