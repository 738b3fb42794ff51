"""`python -m tests.compose`: the system of docker-compose.yml, built, started, killed piece by piece, and stopped."""
