"""What operators use beside a running system: dashboards as code, and a check that their queries find something."""
