"""What the services share: the contract, the runtime that runs every stage, and the clients."""
