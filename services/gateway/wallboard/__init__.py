"""All calls of a tenant at a glance: a row a call, kept by one reader for everybody who looks."""
