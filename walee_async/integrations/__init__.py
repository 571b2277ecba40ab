"""Where this package meets others: one room for each third-party package, and one extra for each room."""
