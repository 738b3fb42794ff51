"""Who may do what: keys of services, tokens, tickets, and the login of people."""
